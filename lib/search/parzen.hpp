// Parzen estimators: the density of a point, from kernels around observed ones. As Optuna 5 makes them, whose
// numbers they have (tests/golden/search); Watanabe, "Tree-structured Parzen estimator", arXiv 2304.11127.
//
// A kernel is a product over all parameters, and stands for one observation; one more, the prior, is wide. Of
// numbers it is a normal distribution within the parameter's range, in the logarithm where the parameter is,
// and on a grid its mass in the cell of each value. Of a choice it is the same for all but the observed one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "search/space.hpp"

namespace nn::search {

// A column for each parameter: values as points have them.
using Columns = std::vector<std::vector<double>>;

// How wide kernels of numbers are: as far as the farther neighbour, within limits.
enum class Bandwidths : std::uint8_t {
  optuna,    // outermost points look inwards only; at least a part min(100, n + 2) of the range
  watanabe,  // the prior and the range's ends are neighbours too; at least 0.03 of the range
};

class ParzenEstimator {
 public:
  // Columns of kernels are computed so many at a time, and filled up to a multiple.
  static constexpr std::size_t lanes = 8;

  // `parameters` and the columns of `observed` belong together; columns are equally long, and without NaN.
  // `weights` has one for each observation, the oldest first, and the prior's behind; any sum but 0.
  // `parameters` is not kept.
  ParzenEstimator(const std::vector<const Parameter*>& parameters, Columns observed,
                  const std::vector<double>& weights, Bandwidths bandwidths = Bandwidths::optuna);

  // As many points; those of grids are on them but for rounding.
  Columns sample(std::size_t count, RandomStream& random) const;
  // The logarithm of the density (of the mass, where all is discrete) of each point; for a loguniform
  // parameter it is that of the logarithm.
  std::vector<double> log_density(const Columns& points) const;

 private:
  // A parameter that is a number. Ends, centres and widths are in the logarithm where `log` says so.
  struct Numbers {
    double low, high;  // of values, without half a step
    double step;       // 0: continuous
    bool log;
    double first, last;  // the range of kernels: half a step more than of values
    std::vector<double> centres, inverse_widths;
    // Of discrete ones: kernels that are equal are computed once.
    std::vector<std::uint32_t> kernel;                                             // which each component has
    std::vector<double> kernel_centres, kernel_inverse_widths, kernel_log_masses;  // of the whole range
  };
  struct Choices {
    std::size_t count;
    std::vector<double> observed;  // the prior's is -1
    double log_hit, log_miss;      // of a kernel's own choice, and of each other
  };
  struct Axis {
    bool is_choice;
    std::size_t index;  // among numbers_ or choices_
  };

  class LogProducts;
  void add_numbers(const Parameter& parameter, std::vector<double> observed, Bandwidths bandwidths,
                   LogProducts& constants);
  void add_choices(const Parameter& parameter, std::vector<double> observed, LogProducts& constants);
  static void share_kernels(Numbers& numbers);
  double sample(const Numbers& numbers, std::size_t component, double u) const;
  double sample(const Choices& choices, std::size_t component, double u) const;
  std::vector<std::vector<double>> log_masses(const Numbers& numbers,
                                              const std::vector<double>& points) const;

  std::size_t components_;
  std::vector<double> cumulative_weights_;
  std::vector<double> constants_;  // the part of components' logarithms that no point changes
  std::vector<Axis> axes_;
  std::vector<Numbers> numbers_;
  std::vector<Choices> choices_;
};

}  // namespace nn::search
