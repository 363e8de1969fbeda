// What a judge leaves in the history, and how another goes on from there.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "traffic/judge.hpp"

namespace nn::traffic {
namespace {

using Json = nlohmann::json;

constexpr std::size_t deepest = 8;
constexpr std::uint64_t most = 1ull << 53;  // of a count: readers may have doubles

std::string counts_json(const ArmCounts& counts) {
  std::string text = fmt::format(R"({{"requests":{},"errors":{},"nonfinite":{},"us":[)", counts.requests,
                                 counts.errors, counts.nonfinite);
  bool first = true;
  for (std::size_t i = 0; i < LogHistogram::buckets; ++i) {
    if (counts.us.count_of(i) == 0) continue;
    text += fmt::format("{}[{},{}]", first ? "" : ",", i, counts.us.count_of(i));
    first = false;
  }
  return text + "]}";
}

std::optional<std::uint64_t> count_of(const Json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_number_unsigned()) return std::nullopt;
  const auto value = at->get<std::uint64_t>();
  return value <= most ? std::optional(value) : std::nullopt;
}

std::optional<ArmCounts> read_counts(const Json& object) {
  if (!object.is_object()) return std::nullopt;
  ArmCounts counts;
  const auto requests = count_of(object, "requests"), errors = count_of(object, "errors"),
             nonfinite = count_of(object, "nonfinite");
  const auto us = object.find("us");
  if (!requests || !errors || !nonfinite || us == object.end() || !us->is_array()) return std::nullopt;
  counts.requests = *requests;
  counts.errors = *errors;
  counts.nonfinite = *nonfinite;
  for (const Json& bucket : *us) {
    if (!bucket.is_array() || bucket.size() != 2 || !bucket[0].is_number_unsigned() ||
        !bucket[1].is_number_unsigned())
      return std::nullopt;
    const auto place = bucket[0].get<std::uint64_t>(), count = bucket[1].get<std::uint64_t>();
    if (place >= LogHistogram::buckets || count > UINT32_MAX) return std::nullopt;
    if (counts.us.count_of(place) != 0) return std::nullopt;
    counts.us.add(place, count);
  }
  if (counts.errors > counts.requests || counts.nonfinite > counts.requests ||
      counts.us.count() > counts.requests - counts.errors)
    return std::nullopt;
  return counts;
}

std::optional<Comparison> read_comparison(const Json& list) {
  if (!list.is_array() || list.size() > 64) return std::nullopt;
  std::vector<double> numbers;
  for (const Json& number : list) {
    if (!number.is_number()) return std::nullopt;
    numbers.push_back(number.get<double>());
  }
  return Comparison::from_numbers(numbers);
}

std::optional<Json> parse_line(std::string_view line) {
  if (line.empty() || json_nests_deeper(line, deepest)) return std::nullopt;
  Json json = Json::parse(line, nullptr, false);
  return json.is_object() ? std::optional(std::move(json)) : std::nullopt;
}

}  // namespace

Decision Judge::progress() const { return decision(Verdict::progress, ""); }

bool Judge::worth_saving() const {
  const std::uint64_t now = canary_.requests + control_counts_.requests + shadow_.requests();
  return !over_ && now > saved_ + saved_ / 2 + 50;
}

std::string Judge::saved(double now_s) {
  saved_ = canary_.requests + control_counts_.requests + shadow_.requests();
  std::string text = fmt::format(
      R"(,"elapsed_s":{:.3f},"looks":{},"counts":{{"canary":{},"control":{}}},"pairs":[)",
      std::max(0.0, now_s - since_s_), looks_, counts_json(canary_), counts_json(control_counts_));
  const std::vector<double> numbers = shadow_.numbers();
  for (std::size_t i = 0; i < numbers.size(); ++i) text += fmt::format("{}{}", i == 0 ? "" : ",", numbers[i]);
  return text + "]";
}

void Judge::replay(Verdict verdict, double to, double now_s) {
  switch (verdict) {
    case Verdict::advance: {
      const auto at =
          std::find_if(policy_.steps.begin(), policy_.steps.end(), [&](double step) { return step >= to; });
      // Steps may have changed meanwhile: the last that aren't all users is the most that goes on by itself.
      step_ = std::min(at - policy_.steps.begin(), static_cast<std::ptrdiff_t>(policy_.steps.size()) - 1);
      if (step_ > 0 && step() >= 100) --step_;
      begin_step(now_s);
      break;
    }
    case Verdict::hold: held_ = true; break;
    case Verdict::resume:
      held_ = false;
      begin_step(now_s);
      break;
    case Verdict::promote:
    case Verdict::rollback:
    case Verdict::incompatible: over_ = true; break;
    case Verdict::begin:
    case Verdict::progress: break;
  }
}

bool Judge::restore(std::string_view line, double now_s) {
  const auto json = parse_line(line);
  if (!json || !json->contains("counts") || !(*json)["counts"].is_object()) return false;
  const Json& counts = (*json)["counts"];
  const auto looks = count_of(*json, "looks");
  if (!looks || *looks > all_looks || !json->contains("elapsed_s") || !(*json)["elapsed_s"].is_number())
    return false;
  if (!counts.contains("canary") || !counts.contains("control") || !json->contains("pairs")) return false;
  const auto canary = read_counts(counts["canary"]), control = read_counts(counts["control"]);
  const auto pairs = read_comparison((*json)["pairs"]);
  const double elapsed = (*json)["elapsed_s"].get<double>();
  if (!canary || !control || !pairs || !(elapsed >= 0) || elapsed > 1e9) return false;
  canary_ = *canary;
  control_counts_ = *control;
  shadow_ = *pairs;
  looks_ = static_cast<std::size_t>(*looks);
  since_s_ = now_s - elapsed;
  saved_ = canary_.requests + control_counts_.requests + shadow_.requests();
  return true;
}

std::optional<Judge> Judge::resumed(const CanaryPolicy& policy, std::string_view history, double now_s) {
  std::optional<Judge> judge;
  while (!history.empty()) {
    const auto end = std::min(history.find('\n'), history.size());
    const std::string_view line = history.substr(0, end);
    history.remove_prefix(std::min(end + 1, history.size()));
    const auto json = parse_line(line);
    if (!json) continue;
    const auto version = count_of(*json, "version");
    const auto word = json->find("verdict");
    if (!version || word == json->end() || !word->is_string()) continue;
    const auto& table = enum_names(Verdict{}).table;
    const auto verdict = std::find_if(table.begin(), table.end(), [&](const auto& entry) {
      return entry.name == word->get_ref<const std::string&>();
    });
    if (verdict == table.end()) continue;
    if (verdict->value == Verdict::begin) {
      const auto control = count_of(*json, "control");
      if (control) judge.emplace(policy, *version, *control, now_s);
      continue;
    }
    if (!judge || judge->version_ != *version) continue;
    const auto to = json->find("to");
    const double percent = to != json->end() && to->is_number() ? to->get<double>() : 0;
    if (verdict->value == Verdict::progress) {
      judge->restore(line, now_s);
    } else {
      judge->replay(verdict->value, percent, now_s);
    }
  }
  if (judge && judge->over_) judge.reset();
  return judge;
}

}  // namespace nn::traffic
