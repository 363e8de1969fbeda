#include "serve/status_charts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace nn::serve {
namespace {

// Pictures of a model are narrow, so that they stand beside its table; of time there are wide ones.
constexpr double wide = 480, narrow = 320, height = 150, left = 52, right = 8, top = 12, bottom = 22;

struct Point {
  double x = 0, y = 0;
};

// From values to places; logarithmic ones are of their logarithms.
class Scale {
 public:
  Scale(double low, double high, double from, double to, bool logarithmic = false)
      : logarithmic_(logarithmic), low_(of(low)), high_(of(high)), from_(from), to_(to) {}
  double operator()(double value) const {
    if (high_ <= low_) return from_;
    return from_ + (std::clamp(of(value), low_, high_) - low_) / (high_ - low_) * (to_ - from_);
  }

 private:
  double of(double value) const { return logarithmic_ ? std::log10(std::max(value, 1e-12)) : value; }
  bool logarithmic_;
  double low_, high_, from_, to_;
};

// 1, 2 or 5 times a power of ten, from `value` on.
double round_up(double value) {
  if (value <= 0) return 1;
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (value <= step * power * (1 + 1e-9)) return step * power;
  }
  return 10 * power;
}

class Drawing {
 public:
  Drawing(std::string_view title, double width) : width_(width) {
    fmt::format_to(out(), R"(<svg viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>)", width_,
                   height, html(title), html(title));
  }
  void grid(double y, std::string_view label) {
    fmt::format_to(
        out(),
        R"(<path class="grid" d="M{} {:.1f}H{}"/><text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>)",
        left, y, width_ - right, left - 6, y + 4, html(label));
  }
  void tick(double x, std::string_view label, std::string_view anchor = "middle") {
    fmt::format_to(out(), R"(<text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{}</text>)", x, height - 6,
                   anchor, html(label));
  }
  // Points whose y isn't a number break the line.
  void line(std::string_view kind, std::span<const Point> points) {
    std::string path;
    bool down = false;
    for (const Point& point : points) {
      const bool is = std::isfinite(point.y);
      if (is) fmt::format_to(std::back_inserter(path), "{}{:.1f} {:.1f}", down ? 'L' : 'M', point.x, point.y);
      down = is;
    }
    if (!path.empty()) fmt::format_to(out(), R"(<path class="line {}" d="{}"/>)", kind, path);
  }
  void dot(Point at, std::string_view kind, std::string_view title) {
    fmt::format_to(out(),
                   R"(<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="3"><title>{}</title></circle>)", kind,
                   at.x, at.y, html(title));
  }
  void bar(double x, double y, double bar_width, std::string_view title) {
    fmt::format_to(
        out(),
        R"(<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>)",
        x, y, bar_width, std::max(height - bottom - y, 0.0), html(title));
  }
  void cut(double x, std::string_view label) {
    fmt::format_to(
        out(),
        R"(<path class="cut" d="M{:.1f} {}V{}"/><text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{}</text>)",
        x, top, height - bottom, x + (x > width_ / 2 ? -4 : 4), top + 10, x > width_ / 2 ? "end" : "start",
        html(label));
  }
  std::string take() {
    text_ += "</svg>";
    return std::move(text_);
  }

 private:
  std::back_insert_iterator<std::string> out() { return std::back_inserter(text_); }
  double width_;
  std::string text_;
};

constexpr double span_s = 900;

Scale time_scale() { return {-span_s, 0, left, wide - right}; }

void add_time_ticks(Drawing& drawing) {
  const Scale x = time_scale();
  drawing.tick(x(-span_s), "15 min ago", "start");
  drawing.tick(x(-600), "10 min");
  drawing.tick(x(-300), "5 min");
  drawing.tick(x(0), "now", "end");
}

double ago(const ServerStatus& status, const History::Sample& sample) {
  return -std::chrono::duration<double>(status.now - sample.when).count();
}

}  // namespace

std::string html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string rate_chart(const ServerStatus& status) {
  double most = 0;
  for (const auto& sample : status.samples) most = std::max({most, sample.rate, sample.faults});
  most = round_up(most);
  const Scale x = time_scale(), y(0, most, height - bottom, top);
  Drawing drawing("Requests a second", wide);
  for (const double part : {0.0, 0.5, 1.0}) drawing.grid(y(part * most), count_text(part * most));
  add_time_ticks(drawing);
  std::vector<Point> rate, faults;
  bool any_faults = false;
  for (const auto& sample : status.samples) {
    rate.push_back({x(ago(status, sample)), y(sample.rate)});
    faults.push_back({x(ago(status, sample)), y(sample.faults)});
    any_faults = any_faults || sample.faults > 0;
  }
  drawing.line("a", rate);
  if (any_faults) drawing.line("b", faults);
  return drawing.take();
}

std::string latency_chart(const ServerStatus& status) {
  double least = 1e12, most = 0;
  for (const auto& sample : status.samples) {
    if (sample.p50_us == 0) continue;
    least = std::min(least, static_cast<double>(sample.p50_us));
    most = std::max(most, static_cast<double>(sample.p99_us));
  }
  if (most == 0) least = 100, most = 1000;
  const double low = std::pow(10, std::floor(std::log10(least))),
               high = std::pow(10, std::ceil(std::log10(most * 1.001)));
  const Scale x = time_scale(), y(low, high, height - bottom, top, true);
  Drawing drawing("Latency: p50 and p99", wide);
  for (double us = low; us <= high * 1.01; us *= 10)
    drawing.grid(y(us), time_text(static_cast<std::uint64_t>(us)));
  add_time_ticks(drawing);
  std::vector<Point> p50, p99;
  for (const auto& sample : status.samples) {
    const double at = x(ago(status, sample));
    p50.push_back({at, sample.p50_us == 0 ? NAN : y(static_cast<double>(sample.p50_us))});
    p99.push_back({at, sample.p99_us == 0 ? NAN : y(static_cast<double>(sample.p99_us))});
  }
  drawing.line("c", p99);
  drawing.line("a", p50);
  return drawing.take();
}

// Four buckets are a bar: 16 for each power of two are more than one can see.
std::string histogram_chart(const TimeCounts& times) {
  constexpr std::size_t together = 4;
  struct Bar {
    std::uint64_t end_us, count;
  };
  std::vector<Bar> bars;
  for (std::size_t i = 0; i < TimeBuckets::count; i += together) {
    std::uint64_t count = 0;
    for (std::size_t j = i; j < i + together; ++j) count += times.in_bucket(j);
    bars.push_back({TimeBuckets::end_us(i + together - 1), count});
  }
  while (!bars.empty() && bars.back().count == 0) bars.pop_back();
  const auto first = std::find_if(bars.begin(), bars.end(), [](const Bar& bar) { return bar.count > 0; });
  bars.erase(bars.begin(), first);
  Drawing drawing("How many requests took how long", narrow);
  if (bars.empty()) return drawing.take();
  const auto most = std::max_element(bars.begin(), bars.end(),
                                     [](const Bar& a, const Bar& b) { return a.count < b.count; });
  const double limit = round_up(static_cast<double>(most->count));
  const Scale y(0, limit, height - bottom, top);
  for (const double part : {0.0, 0.5, 1.0}) drawing.grid(y(part * limit), count_text(part * limit));
  const double step = (narrow - left - right) / static_cast<double>(std::max<std::size_t>(bars.size(), 8));
  for (std::size_t i = 0; i < bars.size(); ++i) {
    if (bars[i].count == 0) continue;
    drawing.bar(left + step * static_cast<double>(i), y(static_cast<double>(bars[i].count)),
                std::max(step - 1, 1.0), fmt::format("{}: {}", time_text(bars[i].end_us), bars[i].count));
  }
  const std::size_t every = std::max<std::size_t>(1, bars.size() / 4);
  for (std::size_t i = 0; i < bars.size(); i += every) {
    constexpr double half_label = 24;
    const double x = left + step * (static_cast<double>(i) + 1);
    if (i > 0 && x > narrow - right - half_label && step * static_cast<double>(every) < 3 * half_label) break;
    drawing.tick(x, time_text(bars[i].end_us), x > narrow - right - half_label ? "end" : "middle");
  }
  return drawing.take();
}

std::string batch_chart(const serving::DeviceLoad& load, std::chrono::microseconds slo) {
  Drawing drawing(fmt::format("{}: time a row of steps of so many rows", load.device), narrow);
  if (load.curve.empty()) return drawing.take();
  double least = 1e12, most = 0, rows = 1;
  std::vector<Point> values;
  for (const serving::CostPoint& point : load.curve) {
    if (point.rows < 1 || point.seconds <= 0) continue;
    const double us = 1e6 * point.seconds / static_cast<double>(point.rows);
    values.push_back({static_cast<double>(point.rows), us});
    least = std::min(least, us);
    most = std::max(most, us);
    rows = std::max(rows, static_cast<double>(point.rows));
  }
  if (values.empty()) return drawing.take();
  const double low = std::pow(10, std::floor(std::log10(least))),
               high = std::pow(10, std::ceil(std::log10(most * 1.001)));
  const Scale x(1, std::max(rows, 2.0), left, narrow - right, true), y(low, high, height - bottom, top, true);
  for (double us = low; us <= high * 1.01; us *= 10) {
    drawing.grid(y(us), us < 1 ? fmt::format("{:.3g} us", us) : time_text(static_cast<std::uint64_t>(us)));
  }
  for (double n = 1; n <= rows; n *= 4) {
    drawing.tick(x(n), count_text(n), n == 1 ? "start" : n * 4 > rows ? "end" : "middle");
  }
  std::vector<Point> line;
  for (const Point& value : values) line.push_back({x(value.x), y(value.y)});
  drawing.line("a", line);
  for (std::size_t i = 0; i < values.size(); ++i) {
    drawing.dot(line[i], "a", fmt::format("{} rows: {:.3g} us a row", values[i].x, values[i].y));
  }
  if (load.best_rows > 0) {
    const std::string why = slo.count() > 0 ? fmt::format("at most {}: half of {}", load.best_rows,
                                                          time_text(static_cast<std::uint64_t>(slo.count())))
                                            : fmt::format("at most {}", load.best_rows);
    drawing.cut(x(static_cast<double>(load.best_rows)), why);
  }
  return drawing.take();
}

}  // namespace nn::serve
