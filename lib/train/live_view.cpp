#include "train/live_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/log.hpp"
#include "base/terminal.hpp"

namespace nn::train {
namespace {

constexpr std::size_t bar_width = 20, least_columns_for_bar = 64;
constexpr std::size_t most_curve = 48, least_curve = 8;

std::string epoch_of(const LiveView& view) {
  if (view.least_epoch == view.most_epoch) return fmt::format("epoch {}/{}", view.least_epoch, view.epochs);
  return fmt::format("epoch {}-{}/{}", view.least_epoch, view.most_epoch, view.epochs);
}

std::string rate_of(const LiveView& view) {
  return fmt::format("{} rows/s", format_count(static_cast<std::uint64_t>(std::max(view.rows_per_s, 0.0))));
}

std::string percent_of(const LiveView& view) { return fmt::format("{:.0f}%", std::floor(100 * view.share)); }

std::string bar_of(double share) {
  const auto full = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(bar_width));
  return '[' + std::string(full, '#') + std::string(bar_width - full, '.') + ']';
}

std::string fold_of(const LiveView& view) { return fmt::format("fold {}/{}", view.fold, view.folds); }

std::string head_line(const LiveView& view, std::size_t columns, bool colour) {
  LineOfParts line(columns, colour);
  if (view.fold > 0) line.add(fold_of(view), LineOfParts::bold);
  line.add(epoch_of(view), LineOfParts::bold);
  if (view.members > 1) line.add(fmt::format("{} of {} members done", view.done, view.members));
  if (view.failed > 0) line.add(fmt::format("{} without a model", view.failed), LineOfParts::red);
  if (columns >= least_columns_for_bar) line.add(bar_of(view.share));
  line.add(percent_of(view));
  if (view.left_s) line.add("ETA " + format_duration(*view.left_s));
  line.add(rate_of(view));
  line.add(format_duration(view.elapsed_s));
  return line.text();
}

struct Span {
  double low = INFINITY, high = -INFINITY;
};
Span span_of(const std::vector<double>& values) {
  Span span;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    span.low = std::min(span.low, value);
    span.high = std::max(span.high, value);
  }
  return span;
}

std::string best_text(const LiveView::Best& best) {
  return fmt::format("best {} in epoch {}", short_figure(best.value), best.epoch);
}

}  // namespace

void LiveFigure::add(std::uint64_t epoch, double value, Keep keep) {
  const auto kept = [keep](double before, double after) {
    if (keep == Keep::lowest) return std::fmin(before, after);
    if (keep == Keep::highest) return std::fmax(before, after);
    return std::isnan(after) ? before : after;
  };
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  for (; (epoch - 1) / stride >= most_live_places; stride *= 2) {
    by_epoch.resize((by_epoch.size() + 1) / 2 * 2, unknown);
    for (std::size_t i = 0; i < by_epoch.size() / 2; ++i)
      by_epoch[i] = kept(by_epoch[2 * i], by_epoch[2 * i + 1]);
    by_epoch.resize(by_epoch.size() / 2);
  }
  const auto place = static_cast<std::size_t>((epoch - 1) / stride);
  if (by_epoch.size() <= place) by_epoch.resize(place + 1, unknown);
  by_epoch[place] = kept(by_epoch[place], value);
}

std::string short_figure(double value) {
  constexpr double most_digits = 1e9, least = 1e3;  // dollars, say: whole, and without an exponent
  const double size = std::abs(value);
  return size >= least && size < most_digits ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

std::string live_curve(const std::vector<double>& by_epoch, std::size_t columns) {
  static constexpr std::array<std::string_view, 8> blocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  constexpr double decade = 10;
  const auto [low, high] = span_of(by_epoch);
  const bool log = low > 0 && high > low * decade;
  const auto place = [log](double value) { return log ? std::log(value) : value; };
  const double bottom = place(low), range = place(high) - bottom;
  const std::size_t count = std::min(by_epoch.size(), columns);
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t first = i * by_epoch.size() / count, last = (i + 1) * by_epoch.size() / count;
    double sum = 0;
    std::size_t known = 0;
    for (std::size_t e = first; e < last; ++e) {
      if (!std::isfinite(by_epoch[e])) continue;
      sum += place(by_epoch[e]);
      ++known;
    }
    if (known == 0) {
      out += ' ';
      continue;
    }
    const double share = range > 0 ? (sum / static_cast<double>(known) - bottom) / range : 0;
    out += blocks[static_cast<std::size_t>(std::clamp(share * 8, 0.0, 7.0))];
  }
  return out;
}

std::vector<std::string> live_lines(const LiveView& view, std::size_t columns, std::size_t rows, bool colour,
                                    bool blocks) {
  std::vector<std::string> lines{head_line(view, columns, colour)};
  std::size_t name_width = 0, value_width = 0;
  for (const LiveFigure& figure : view.figures) {
    name_width = std::max(name_width, figure.name.size());
    value_width = std::max(value_width, short_figure(figure.now).size());
  }
  for (const LiveFigure& figure : view.figures) {
    if (lines.size() >= rows) break;
    LineOfParts line(columns, colour);
    const std::string value = std::isnan(figure.now) ? "" : short_figure(figure.now);
    if (!line.add(fmt::format("{:<{}}  {:>{}}", figure.name, name_width, value, value_width)))
      line.add(cut_to_columns(fmt::format("{}  {}", figure.name, value), columns));
    const bool is_best = view.best && view.members == 1 && view.best->name == figure.name;
    const std::string best = is_best ? best_text(*view.best) : "";
    // The same place for all curves, beside which the best fits, where there is room for both.
    const std::size_t beside =
        view.best && view.members == 1 ? display_columns(best_text(*view.best)) + 2 : 0;
    const std::size_t room = line.left();
    const std::size_t curve = std::min(most_curve, room > beside + least_curve ? room - beside : room);
    if (blocks && figure.by_epoch.size() > 1 && curve >= least_curve && room >= beside + least_curve)
      line.add(live_curve(figure.by_epoch, curve));
    if (is_best) line.add(best, LineOfParts::green);
    lines.push_back(line.text());
  }
  if (view.members > 1 && view.best && lines.size() < rows) {
    LineOfParts line(columns, colour);
    const std::string text = fmt::format("best {} {} of member {}, epoch {}", view.best->name,
                                         short_figure(view.best->value), view.best->member, view.best->epoch);
    line.add(cut_to_columns(text, columns), LineOfParts::green);
    lines.push_back(line.text());
  }
  return lines;
}

std::string live_line(const LiveView& view) {
  std::string text = view.fold > 0 ? fmt::format("{}  {}", fold_of(view), epoch_of(view)) : epoch_of(view);
  if (view.members > 1) text += fmt::format("  {} of {} members done", view.done, view.members);
  for (const LiveFigure& figure : view.figures) {
    if (!std::isnan(figure.now)) text += fmt::format("  {} {}", figure.name, short_figure(figure.now));
  }
  text += fmt::format("  {}  {}", percent_of(view), rate_of(view));
  if (view.left_s) text += "  ETA " + format_duration(*view.left_s);
  return text;
}

}  // namespace nn::train
