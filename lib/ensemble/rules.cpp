#include "ensemble/rules.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <numeric>
#include <string>

#include "base/error.hpp"
#include "base/text.hpp"
#include "predict/argmax.hpp"

namespace nn::ensemble {
namespace {

using Members = std::span<const float* const>;

// Values in flight of the streaming rules: fits the first-level cache, and a constant
// length lets the compiler vectorise without a remainder.
constexpr std::int64_t block = 512;

// sum = or += factor * values, for a block or what is left at the end.
template <bool weighted, bool first>
void add_values(double* sum, const float* values, double factor, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double value = weighted ? factor * values[i] : double{values[i]};
    sum[i] = first ? value : sum[i] + value;
  }
}

template <bool weighted, bool first>
void add_block(double* sum, const float* values, double factor, std::int64_t n) {
  if (n == block) {
    add_values<weighted, first>(sum, values, factor, block);
  } else {
    add_values<weighted, first>(sum, values, factor, n);
  }
}

// Sum of factor * member over all members, times `scale`.
template <bool weighted>
void sum_members(Members members, std::span<const double> weights, double scale, std::int64_t count,
                 float* out) {
  alignas(64) double sum[block];
  const auto factor = [&](std::size_t m) { return weighted ? weights[m] : 1.0; };
  for (std::int64_t at = 0; at < count; at += block) {
    const std::int64_t n = std::min(block, count - at);
    add_block<weighted, true>(sum, members[0] + at, factor(0), n);
    for (std::size_t m = 1; m < members.size(); ++m)
      add_block<weighted, false>(sum, members[m] + at, factor(m), n);
    for (std::int64_t i = 0; i < n; ++i) out[at + i] = static_cast<float>(sum[i] * scale);
  }
}

void mean_of_members(Members members, std::int64_t count, float* out) {
  sum_members<false>(members, {}, 1.0 / static_cast<double>(members.size()), count, out);
}

// Weights count relative to each other only: brought near 1 by a power of two, which rounds nothing, neither
// their sum nor its inverse overflows.
void weighted_mean(Members members, std::span<const double> weights, std::int64_t count, float* out) {
  int exponent = 0;
  std::frexp(*std::max_element(weights.begin(), weights.end()), &exponent);
  std::vector<double> scaled(weights.begin(), weights.end());
  for (double& weight : scaled) weight = std::ldexp(weight, -exponent);
  const double total = std::accumulate(scaled.begin(), scaled.end(), 0.0);
  sum_members<true>(members, scaled, 1.0 / total, count, out);
}

void normalise(const double* values, std::int64_t classes, float* out) {
  double sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) sum += values[c];
  if (sum > 0) {
    for (std::int64_t c = 0; c < classes; ++c) out[c] = static_cast<float>(values[c] / sum);
  } else {
    std::fill_n(out, classes, static_cast<float>(1.0 / static_cast<double>(classes)));
  }
}

// The values of one element over all members, ascending.
void gather_sorted(Members members, std::int64_t at, std::vector<float>& values) {
  for (std::size_t m = 0; m < members.size(); ++m) values[m] = members[m][at];
  std::sort(values.begin(), values.end());
}

double middle(const std::vector<float>& sorted) {
  const std::size_t n = sorted.size();
  return n % 2 == 1 ? sorted[n / 2] : (double{sorted[n / 2 - 1]} + sorted[n / 2]) / 2;
}

double mean_between(const std::vector<float>& sorted, std::size_t first, std::size_t last) {
  double sum = 0;
  for (std::size_t i = first; i < last; ++i) sum += sorted[i];
  return sum / static_cast<double>(last - first);
}

// Applies a rule to one row; `values` has room for the classes.
class RowRule {
 public:
  RowRule(Rule rule, Members members, std::int64_t classes)
      : rule_(rule),
        members_(members),
        classes_(classes),
        values_(static_cast<std::size_t>(classes)),
        sorted_(members.size()),
        order_(rule == Rule::rank ? static_cast<std::size_t>(classes) : 0) {}

  void operator()(std::int64_t row, float* out) {
    switch (rule_) {
      case Rule::vote: vote(row); break;
      case Rule::geometric: geometric(row); break;
      case Rule::median: median(row); break;
      case Rule::rank: rank(row); break;
      default: maximum(row); break;
    }
    normalise(values_.data(), classes_, out);
  }

 private:
  void vote(std::int64_t row) {
    std::fill(values_.begin(), values_.end(), 0.0);
    for (const float* member : members_) {
      values_[static_cast<std::size_t>(predict::argmax_row(member + row * classes_, classes_))] += 1;
    }
  }

  void geometric(std::int64_t row) {
    std::fill(values_.begin(), values_.end(), 0.0);
    for (const float* member : members_) {
      for (std::size_t c = 0; c < values_.size(); ++c) {
        values_[c] += std::log(
            std::max(double{member[row * classes_ + static_cast<std::int64_t>(c)]}, double{FLT_MIN}));
      }
    }
    const double largest = *std::max_element(values_.begin(), values_.end());
    for (double& value : values_) value = std::exp((value - largest) / static_cast<double>(members_.size()));
  }

  void median(std::int64_t row) {
    for (std::size_t c = 0; c < values_.size(); ++c) {
      gather_sorted(members_, row * classes_ + static_cast<std::int64_t>(c), sorted_);
      values_[c] = middle(sorted_);
    }
  }

  void maximum(std::int64_t row) {
    std::fill(values_.begin(), values_.end(), 0.0);
    for (const float* member : members_) {
      for (std::size_t c = 0; c < values_.size(); ++c) {
        values_[c] = std::max(values_[c], double{member[row * classes_ + static_cast<std::int64_t>(c)]});
      }
    }
  }

  // Borda count: from 0 points for the least probable class to classes - 1.
  void rank(std::int64_t row) {
    std::fill(values_.begin(), values_.end(), 0.0);
    for (const float* member : members_) {
      const float* p = member + row * classes_;
      std::iota(order_.begin(), order_.end(), 0);
      std::sort(order_.begin(), order_.end(),
                [&](std::int32_t a, std::int32_t b) { return p[a] < p[b] || (p[a] == p[b] && a < b); });
      for (std::size_t first = 0; first < order_.size();) {
        std::size_t last = first + 1;
        while (last < order_.size() && p[order_[last]] == p[order_[first]]) ++last;
        const double points = static_cast<double>(first + last - 1) / 2;
        for (; first < last; ++first) values_[static_cast<std::size_t>(order_[first])] += points;
      }
    }
  }

  Rule rule_;
  Members members_;
  std::int64_t classes_;
  std::vector<double> values_;
  std::vector<float> sorted_;
  std::vector<std::int32_t> order_;
};

}  // namespace

const EnumNames<Rule>& enum_names(Rule) {
  static constexpr EnumName<Rule> table[] = {{Rule::mean, "mean"},     {Rule::weighted, "weighted"},
                                             {Rule::vote, "vote"},     {Rule::geometric, "geometric"},
                                             {Rule::median, "median"}, {Rule::rank, "rank"},
                                             {Rule::max, "max"},       {Rule::trimmed, "trimmed"}};
  static constexpr EnumNames<Rule> names{"a rule", table};
  return names;
}

std::string_view name_of(Rule rule) { return enum_names(rule).name_of(rule); }
Rule parse_rule(std::string_view name) { return enum_names(Rule{}).parse(name); }

bool fits_classes(Rule rule) { return rule != Rule::trimmed; }

bool fits_numbers(Rule rule) {
  return rule == Rule::mean || rule == Rule::weighted || rule == Rule::median || rule == Rule::trimmed;
}

void combine_classes(Rule rule, Members members, std::span<const double> weights, std::int64_t rows,
                     std::int64_t classes, float* out) {
  switch (rule) {
    case Rule::mean: return mean_of_members(members, rows * classes, out);
    case Rule::weighted: return weighted_mean(members, weights, rows * classes, out);
    case Rule::trimmed: fail_usage("rule trimmed is for numbers; for classes there is median");
    default: break;
  }
  RowRule combine(rule, members, classes);
  for (std::int64_t row = 0; row < rows; ++row) combine(row, out + row * classes);
}

void combine_numbers(Rule rule, Members members, std::span<const double> weights, std::int64_t rows,
                     std::int64_t width, float* out) {
  const std::int64_t count = rows * width;
  if (rule == Rule::mean) return mean_of_members(members, count, out);
  if (rule == Rule::weighted) return weighted_mean(members, weights, count, out);
  if (!fits_numbers(rule)) {
    fail_usage("rule {} is for classes; for numbers there are mean, weighted, median and trimmed",
               name_of(rule));
  }
  const std::size_t n = members.size();
  const std::size_t cut = n < 3 ? 0 : std::max<std::size_t>(1, n / 4);
  std::vector<float> sorted(n);
  for (std::int64_t i = 0; i < count; ++i) {
    gather_sorted(members, i, sorted);
    out[i] = static_cast<float>(rule == Rule::median ? middle(sorted) : mean_between(sorted, cut, n - cut));
  }
}

namespace {

void mix_normals(Members members, std::span<const double> weights, std::int64_t rows, float* out) {
  const auto weight_of = [&](std::size_t m) { return weights.empty() ? 1.0 : weights[m]; };
  double largest = 0;
  for (std::size_t m = 0; m < members.size(); ++m) largest = std::max(largest, weight_of(m));
  for (std::int64_t at = 0; at < 2 * rows; at += 2) {
    double variance = 0, total = 0;
    for (std::size_t m = 0; m < members.size(); ++m) {
      const double weight = weight_of(m) / largest, deviation = members[m][at + 1];
      const double distance = double{members[m][at]} - out[at];
      variance += weight * (deviation * deviation + distance * distance);
      total += weight;
    }
    out[at + 1] = static_cast<float>(std::sqrt(variance / total));
  }
}

}  // namespace

void combine_answers(const predict::PredictionKind& kind, Rule rule, Members members,
                     std::span<const double> weights, std::int64_t rows, float* out) {
  if (kind.classes) return combine_classes(rule, members, weights, rows, kind.width(), out);
  combine_numbers(rule, members, weights, rows, kind.width(), out);
  const bool normal = kind.answers.kind == model::Answers::Kind::normal;
  if (normal && rule == Rule::mean) mix_normals(members, {}, rows, out);
  if (normal && rule == Rule::weighted) mix_normals(members, weights, rows, out);
}

namespace {

// Chooses, of the classes with the largest value from `first` on, the one that the members' sum prefers.
std::int32_t break_tie(Members members, const float* p, std::int64_t at, std::int32_t first,
                       std::int64_t classes) {
  const auto sum_of = [&](std::int32_t c) {
    double sum = 0;
    for (const float* member : members) sum += member[at + c];
    return sum;
  };
  std::int32_t chosen = first;
  double best = sum_of(first);
  for (std::int32_t c = first + 1; c < classes; ++c) {
    if (p[c] != p[first]) continue;
    const double sum = sum_of(c);
    if (sum > best) {
      best = sum;
      chosen = c;
    }
  }
  return chosen;
}

}  // namespace

void answer(Members members, std::int64_t rows, std::int64_t classes, const float* combined,
            std::int32_t* out) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* p = combined + row * classes;
    float best = p[0];
    std::int32_t index = 0;
    std::int32_t equal = 0;  // others as large as the best so far
    for (std::int32_t c = 1; c < classes; ++c) {
      const bool larger = p[c] > best;
      equal = larger ? 0 : equal + (p[c] == best);
      best = larger ? p[c] : best;
      index = larger ? c : index;
    }
    out[row] =
        equal == 0 || members.size() < 2 ? index : break_tie(members, p, row * classes, index, classes);
  }
}

}  // namespace nn::ensemble
