// From values to places in a picture, and the numbers that stand at an axis.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace nn::chart {

struct Tick {
  double value;
  std::string label;  // empty: a mark only
};

// Immutable. Thread-safe.
class Scale {
 public:
  enum class Is { linear, log, category };

  // From low to high, to what is `from` to `to` in a picture, in either direction. Any finite numbers: ends
  // that are equal, or the wrong way round, are mended, and so is what a logarithm can't have.
  Scale(Is is, double low, double high, double from, double to, bool whole = false);
  // A place for each, of equal width.
  Scale(std::vector<std::string> labels, double from, double to);

  double operator()(double value) const;
  // The value at a place: the other way.
  double value_at(double place) const;
  // About as many ticks as that, in the order of their values: multiples of 1, 2 or 5 times a power of ten.
  std::vector<Tick> ticks(int about) const;

  Is is() const { return is_; }
  double low() const { return low_; }
  double high() const { return high_; }
  double from() const { return from_; }
  double to() const { return to_; }

 private:
  std::vector<Tick> linear_ticks(int about) const;
  std::vector<Tick> log_ticks(int about) const;

  Is is_;
  double low_, high_, from_, to_;
  bool whole_ = false;
  std::vector<std::string> labels_;
};

// 1, 2 or 5 times a power of ten, not less than `step`, which is over 0.
double nice_step(double step);
// As few digits as people need beside others that are `step` apart: "0.25", "1200", "3e-05".
std::string tick_label(double value, double step);
// A value by itself, with at most `digits` significant digits: "0.97312", "1.2e-05".
std::string short_number(double value, int digits = 5);
// "850 ms", "12.3 s", "4 min 10 s", "3 h 5 min", "2 d 4 h".
std::string duration_text(double seconds);

// The ends of an axis for values of which the better ones matter: what is far out on the worse side, by more
// than some times the spread of the others, stays beyond it.
struct Span {
  double low, high;
  std::size_t beyond;  // how many are
  bool operator==(const Span&) const = default;
};
// `values` are finite, and may be none.
Span robust_span(std::vector<double> values, bool maximize, double spreads = 4);

}  // namespace nn::chart
