#include "sweep/agent_protocol.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
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
  Json operator()(const TrialStarted& m) const {
    return {{"is", "started"}, {"trial", m.trial}, {"process", m.process}};
  }
  Json operator()(const TrialReport& m) const {
    Json out{{"is", "report"}, {"trial", m.trial}};
    if (m.report.step) out["step"] = *m.report.step;
    if (m.report.member) out["member"] = *m.report.member;
    if (m.report.end) out["end"] = {{"finished", m.report.end->finished}, {"reason", m.report.end->reason}};
    out["metrics"] = Json::object();
    for (const auto& [name, value] : m.report.metrics) out["metrics"][name] = number(value);
    return out;
  }
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

template <typename Message>
std::string line_of(const Message& message) {
  return json_dump(std::visit(Writer{}, message)) + '\n';
}

// What a parser finds wrong, missing keys and other types too, becomes a data error.
template <typename Result, typename Read>
Result parse(std::string_view line, Read read) {
  if (json_nests_deeper(line, deepest)) fail_data("a message that nests too deep");
  try {
    return read(Json::parse(line));
  } catch (const Json::exception&) {
    fail_data("'{}' is no message of an agent", printable(line));
  }
}

}  // namespace

Clock::duration duration_of(double seconds) {
  constexpr double most = 86'400;
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(seconds >= 0 ? std::min(seconds, most) : 0));
}

std::string to_line(const ToAgent& message) { return line_of(message); }
std::string to_line(const FromAgent& message) { return line_of(message); }

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
    if (what == "started") return TrialStarted{m.at("trial"), m.at("process")};
    if (what == "report") {
      TrialReport out{m.at("trial"), {}};
      if (const auto step = m.find("step"); step != m.end()) out.report.step = step->get<std::int64_t>();
      if (const auto member = m.find("member"); member != m.end())
        out.report.member = member->get<std::int64_t>();
      if (const auto end = m.find("end"); end != m.end())
        out.report.end = MemberEnd{end->at("finished"), end->at("reason")};
      for (const auto& [name, value] : m.at("metrics").items())
        out.report.metrics.emplace(name, number(value));
      return out;
    }
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
