#include "serving/cost_curve.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace nn::serving {
namespace {

constexpr double cheaper = 0.25, dearer = 1.0 / 16;  // what a new figure counts
constexpr unsigned notes_between_fits = 16;

int power_of(std::int64_t rows) {
  return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(rows))) - 1;
}
double rows_of(int power) { return static_cast<double>(std::int64_t{1} << power); }

// What `known` becomes when a step took `factor` times as long as was expected. What is far off counts as
// twice as long.
double followed(double known, double factor, double share) {
  const double change = std::min(factor, 2.0) - 1;
  return known * (1 + share * change * (change < 0 ? cheaper : dearer));
}

}  // namespace

void CostCurve::set(std::int64_t rows, double seconds) {
  if (rows <= 0 || !(seconds > 0)) return;
  put(std::min(power_of(rows), powers - 1), seconds);
  known_.store(true, std::memory_order_relaxed);
  fit();
}

void CostCurve::note(std::int64_t rows, double seconds) {
  if (rows <= 0 || !(seconds > 0)) return;
  const int low = std::min(power_of(rows), powers - 2), high = low + 1;
  const double part = static_cast<double>(rows) / rows_of(low) - 1;  // of the way from one to the other
  const double expected = cost(rows);
  bool first = false;
  if (at(low) == 0 && part < 0.5) {
    put(low,
        expected > 0 ? cost(std::int64_t{1} << low) : seconds * rows_of(low) / static_cast<double>(rows));
    first = true;
  }
  if (at(high) == 0 && part >= 0.5) {
    put(high,
        expected > 0 ? cost(std::int64_t{1} << high) : seconds * rows_of(high) / static_cast<double>(rows));
    first = true;
  }
  known_.store(true, std::memory_order_relaxed);
  if (expected > 0) {
    const double factor = seconds / expected;
    if (at(low) > 0) put(low, followed(at(low), factor, 1 - part));
    if (at(high) > 0) put(high, followed(at(high), factor, part));
  }
  if (first || ++notes_ % notes_between_fits == 0) fit();
}

double CostCurve::cost(std::int64_t rows) const {
  if (rows <= 0 || !known()) return 0;
  const double n = static_cast<double>(rows);
  const int power = std::min(power_of(rows), powers - 1);
  int below = power, above = power + 1;
  while (below >= 0 && at(below) == 0) --below;
  if (below == power && rows_of(power) == n) return at(power);
  while (above < powers && at(above) == 0) ++above;
  if (below < 0) return above < powers ? at(above) * n / rows_of(above) : 0;
  if (above < powers) {
    const double slope = (at(above) - at(below)) / (rows_of(above) - rows_of(below));
    return at(below) + slope * (n - rows_of(below));
  }
  // Beyond the last figure it goes on as it came there.
  int before = below - 1;
  while (before >= 0 && at(before) == 0) --before;
  if (before < 0) return at(below) * n / rows_of(below);
  const double slope = std::max(0.0, (at(below) - at(before)) / (rows_of(below) - rows_of(before)));
  return at(below) + slope * (n - rows_of(below));
}

std::int64_t CostCurve::most_rows(double seconds, std::int64_t limit) const {
  if (!known() || cost(limit) <= seconds) return limit;
  std::int64_t low = 1, high = limit;  // the first may take it, the last may not
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (cost(middle) <= seconds ? low : high) = middle;
  }
  return low;
}

void CostCurve::fit() {
  double w = 0, wn = 0, wnn = 0, ws = 0, wns = 0;
  for (int power = 0; power < powers; ++power) {
    const double s = at(power), n = rows_of(power);
    if (s == 0) continue;
    const double weight = 1 / (s * s);
    w += weight;
    wn += weight * n;
    wnn += weight * n * n;
    ws += weight * s;
    wns += weight * n * s;
  }
  if (w == 0) return;
  const double determinant = w * wnn - wn * wn;
  double base = 0, slope = wns / wnn;
  if (determinant > 1e-9 * w * wnn) {
    base = (ws * wnn - wns * wn) / determinant;
    slope = (w * wns - wn * ws) / determinant;
    if (base < 0) {
      base = 0;
      slope = wns / wnn;
    } else if (slope < 0) {
      base = ws / w;
      slope = 0;
    }
  }
  base_.store(base, std::memory_order_relaxed);
  slope_.store(slope, std::memory_order_relaxed);
  fits_.store(fits() + 1, std::memory_order_relaxed);
}

std::vector<CostPoint> CostCurve::points() const {
  std::vector<CostPoint> all;
  for (int power = 0; power < powers; ++power) {
    if (at(power) > 0) all.push_back({std::int64_t{1} << power, at(power)});
  }
  return all;
}

}  // namespace nn::serving
