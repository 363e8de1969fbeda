// SVG as text.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace nn::chart {

// Text from outside as XML and HTML take it, in elements and in attributes: what isn't printable as \xNN
// (base/text.hpp), at most `limit` bytes, and no character that would be markup, or that XML can't have.
std::string escaped(std::string_view text, std::size_t limit = 200);

// How wide a text is in a usual sans serif, in units of which a line is `size` high: a guess from above.
double text_width(std::string_view text, double size);
// The text, cut with "…" where it is wider than `width`; control characters are shown before.
std::string fitted(std::string_view text, double width, double size);

inline constexpr double font_size = 12;

enum class Anchor { start, middle, end };

// Elements, one after the other. Classes are those of style.hpp.
class Svg {
 public:
  // A number with one decimal at most.
  static std::string number(double value);

  void line(std::string_view classes, double x1, double y1, double x2, double y2);
  void rect(std::string_view classes, double x, double y, double width, double height,
            std::string_view more = "");
  void circle(std::string_view classes, double x, double y, double radius);
  // `d` as it stands in a path; `more` are attributes, as they stand.
  void path(std::string_view classes, std::string_view d, std::string_view more = "");
  // Of at most `width`; where it has to be cut, its title has all of it.
  void text(std::string_view classes, double x, double y, std::string_view text,
            Anchor anchor = Anchor::start, double width = 1e9);
  void open_group(std::string_view classes, std::string_view more = "");
  void close_group();
  void raw(std::string_view elements) { out_ += elements; }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// The d of a path, as short as it goes.
class Path {
 public:
  void move(double x, double y) { add('M', x, y); }
  void line(double x, double y) { add('L', x, y); }
  void close() { d_ += 'Z'; }
  // A line of no length where `width` is 0, which round ends make a dot.
  void dash(double x, double y, double width = 0);
  bool empty() const { return d_.empty(); }
  const std::string& d() const { return d_; }

 private:
  void add(char letter, double x, double y);
  std::string d_;
};

}  // namespace nn::chart
