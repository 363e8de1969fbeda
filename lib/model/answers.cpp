#include "model/answers.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.hpp"
#include "base/text.hpp"
#include "nn/network.hpp"

namespace nn::model {
namespace {

constexpr std::string_view normal_text = "normal", quantiles_text = "quantiles:";

std::optional<Answers> quantiles_of(const std::vector<std::string>& texts) {
  Answers answers{Answers::Kind::quantiles, {}};
  for (const std::string& text : texts) {
    double value = 0;
    const char* end = text.data() + text.size();
    if (const auto result = std::from_chars(text.data(), end, value);
        result.ptr != end || result.ec != std::errc())
      return std::nullopt;
    answers.quantiles.push_back(value);
  }
  if (!are_quantiles(answers.quantiles)) return std::nullopt;
  return answers;
}

}  // namespace

std::int64_t Answers::each() const {
  switch (kind) {
    case Kind::values: break;
    case Kind::quantiles: return std::ssize(quantiles);
    case Kind::normal: return 2;
  }
  return 1;
}

std::vector<std::string> Answers::names() const {
  if (kind == Kind::normal) return {"mean", "std"};
  std::vector<std::string> names;
  for (const double quantile : quantiles) names.push_back(fmt::format("q{}", quantile));
  return names;
}

std::size_t Answers::point() const {
  if (kind != Kind::quantiles) return 0;
  const auto distance = [](double quantile) { return std::abs(quantile - 0.5); };
  const auto nearest = std::ranges::min_element(quantiles, {}, distance);
  return static_cast<std::size_t>(nearest - quantiles.begin());
}

Answers::Kind answers_kind_of(Loss loss) {
  return loss == Loss::pinball    ? Answers::Kind::quantiles
         : loss == Loss::gaussian ? Answers::Kind::normal
                                  : Answers::Kind::values;
}

std::string Answers::text() const {
  switch (kind) {
    case Kind::values: break;
    case Kind::quantiles: return fmt::format("{}{}", quantiles_text, fmt::join(quantiles, ","));
    case Kind::normal: return std::string(normal_text);
  }
  return {};
}

Answers parse_answers(std::string_view text) {
  if (text == normal_text) return {Answers::Kind::normal, {}};
  std::optional<Answers> answers;
  if (text.starts_with(quantiles_text))
    answers = quantiles_of(split(text.substr(quantiles_text.size()), ','));
  if (!answers) fail_data("'{}' is no kind of answers that is known here", printable(text, 40));
  return *answers;
}

std::optional<Answers> answers_of_names(const std::vector<std::string>& names) {
  Answers normal{Answers::Kind::normal, {}};
  if (names == normal.names()) return normal;
  std::vector<std::string> numbers;
  for (const std::string& name : names) {
    if (!name.starts_with('q')) return std::nullopt;
    numbers.push_back(name.substr(1));
  }
  return quantiles_of(numbers);
}

}  // namespace nn::model
