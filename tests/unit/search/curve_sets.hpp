// Sets of learning curves for pruners, made of a number: tests/golden/search/make-pruned makes the same for
// Optuna.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace nn::search {

struct CurveEvent {
  enum class What : std::uint8_t { report, complete, failed };
  std::uint32_t trial;
  What what;
  std::int64_t step;  // of a report
  double value;       // in hundredths
};

class CurveDraws {
 public:
  explicit CurveDraws(std::uint64_t seed) : state_(seed) {}
  std::int64_t below(std::size_t n) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::int64_t>((state_ >> 33U) % n);
  }
  template <typename T>
  T of(std::initializer_list<T> values) {
    return *(values.begin() + below(values.size()));
  }

 private:
  std::uint64_t state_;
};

using CurvePoints = std::vector<std::pair<std::int64_t, double>>;

inline CurvePoints make_curve(CurveDraws& draws, std::int64_t kind) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::int64_t level = 5 + draws.below(55), bend = 1 + draws.below(20);
  const std::int64_t length = draws.of({26, 26, 19, 9, 5, 3});
  const std::int64_t stride = kind % 3 != 0 ? draws.of({1, 1, 1, 2, 4}) : 1;
  CurvePoints points;
  for (std::int64_t step = draws.of({0, 1}); step < length; step += stride) {
    std::int64_t value = level + 40 * bend / (bend + step);
    value += draws.below(8);
    value += draws.below(8) - 7;
    if (kind % 2 != 0) value = (value + 50) / 5 * 5 - 50;
    points.emplace_back(step, static_cast<double>(value));
    if (kind % 4 == 3 && draws.below(16) == 0)
      points.back().second = draws.of({nan, nan, infinity, -infinity});
  }
  if (kind % 7 == 5 && points.size() > 4) {
    std::swap(points[1], points[3]);
    points.emplace_back(points[2].first, 0);
  }
  if (kind % 8 == 3 && draws.below(7) == 0) {
    for (auto& [step, value] : points) value = nan;
  }
  return points;
}

struct CurveSet {
  bool maximize;
  std::vector<CurveEvent> events;
};

inline CurveSet make_curve_set(std::uint32_t number) {
  CurveDraws draws(number);
  const bool maximize = draws.of({false, true});
  std::vector<CurvePoints> trials(static_cast<std::size_t>(draws.of({6, 8, 12})));
  for (CurvePoints& trial : trials) trial = make_curve(draws, number);
  struct Running {
    std::uint32_t trial;
    std::size_t at;
  };
  const auto slots = static_cast<std::size_t>(draws.of({1, 2, 5, 24}));
  std::vector<Running> running;
  std::vector<CurveEvent> events;
  std::uint32_t begun = 0;
  while (!running.empty() || begun < trials.size()) {
    while (begun < trials.size() && running.size() < slots) running.push_back({begun++, 0});
    const auto place = running.begin() + draws.below(running.size());
    const auto [trial, at] = *place;
    const CurvePoints& points = trials[trial];
    if (at < points.size()) {
      events.push_back({trial, CurveEvent::What::report, points[at].first, points[at].second});
      ++place->at;
      continue;
    }
    running.erase(place);
    const auto last =
        std::find_if(points.rbegin(), points.rend(), [](const auto& p) { return std::isfinite(p.second); });
    if (last != points.rend() && draws.below(15) > 0) {
      events.push_back({trial, CurveEvent::What::complete, -1, last->second});
    } else {
      events.push_back({trial, CurveEvent::What::failed, -1, std::numeric_limits<double>::quiet_NaN()});
    }
  }
  return {maximize, std::move(events)};
}

// As make-pruned writes it.
inline std::string text_of(const CurveSet& set) {
  std::string text = set.maximize ? "maximize\n" : "minimize\n";
  for (const CurveEvent& e : set.events) {
    std::string value = std::isnan(e.value)   ? "nan"
                        : std::isinf(e.value) ? (e.value < 0 ? "-inf" : "inf")
                                              : std::to_string(static_cast<std::int64_t>(e.value));
    text += std::to_string(e.trial) + ' ';
    text += e.what == CurveEvent::What::report     ? std::to_string(e.step) + ' ' + value
            : e.what == CurveEvent::What::complete ? "complete " + value
                                                   : "failed";
    text += '\n';
  }
  return text;
}

}  // namespace nn::search
