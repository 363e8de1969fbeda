#include "evaluate/comparison_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_text.hpp"
#include "base/text.hpp"

namespace nn::evaluate {
namespace {

using Json = nlohmann::ordered_json;

// The names of files without their folders, where they differ so.
std::string name_of(const ComparisonReport& report, bool second) {
  const auto file = [](const std::string& path) { return path.substr(path.rfind('/') + 1); };
  const std::string &one = second ? report.second : report.first,
                    &other = second ? report.first : report.second;
  return printable(file(one) != file(other) ? file(one) : one, 40);
}

std::string p_text(const std::optional<double>& p) {
  if (!p) return "-";
  return *p < 1e-4 ? fmt::format("{:.1e}", *p) : fmt::format("{:.4f}", *p);
}

bool is_sure(const ComparisonReport& report, const PairedTest& test) {
  return test.p && *test.p < 1 - report.confidence && test.sign() != 0;
}

std::string value_text(const PairedTest& test, double value) {
  return test.figure == "mse" ? fmt::format("{:.6g}", value) : fmt::format("{:.4f}", value);
}

// "accuracy 0.9 to 0.8, p = 0.002 (McNemar, 12 rows to 3)", the better model's value first.
std::string because(const PairedTest& test, bool second_first) {
  std::string text = fmt::format("{} {} to {}, p = {}", test.figure,
                                 value_text(test, second_first ? test.second : test.first),
                                 value_text(test, second_first ? test.first : test.second), p_text(test.p));
  if (test.figure == "accuracy")
    return text + fmt::format(" (McNemar: {} rows to {})", second_first ? test.second_only : test.first_only,
                              second_first ? test.first_only : test.second_only);
  return text + " (paired t)";
}

// 0: none is; below 0 the first.
int better_of(const ComparisonReport& report) {
  int sign = 0;
  for (const PairedTest& test : report.tests) {
    if (!is_sure(report, test)) continue;
    if (sign != 0 && sign != test.sign()) return 0;
    sign = test.sign();
  }
  return sign;
}

Json value_or_null(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json();
}

}  // namespace

std::string verdict_of(const ComparisonReport& report) {
  const int better = better_of(report);
  std::string reasons;
  const auto add = [&](const std::string& reason) { reasons += (reasons.empty() ? "" : "; ") + reason; };
  if (better != 0) {
    for (const PairedTest& test : report.tests)
      if (is_sure(report, test)) add(because(test, better > 0));
    return fmt::format("{} is better: {}", name_of(report, better > 0), reasons);
  }
  if (std::any_of(report.tests.begin(), report.tests.end(),
                  [&](const PairedTest& test) { return is_sure(report, test); })) {
    for (const PairedTest& test : report.tests)
      add(fmt::format("{} has the better {}", name_of(report, test.sign() > 0),
                      because(test, test.sign() > 0)));
    return "each is better in one of them: " + reasons;
  }
  for (const PairedTest& test : report.tests) add(because(test, false));
  return fmt::format("neither is better for sure: {}", reasons);
}

std::string to_text(const ComparisonReport& report) {
  const std::string first = name_of(report, false), second = name_of(report, true);
  const std::size_t width = std::max<std::size_t>({10, first.size(), second.size()});
  std::string text =
      fmt::format("rows       {:>{}}\n\n{:<10} {:>{}} {:>{}} {:>12} {:>10}  {:g} % interval\n", report.rows,
                  width, "", first, width, second, width, "difference", "p", report.confidence * 100);
  for (const PairedTest& test : report.tests) {
    text +=
        fmt::format("{:<10} {:>{}} {:>{}} {:>12} {:>10}  ", test.figure, value_text(test, test.first), width,
                    value_text(test, test.second), width, value_text(test, test.difference), p_text(test.p));
    text += test.low ? fmt::format("{} … {}\n", value_text(test, *test.low), value_text(test, *test.high))
                     : "-\n";
    if (test.figure == "accuracy")
      text += fmt::format("{:<10} {:>{}} {:>{}}\n", "only right", test.first_only, width, test.second_only,
                          width);
  }
  return text + "\n" + verdict_of(report) + "\n";
}

std::string to_json(const ComparisonReport& report) {
  const int better = better_of(report);
  Json json = {{"rows", report.rows},
               {"first", report.first},
               {"second", report.second},
               {"first_only", report.first_only},
               {"second_only", report.second_only},
               {"confidence", report.confidence},
               {"better", better == 0 ? Json() : Json(better < 0 ? "first" : "second")},
               {"verdict", verdict_of(report)},
               {"tests", Json::array()}};
  for (const PairedTest& test : report.tests) {
    Json one = {{"figure", test.figure},
                {"test", test.figure == "accuracy" ? "mcnemar" : "paired t"},
                {"first", value_or_null(test.first)},
                {"second", value_or_null(test.second)},
                {"difference", value_or_null(test.difference)},
                {"low", value_or_null(test.low)},
                {"high", value_or_null(test.high)},
                {"p", value_or_null(test.p)}};
    if (test.figure == "accuracy") {
      one["first_only_right"] = test.first_only;
      one["second_only_right"] = test.second_only;
    }
    json["tests"].push_back(std::move(one));
  }
  return json_dump(json) + "\n";
}

}  // namespace nn::evaluate
