// What a judge decided, in words.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "serve/status.hpp"

namespace nn::serve {
namespace {

using Json = nlohmann::json;

constexpr std::size_t longest = 600;

double number(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<double>() : 0;
}

std::string text(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? printable(found->get_ref<const std::string&>(), longest)
                                                   : "";
}

std::string share(double percent) {
  return percent > 0 ? fmt::format("{:.3g} % of the traffic", percent) : "copies of requests";
}

std::string act_of(const Json& json) {
  const std::string verdict = text(json, "verdict");
  const double step = number(json, "step"), control = number(json, "control");
  if (verdict == "begin") return fmt::format("is tried against version {:.0f} with {}", control, share(step));
  if (verdict == "advance")
    return fmt::format("goes on from {} to {:.3g} %", share(step), number(json, "to"));
  if (verdict == "promote") return "is the stable one now";
  if (verdict == "hold") return "is held at " + share(step);
  if (verdict == "resume") return "goes on with " + share(step);
  if (verdict == "rollback" && step <= 0) return "was rolled back before anybody was answered by it";
  if (verdict == "rollback") return fmt::format("was rolled back from {}", share(step));
  if (verdict == "incompatible")
    return fmt::format("is not tried, clients of version {:.0f} would fail", control);
  return verdict;
}

// "3 of 200 requests failed, and 1 of the control's 210".
std::string evidence_of(const Json& json) {
  const auto errors = json.find("errors");
  if (errors == json.end() || !errors->is_object()) return "";
  const auto pair = [&](const char* arm) -> std::pair<double, double> {
    const auto found = errors->find(arm);
    if (found == errors->end() || !found->is_array() || found->size() != 2) return {};
    if (!(*found)[0].is_number() || !(*found)[1].is_number()) return {};
    return {(*found)[0].get<double>(), (*found)[1].get<double>()};
  };
  const auto [failed, all] = pair("canary");
  const auto [control_failed, control] = pair("control");
  return fmt::format("; {:.0f} of its {:.0f} requests failed, and {:.0f} of the control's {:.0f}", failed,
                     all, control_failed, control);
}

}  // namespace

std::string decision_text(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  constexpr double end_of_time = 253'402'300'799;  // of the year 9999
  const double time = json.is_object() ? number(json, "time") : 0;
  if (time <= 0 || time > end_of_time || text(json, "verdict").empty()) return printable(line, longest);
  const std::string reason = text(json, "reason");
  return fmt::format("{:%F %T} UTC: version {:.0f} {}{}{}{}", fmt::gmtime(static_cast<std::time_t>(time)),
                     number(json, "version"), act_of(json), text(json, "by") == "hand" ? ", by hand" : "",
                     reason.empty() ? "" : ": " + reason, evidence_of(json));
}

}  // namespace nn::serve
