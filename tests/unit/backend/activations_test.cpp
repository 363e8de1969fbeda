// Activations and their derivatives over all that a float holds, in each instruction set.
#include <cmath>
#include <limits>

#include "backend/cpu/isa.hpp"
#include "catch.hpp"
#include "layers/reference.hpp"

using namespace nn;
using namespace nn::backend;
using namespace nn::test;

namespace {

std::vector<double> arguments() {
  std::vector<double> x;
  for (int i = -4000; i <= 4000; ++i) x.push_back(i / 100.0 + 0.003);  // at none of the corners
  while (x.size() % 16 != 0) x.push_back(0.003);
  return x;
}

// f, or its derivative where `back`, by the kernel: a derivative times 1.
template <typename T>
std::vector<double> by_kernel(cpu::Isa isa, const LayerOptions& options, const std::vector<double>& arguments,
                              bool back) {
  const Activation activation = options.activation;
  const auto slope = static_cast<T>(slope_of(options));
  const cpu::Kernels<T>& kernels = cpu::kernels_of<T>(isa);
  const std::vector<T> x(arguments.begin(), arguments.end());
  const auto n = static_cast<std::int64_t>(x.size());
  std::vector<T> y(x.size()), g(x.size(), 1);
  kernels.activate(activation, slope, n, x.data(), y.data());
  if (!back) return {y.begin(), y.end()};
  kernels.activate_back(activation, slope, n, keeps_argument(activation) ? x.data() : y.data(), g.data());
  return {g.begin(), g.end()};
}

std::vector<LayerOptions> all_activations() {
  std::vector<LayerOptions> all;
  for (const auto& entry : enum_names(Activation{}).table) {
    LayerOptions& options = all.emplace_back();
    options.activation = entry.value;
    if (slope_taken(entry.value).name.empty()) continue;
    for (const double slope : {0.01, 1.5}) {
      all.push_back(all.back());
      all.back().slope = slope;
    }
  }
  return all;
}

}  // namespace

TEST_CASE("activations and their derivatives are what they should be, in float and in double") {
  const std::vector<double> x = arguments();
  for (const LayerOptions& options : all_activations()) {
    for (const cpu::Isa isa : cpu::usable_isas()) {
      INFO(cpu::name_of(isa) << ": " << name_of(options.activation) << " " << slope_of(options));
      const std::vector<double> y = by_kernel<float>(isa, options, x, false),
                                y_exact = by_kernel<double>(isa, options, x, false),
                                slope = by_kernel<float>(isa, options, x, true),
                                slope_exact = by_kernel<double>(isa, options, x, true);
      double worst = 0, worst_slope = 0, worst_float = 0, worst_slope_float = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        constexpr double h = 1e-5;
        const auto f = [&](double at) {
          return reference_activation(options.activation, slope_of(options), at);
        };
        const double expected = f(x[i]), expected_slope = (f(x[i] + h) - f(x[i] - h)) / (2 * h);
        const double scale = std::max(1.0, std::abs(expected));
        worst = std::max(worst, std::abs(y_exact[i] - expected) / scale);
        worst_slope = std::max(worst_slope, std::abs(slope_exact[i] - expected_slope));
        worst_float = std::max(worst_float, std::abs(y[i] - y_exact[i]) / scale);
        worst_slope_float = std::max(worst_slope_float, std::abs(slope[i] - slope_exact[i]));
      }
      CHECK(worst <= 1e-7);  // selu's constants are rounded in the reference
      CHECK(worst_slope <= 2e-8);
      CHECK(worst_float <= 1e-6);
      CHECK(worst_slope_float <= 1e-6);
    }
  }
}

TEST_CASE("activations of large numbers are finite, and so are their derivatives; NaN stays") {
  const double infinity = std::numeric_limits<double>::infinity(), none = std::nan("");
  std::vector<double> x{1e2, -1e2, 1e4, -1e4, 1e10, -1e10, 1e20, -1e20, 1e30, -1e30};
  while (x.size() < 16) x.push_back(none);
  for (const LayerOptions& options : all_activations()) {
    for (const cpu::Isa isa : cpu::usable_isas()) {
      const auto check = [&](const std::vector<double>& y, const std::vector<double>& slope) {
        for (std::size_t i = 0; i < x.size(); ++i) {
          INFO(cpu::name_of(isa) << ": " << name_of(options.activation) << " of " << x[i] << ": " << y[i]
                                 << ", " << slope[i]);
          CHECK(std::isnan(y[i]) == std::isnan(x[i]));
          if (std::isnan(x[i])) continue;
          CHECK(std::abs(y[i]) < infinity);
          CHECK(std::abs(slope[i]) < 2);
        }
      };
      check(by_kernel<float>(isa, options, x, false), by_kernel<float>(isa, options, x, true));
      check(by_kernel<double>(isa, options, x, false), by_kernel<double>(isa, options, x, true));
    }
  }
}
