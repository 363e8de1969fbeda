#include "sweep/agent_protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "base/error.hpp"
#include "base/json_cursor.hpp"
#include "base/json_lines.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"

namespace nn::sweep {
namespace {

using Json = nlohmann::json;

constexpr std::size_t deepest = 8;

// JSON has no words for these.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

double number(const Json& value) {
  if (!value.is_string()) return value.get<double>();
  const std::string& text = value.get_ref<const std::string&>();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  return text == "Infinity" ? std::numeric_limits<double>::infinity()
                            : -std::numeric_limits<double>::infinity();
}

Json json_of(const study::Checkpoint& checkpoint) {
  return {{"path", checkpoint.path},
          {"bytes", checkpoint.bytes},
          {"modified_ns", checkpoint.modified_ns},
          {"xxh3", checkpoint.xxh3}};
}

std::optional<study::Checkpoint> checkpoint_in(const Json& message, const char* key) {
  const auto found = message.find(key);
  if (found == message.end()) return std::nullopt;
  study::Checkpoint checkpoint;
  checkpoint.path = found->at("path");
  checkpoint.bytes = found->at("bytes");
  checkpoint.modified_ns = found->at("modified_ns");
  checkpoint.xxh3 = found->at("xxh3");
  return checkpoint;
}

struct Writer {
  Json operator()(const StartTrial& m) const {
    Json out{{"do", "start"},
             {"trial", m.trial},
             {"words", m.words},
             {"environment", m.environment},
             {"directory", m.directory},
             {"log", m.log},
             {"change_directory", m.change_directory},
             {"device", m.slot.device},
             {"host", m.slot.host},
             {"share", m.slot.share},
             {"mask", m.mask},
             {"standard_output", m.metrics.standard_output},
             {"expression", m.metrics.expression},
             {"metric", m.metric},
             {"metric_file", m.metric_file},
             {"checkpoint", m.checkpoint},
             {"keep_own", m.keep_own}};
    if (m.after) out["after"] = *m.after;
    if (m.from) out["from"] = json_of(*m.from);
    if (m.control) out["control"] = *m.control;
    return out;
  }
  Json operator()(const SignalTrial& m) const {
    return {{"do", "signal"}, {"trial", m.trial}, {"signal", m.signal}};
  }
  Json operator()(const FindFile& m) const { return {{"do", "find"}, {"path", m.path}}; }
  Json operator()(const FileFound& m) const {
    return {{"is", "found"}, {"path", m.path}, {"found", m.found}};
  }
  Json operator()(const ControlTrial& m) const {
    return {{"do", "control"}, {"trial", m.trial}, {"line", m.line}};
  }
  Json operator()(const StillAlive& m) const {
    return {{"do", "live"}, {"question", m.question}, {"lease", m.lease_s}, {"age", m.age_s}};
  }
  Json operator()(const AgentReady& m) const {
    return {{"is", "ready"},        {"protocol", m.protocol}, {"version", m.version}, {"host", m.host},
            {"process", m.process}, {"devices", m.devices},   {"id", m.id},           {"alone", m.is_alone}};
  }
  Json operator()(const AgentAsks& m) const { return {{"is", "asking"}, {"question", m.question}}; }
  Json operator()(const TrialEnded& m) const {
    Json out{{"is", "ended"},    {"trial", m.trial}, {"error", m.error},     {"temporary", m.temporary},
             {"wall", m.wall_s}, {"user", m.user_s}, {"system", m.system_s}, {"memory", m.most_memory_kb},
             {"tail", m.tail}};
    if (m.lost_checkpoint) out["lost_checkpoint"] = true;
    if (m.checkpoint) out["checkpoint"] = json_of(*m.checkpoint);
    if (m.status) out["status"] = *m.status;
    if (m.last_number) out["last_number"] = number(*m.last_number);
    return out;
  }
};

// Of reports there are many: they are written and read without a tree. Python's words for numbers that JSON
// has none for are understood by both sides.
constexpr std::string_view report_begin = R"({"is":"report")";

std::string line_of(const TrialReport& m) {
  std::string out(report_begin);
  add_json(out, "trial", m.trial);
  if (m.report.step) add_json(out, "step", *m.report.step);
  if (m.report.member) add_json(out, "member", *m.report.member);
  if (m.report.end) {
    out += R"(,"end":{)";
    add_json(out, "finished", m.report.end->finished);
    add_json(out, "reason", m.report.end->reason);
    out += '}';
  }
  out += R"(,"metrics":{)";
  for (const auto& [name, value] : m.report.metrics) {
    if (out.back() != '{') out += ',';
    fmt::format_to(std::back_inserter(out), "{}:", json_quoted(name));
    if (std::isfinite(value)) {
      fmt::format_to(std::back_inserter(out), "{}", value);
    } else {
      out += std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
    }
  }
  return out + "}}\n";
}

[[noreturn]] void fail_message(std::string_view line) {
  fail_data("'{}' is no message of an agent", printable(line));
}

TrialReport parse_trial_report(std::string_view line) {
  std::deque<std::string> unescaped;
  JsonCursor json(line, unescaped, deepest);
  TrialReport out;
  std::uint64_t trial = UINT64_MAX;
  json.object([&](std::string_view key) {
    if (key == "trial") {
      trial = json.count();
    } else if (key == "step") {
      out.report.step = json.integer();
    } else if (key == "member") {
      out.report.member = json.integer();
    } else if (key == "end") {
      MemberEnd& end = out.report.end.emplace();
      json.object([&](std::string_view what) {
        if (what == "finished") end.finished = json.boolean();
        if (what == "reason") end.reason = json.string();
      });
    } else if (key == "metrics") {
      json.object([&](std::string_view name) { out.report.metrics.emplace(name, json.number()); });
    } else {
      json.skip();
    }
  });
  if (!json.ok() || !json.at_end() || trial > UINT32_MAX) fail_message(line);
  out.trial = static_cast<std::uint32_t>(trial);
  return out;
}

template <typename Message>
std::string line_of_any(const Message& message) {
  return std::visit(
      [](const auto& m) {
        if constexpr (std::is_same_v<std::decay_t<decltype(m)>, TrialReport>) {
          return line_of(m);
        } else {
          return json_dump(Writer{}(m)) + '\n';
        }
      },
      message);
}

// What a parser finds wrong, missing keys and other types too, becomes a data error.
template <typename Result, typename Read>
Result parse(std::string_view line, Read read) {
  if (json_nests_deeper(line, deepest)) fail_data("a message that nests too deep");
  try {
    return read(Json::parse(line));
  } catch (const Json::exception&) {
    fail_message(line);
  }
}

}  // namespace

Clock::duration duration_of(double seconds) {
  constexpr double most = 86'400;
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(seconds >= 0 ? std::min(seconds, most) : 0));
}

std::string to_line(const ToAgent& message) { return line_of_any(message); }
std::string to_line(const FromAgent& message) { return line_of_any(message); }

ToAgent parse_to_agent(std::string_view line) {
  return parse<ToAgent>(line, [](const Json& m) -> ToAgent {
    const std::string what = m.at("do");
    if (what == "signal") return SignalTrial{m.at("trial"), m.at("signal")};
    if (what == "find") return FindFile{m.at("path")};
    if (what == "control") return ControlTrial{m.at("trial"), m.at("line")};
    if (what == "live") return StillAlive{m.at("question"), number(m.at("lease")), number(m.at("age"))};
    if (what != "start")
      fail_data("a message of a kind that this version doesn't know: '{}'", printable(what));
    StartTrial start;
    start.trial = m.at("trial");
    start.words = m.at("words").get<std::vector<std::string>>();
    if (start.words.empty()) fail_data("a command without words");
    start.environment = m.at("environment").get<std::vector<std::string>>();
    start.directory = m.at("directory");
    start.log = m.at("log");
    start.change_directory = m.at("change_directory");
    start.slot = {m.at("host"), m.at("device"), m.at("share")};
    start.mask = m.at("mask");
    start.metrics = {m.at("standard_output"), m.at("expression")};
    start.metric = m.at("metric");
    start.metric_file = m.at("metric_file");
    if (const auto after = m.find("after"); after != m.end()) start.after = after->get<std::uint32_t>();
    start.checkpoint = m.at("checkpoint");
    start.keep_own = m.at("keep_own");
    start.from = checkpoint_in(m, "from");
    if (const auto control = m.find("control"); control != m.end())
      start.control = control->get<std::string>();
    return start;
  });
}

FromAgent parse_from_agent(std::string_view line) {
  if (line.starts_with(report_begin)) return parse_trial_report(line);
  return parse<FromAgent>(line, [](const Json& m) -> FromAgent {
    const std::string what = m.at("is");
    if (what == "ready") {
      AgentReady out;
      out.protocol = m.at("protocol");
      out.version = m.at("version");
      if (out.protocol != agent_protocol) return out;  // no more is known of it
      out.host = m.at("host");
      out.process = m.at("process");
      out.devices = m.at("devices").get<std::vector<std::string>>();
      out.id = m.at("id");
      out.is_alone = m.at("alone");
      return out;
    }
    if (what == "found") return FileFound{m.at("path"), m.at("found")};
    if (what == "asking") return AgentAsks{m.at("question")};
    if (what != "ended")
      fail_data("a message of a kind that this version doesn't know: '{}'", printable(what));
    TrialEnded out;
    out.trial = m.at("trial");
    if (const auto status = m.find("status"); status != m.end()) out.status = status->get<int>();
    out.error = m.at("error");
    out.temporary = m.at("temporary");
    out.lost_checkpoint = m.value("lost_checkpoint", false);
    out.checkpoint = checkpoint_in(m, "checkpoint");
    if (const auto last = m.find("last_number"); last != m.end()) out.last_number = number(*last);
    out.wall_s = m.at("wall");
    out.user_s = m.at("user");
    out.system_s = m.at("system");
    out.most_memory_kb = m.at("memory");
    out.tail = m.at("tail");
    return out;
  });
}

}  // namespace nn::sweep
