#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "ensemble/rules.hpp"

namespace nn::ensemble {
namespace {

double minus_p_log_p(double p) { return p > 0 ? -p * std::log(p) : 0; }

double entropy(const float* p, std::int64_t classes) {
  double sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) sum += minus_p_log_p(p[c]);
  return sum;
}

using Members = std::span<const float* const>;

double mean_at(Members members, std::int64_t at) {
  double sum = 0;
  for (const float* member : members) sum += member[at];
  return sum / static_cast<double>(members.size());
}

double variance(Members members, std::int64_t first, std::int64_t width) {
  double sum = 0;
  for (std::int64_t at = first; at < first + width; ++at) {
    const double mean = mean_at(members, at);
    for (const float* member : members) sum += (member[at] - mean) * (member[at] - mean);
  }
  return sum / static_cast<double>(members.size()) / static_cast<double>(width);
}

double mutual_information(Members members, std::int64_t first, std::int64_t classes) {
  double of_mean = 0;
  for (std::int64_t at = first; at < first + classes; ++at) of_mean += minus_p_log_p(mean_at(members, at));
  double mean = 0;
  for (const float* member : members) mean += entropy(member + first, classes);
  // Rounding may leave a hair below 0 where all members agree.
  return std::max(0.0, of_mean - mean / static_cast<double>(members.size()));
}

}  // namespace

const EnumNames<Uncertainty>& enum_names(Uncertainty) {
  static constexpr EnumName<Uncertainty> table[] = {{Uncertainty::entropy, "entropy"},
                                                    {Uncertainty::variance, "variance"},
                                                    {Uncertainty::deviation, "std"},
                                                    {Uncertainty::mutual_information, "mutual-information"}};
  static constexpr EnumNames<Uncertainty> names{"an uncertainty", table};
  return names;
}

std::string_view name_of(Uncertainty kind) { return enum_names(kind).name_of(kind); }
Uncertainty parse_uncertainty(std::string_view name) { return enum_names(Uncertainty{}).parse(name); }

bool fits_numbers(Uncertainty kind) {
  return kind == Uncertainty::variance || kind == Uncertainty::deviation;
}

void uncertainty(Uncertainty kind, Members members, const float* combined, std::int64_t rows,
                 std::int64_t width, std::int64_t counted, bool classes, float* out) {
  if (!classes && !fits_numbers(kind)) {
    fail_usage("uncertainty {} is for classes; for numbers there are variance and std", name_of(kind));
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t at = row * width;
    switch (kind) {
      case Uncertainty::entropy: out[row] = static_cast<float>(entropy(combined + at, width)); break;
      case Uncertainty::variance: out[row] = static_cast<float>(variance(members, at, counted)); break;
      case Uncertainty::deviation:
        out[row] = static_cast<float>(std::sqrt(variance(members, at, counted)));
        break;
      case Uncertainty::mutual_information:
        out[row] = static_cast<float>(mutual_information(members, at, width));
        break;
    }
  }
}

}  // namespace nn::ensemble
