#include "chart/scale.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace nn::chart {
namespace {

constexpr double most = 1e300;  // so that differences are finite
constexpr double least = 1e-300;
constexpr double same = 1e-13;  // what differs by less of itself is taken as equal

}  // namespace

Scale::Scale(Is is, double low, double high, double from, double to, bool whole)
    : is_(is),
      low_(std::clamp(low, -most, most)),
      high_(std::clamp(high, -most, most)),
      from_(from),
      to_(to),
      whole_(whole) {
  if (high_ < low_) std::swap(low_, high_);
  if (is_ == Is::log) {
    low_ = std::max(low_, least);
    high_ = std::max(high_, low_);
    if (high_ - low_ <= low_ * same) {
      low_ = std::max(low_ / 2, least);
      high_ = high_ * 2;
    }
  } else if (high_ - low_ <= std::max(std::abs(low_), std::abs(high_)) * same || high_ - low_ < least) {
    const double room = std::abs(low_) < least ? 1 : std::abs(low_) * 0.1;
    low_ -= room;
    high_ += room;
  }
}

Scale::Scale(std::vector<std::string> labels, double from, double to)
    : is_(Is::category),
      low_(-0.5),
      high_(static_cast<double>(std::max<std::size_t>(labels.size(), 1)) - 0.5),
      from_(from),
      to_(to),
      labels_(std::move(labels)) {}

double Scale::operator()(double value) const {
  double share = 0;
  if (is_ == Is::log) {
    share = (std::log(std::clamp(value, least, most)) - std::log(low_)) / (std::log(high_) - std::log(low_));
  } else {
    share = (std::clamp(value, -most, most) - low_) / (high_ - low_);
  }
  return from_ + share * (to_ - from_);
}

double Scale::value_at(double place) const {
  const double share = (place - from_) / (to_ - from_);
  if (is_ == Is::log) return std::exp(std::log(low_) + share * (std::log(high_) - std::log(low_)));
  return low_ + share * (high_ - low_);
}

std::vector<Tick> Scale::ticks(int about) const {
  switch (is_) {
    case Is::linear: return linear_ticks(about);
    case Is::log: return log_ticks(about);
    case Is::category: break;
  }
  std::vector<Tick> ticks;
  for (std::size_t i = 0; i < labels_.size(); ++i) ticks.push_back({static_cast<double>(i), labels_[i]});
  return ticks;
}

std::vector<Tick> Scale::linear_ticks(int about) const {
  // Rather some more than half of those that were wanted.
  const double wanted = (high_ - low_) / std::max(about, 1);
  double step = nice_step(wanted);
  if (step > wanted * 1.5) step = nice_step(wanted / 2);
  if (whole_) step = std::max(step, 1.0);
  const double slack = step * 1e-9;
  std::vector<Tick> ticks;
  const double first = std::ceil((low_ - slack) / step);
  for (int i = 0; i < 100; ++i) {
    double value = (first + i) * step;
    if (value > high_ + slack) break;
    if (std::abs(value) < slack) value = 0;
    ticks.push_back({value, tick_label(value, step)});
  }
  return ticks;
}

std::vector<Tick> Scale::log_ticks(int about) const {
  const double first = std::ceil(std::log10(low_) - 1e-9), last = std::floor(std::log10(high_) + 1e-9);
  const double decades = last - first + 1;
  std::vector<Tick> ticks;
  if (decades >= 3 || (decades == 2 && about <= 3)) {
    const double every = std::max(1.0, std::ceil(decades / std::max(about, 1)));
    for (double e = first; e <= last; ++e) {
      const double value = std::pow(10, e);
      const bool named = std::fmod(e - first, every) == 0;
      if (named || every <= 4) ticks.push_back({value, named ? tick_label(value, value) : ""});
    }
    return ticks;
  }
  const auto add = [&](std::initializer_list<int> digits) {
    ticks.clear();
    for (double e = std::floor(std::log10(low_)); e <= last; ++e) {
      for (const int digit : digits) {
        const double value = digit * std::pow(10, e);
        if (value >= low_ * (1 - 1e-9) && value <= high_ * (1 + 1e-9) && (!whole_ || value >= 1)) {
          ticks.push_back({value, tick_label(value, value)});
        }
      }
    }
  };
  add({1, 2, 5});
  if (static_cast<int>(ticks.size()) > about + 2) add({1, 3});
  return ticks.size() >= 2 ? ticks : linear_ticks(about);
}

double nice_step(double step) {
  if (!(step > 0)) return 1;
  const double power = std::pow(10, std::floor(std::log10(step)));
  for (const double digit : {1.0, 2.0, 5.0}) {
    if (digit * power >= step * (1 - 1e-9)) return digit * power;
  }
  return 10 * power;
}

std::string tick_label(double value, double step) {
  if (value == 0) return "0";
  const double size = std::abs(value);
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  if (size < 1e6 && decimals <= 4 && size >= 1e-3) return fmt::format("{:.{}f}", value, decimals);
  const int after = std::clamp(
      static_cast<int>(std::floor(std::log10(size) + 1e-9) - std::floor(std::log10(step) + 1e-9)), 0, 12);
  std::string text = fmt::format("{:.{}e}", value, after);
  const std::size_t e = text.find('e');
  std::string mantissa = text.substr(0, e);
  if (mantissa.find('.') != std::string::npos) {
    mantissa.erase(mantissa.find_last_not_of('0') + 1);
    if (mantissa.ends_with('.')) mantissa.pop_back();
  }
  return fmt::format("{}e{}", mantissa, std::stoi(text.substr(e + 1)));
}

std::string short_number(double value, int digits) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return fmt::format("{:.{}g}", value, digits);
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  if (seconds < 1) return fmt::format("{:.0f} ms", std::max(seconds, 0.0) * 1000);
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto pair = [](double small, double per, const char* big_name, const char* small_name) {
    const double big = std::floor(small / per), rest = std::floor(small - big * per);
    return rest > 0 ? fmt::format("{:.0f} {} {:.0f} {}", big, big_name, rest, small_name)
                    : fmt::format("{:.0f} {}", big, big_name);
  };
  if (seconds < 3600) return pair(std::round(seconds), 60, "min", "s");
  if (seconds < 86400) return pair(std::round(seconds / 60), 60, "h", "min");
  return pair(std::round(seconds / 3600), 24, "d", "h");
}

Span robust_span(std::vector<double> values, bool maximize, double spreads) {
  if (values.empty()) return {0, 1, 0};
  std::sort(values.begin(), values.end());
  Span span{values.front(), values.back(), 0};
  const std::size_t n = values.size();
  if (n < 5) return span;
  // Seen from the better side: what is more than some spreads behind the middle is far out.
  const auto at = [&](std::size_t place) { return maximize ? values[n - 1 - place] : values[place]; };
  const double best = at(0), middle = at(n / 2), three_quarters = at(n * 3 / 4);
  const double spread = std::max(std::abs(three_quarters - best), std::abs(middle - best));
  if (!(spread > 0) || !std::isfinite(spread)) return span;
  const double end = three_quarters + (maximize ? -1 : 1) * spreads * spread;
  if (maximize ? span.low >= end : span.high <= end) return span;
  // The axis ends at the last of those that are within.
  std::size_t last = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (maximize ? at(i) < end : at(i) > end) break;
    last = i;
  }
  (maximize ? span.low : span.high) = at(last);
  span.beyond = n - 1 - last;
  return span;
}

}  // namespace nn::chart
