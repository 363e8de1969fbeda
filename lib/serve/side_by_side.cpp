#include "serve/side_by_side.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace nn::serve {
namespace {

constexpr int most_pairs = 21, least_pairs = 9;  // of a size
constexpr std::chrono::milliseconds long_step{5}, patience{500};

std::optional<traffic::CostPair> pair_of(serving::Servable& canary, serving::Servable& control,
                                         std::int64_t rows, bool control_first) {
  auto* first = &canary;
  auto* second = &control;
  if (control_first) std::swap(first, second);
  auto one = first->try_step(rows), other = second->try_step(rows);
  if (!one || !other) return std::nullopt;
  if (control_first) std::swap(one, other);
  const auto us = [](std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1000; };
  return traffic::CostPair{rows, us(*one), us(*other)};
}

}  // namespace

std::vector<traffic::CostPair> side_by_side(serving::Servable& canary, serving::Servable& control,
                                            const Clock& clock) {
  const auto start = clock.now();
  const auto is_late = [&] { return clock.now() - start >= patience; };
  std::vector<traffic::CostPair> pairs;
  const double long_us = std::chrono::duration<double, std::micro>(long_step).count();
  try {
    for (std::int64_t rows = 1; !is_late(); rows *= 2) {
      double longest_us = 0;
      for (int i = 0; i < most_pairs && (i < least_pairs || !is_late()); ++i) {
        const auto pair = pair_of(canary, control, rows, i % 2 == 1);
        if (!pair) return pairs;
        pairs.push_back(*pair);
        longest_us = std::max({longest_us, pair->canary_us, pair->control_us});
      }
      if (longest_us > long_us) break;
    }
  } catch (const Error&) {
    // A device that fails tells it those who wait for answers.
  }
  return pairs;
}

}  // namespace nn::serve
