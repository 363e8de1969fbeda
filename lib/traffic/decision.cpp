#include "traffic/decision.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>
#include <vector>

namespace nn::traffic {
namespace {

std::string number(double value) { return std::isfinite(value) ? fmt::format("{:.6g}", value) : "null"; }

std::string span(const Span& span, double scale = 1) {
  return fmt::format("[{},{}]", number(span.low / scale), number(span.high / scale));
}

// Names, and what becomes of them as JSON.
std::vector<std::pair<std::string, std::string>> evidence_fields(const Evidence& e) {
  std::vector<std::pair<std::string, std::string>> fields;
  if (e.canary_requests + e.control_requests > 0) {
    fields.emplace_back("errors", fmt::format(R"({{"canary":[{},{}],"control":[{},{}],"diff_ci":{}}})",
                                              e.canary_errors, e.canary_requests, e.control_errors,
                                              e.control_requests, span(e.error_difference)));
    fields.emplace_back("p95_ms", fmt::format(R"({{"canary":{},"control":{}}})", span(e.canary_p95_us, 1000),
                                              span(e.control_p95_us, 1000)));
    fields.emplace_back(
        "nonfinite", fmt::format(R"({{"canary":{},"control":{}}})", e.canary_nonfinite, e.control_nonfinite));
    fields.emplace_back("slower", number(e.slower));
  }
  if (e.shadow_requests > 0) {
    fields.emplace_back("agreement", number(e.agreement));
    fields.emplace_back(
        "shadow",
        fmt::format(R"({{"requests":{},"rows":{},"errors":{},"nonfinite":{},"dropped":{},"distance":{}}})",
                    e.shadow_requests, e.shadow_rows, e.shadow_errors, e.shadow_nonfinite, e.shadow_dropped,
                    number(e.distance)));
  }
  return fields;
}

}  // namespace

const EnumNames<Verdict>& enum_names(Verdict) {
  static constexpr EnumName<Verdict> table[] = {
      {Verdict::begin, "begin"},       {Verdict::advance, "advance"},
      {Verdict::promote, "promote"},   {Verdict::hold, "hold"},
      {Verdict::resume, "resume"},     {Verdict::rollback, "rollback"},
      {Verdict::progress, "progress"}, {Verdict::incompatible, "incompatible"}};
  static constexpr EnumNames<Verdict> names{"a verdict", table};
  return names;
}

std::string to_json(const Decision& decision, std::string_view model, double unix_s, std::string_view more) {
  std::string line = "{";
  add_json(line, "time", std::round(unix_s * 1000) / 1000);
  add_json(line, "model", model);
  add_json(line, "version", decision.version);
  add_json(line, "control", decision.control);
  add_json(line, "step", decision.step);
  add_json(line, "verdict", enum_names(decision.verdict).name_of(decision.verdict));
  if (decision.verdict == Verdict::advance) add_json(line, "to", decision.to);
  if (decision.by_hand) add_json(line, "by", "hand");
  if (decision.evidence) {
    for (const auto& [name, json] : evidence_fields(*decision.evidence))
      add_json(line, name, JsonValue::of_json(json));
  }
  line += more;
  if (!decision.reason.empty()) add_json(line, "reason", decision.reason);
  return line + "}";
}

JsonFields log_fields(const Decision& decision, std::string_view model) {
  JsonFields fields = {{"model", model},
                       {"version", decision.version},
                       {"control", decision.control},
                       {"step", decision.step},
                       {"verdict", enum_names(decision.verdict).name_of(decision.verdict)},
                       {"reason", decision.reason}};
  if (decision.verdict == Verdict::advance) fields.emplace("to", decision.to);
  if (decision.by_hand) fields.emplace("by", "hand");
  if (!decision.evidence) return fields;
  for (auto& [name, json] : evidence_fields(*decision.evidence))
    fields.emplace(name, JsonValue::of_json(std::move(json)));
  return fields;
}

}  // namespace nn::traffic
