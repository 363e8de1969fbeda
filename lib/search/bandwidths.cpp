#include "search/bandwidths.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace nn::search {
namespace {

double narrowest(std::size_t observed, double range, Bandwidths rule) {
  const auto n = static_cast<double>(observed);
  if (rule == Bandwidths::optuna) return range / std::min(100.0, n + 2);
  return range * std::max(0.03, 1 / ((n + 2) * (n + 2)));
}

// Neighbours that are nearer than the narrowest width don't matter, and so nothing needs to be sorted: in
// cells that are narrower than that only the outermost centres have neighbours that do.
struct Cell {
  std::ptrdiff_t first = -1, last = -1;  // places of the least and the greatest centre
};

std::vector<Cell> cells_of(const std::vector<double>& centres, double low, double range, std::size_t count) {
  std::vector<Cell> cells(count);
  const double scale = static_cast<double>(count) / range;
  for (std::size_t i = 0; i < centres.size(); ++i) {
    const auto place = static_cast<std::size_t>(std::max(0.0, (centres[i] - low) * scale));
    Cell& cell = cells[std::min(place, count - 1)];
    const auto at = [&](std::ptrdiff_t k) { return centres[static_cast<std::size_t>(k)]; };
    if (cell.first < 0 || centres[i] < at(cell.first)) cell.first = static_cast<std::ptrdiff_t>(i);
    if (cell.last < 0 || centres[i] >= at(cell.last)) cell.last = static_cast<std::ptrdiff_t>(i);
  }
  cells.erase(std::remove_if(cells.begin(), cells.end(), [](const Cell& c) { return c.first < 0; }),
              cells.end());
  return cells;
}

}  // namespace

std::vector<double> bandwidths_of(const std::vector<double>& observed, double low, double high,
                                  Bandwidths rule) {
  const double range = high - low;
  const double least = narrowest(observed.size(), range, rule);
  std::vector<double> with_prior;
  if (rule == Bandwidths::watanabe) {
    with_prior = observed;
    with_prior.push_back(low + range / 2);
  }
  const std::vector<double>& centres = rule == Bandwidths::watanabe ? with_prior : observed;
  std::vector<double> widths;
  widths.reserve(centres.size() + ParzenEstimator::lanes);  // for the caller's prior
  widths.assign(centres.size(), least);
  const auto cells =
      cells_of(centres, low, range, static_cast<std::size_t>(std::ceil(1.1 * range / least)) + 1);
  const bool ends_count = rule == Bandwidths::watanabe || centres.size() < 2;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    const auto first = static_cast<std::size_t>(cells[c].first);
    const auto last = static_cast<std::size_t>(cells[c].last);
    if (c > 0 || ends_count) {
      const double before = c > 0 ? centres[static_cast<std::size_t>(cells[c - 1].last)] : low;
      widths[first] = std::max(widths[first], centres[first] - before);
    }
    if (c + 1 < cells.size() || ends_count) {
      const double behind =
          c + 1 < cells.size() ? centres[static_cast<std::size_t>(cells[c + 1].first)] : high;
      widths[last] = std::max(widths[last], behind - centres[last]);
    }
  }
  widths.resize(observed.size());
  for (double& width : widths) width = std::min(width, range);
  return widths;
}

}  // namespace nn::search
