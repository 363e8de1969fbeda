// Pictures of a sweep, each a function of its results: the same bytes for the same results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/enum_names.hpp"
#include "chart/results.hpp"

namespace nn::chart {

// In the order in which they are shown.
enum class Section : std::uint8_t {
  history,
  importance,
  pareto,
  curves,
  contour,
  slices,
  parallel,
  timeline,
  table
};
const EnumNames<Section>& enum_names(Section);

// One drawing. Widths and heights are in units of which a line of text is 12 high.
struct Panel {
  double width, height;
  std::string title = {};  // what it shows, for who can't see it
  std::string body = {};   // elements of SVG
};

struct Picture {
  Section section;
  std::string title;
  std::vector<Panel> panels = {};
  std::vector<std::string> notes = {};  // sentences: what was left out, how it was made
  std::string lacking = {};             // a sentence, where there is nothing to draw: what it would take
};

inline constexpr double wide = 1040, half = 510, third = 336;

// Of trials that are many, each picture draws so many dots, lines or bars at most, and says so.
inline constexpr std::size_t most_dots = 1500, most_lines = 600, most_curves = 200, most_slices = 24,
                             most_dimensions = 12, most_goals = 4, most_bars = 20, most_slots = 40;

Picture history_picture(const Results& results, double width = half);
Picture importance_picture(const Results& results, double width = half);
Picture pareto_picture(const Results& results, double width = half);
Picture curves_picture(const Results& results, double width = half);
Picture contour_picture(const Results& results, double width = half);
Picture slices_picture(const Results& results);
Picture parallel_picture(const Results& results);
Picture timeline_picture(const Results& results);
// Any of them but the table, which isn't drawn. Some can have any width.
Picture picture_of(Section section, const Results& results, double width = half);

// At most `most` of 0 … count - 1, in their order: of `first` as many as fit into a quarter, and others that
// are evenly spread. The same each time.
std::vector<std::size_t> thinned(std::size_t count, const std::vector<std::size_t>& first, std::size_t most);
// "1,500 of 10,000 trials are drawn: the best, and others evenly spread." or nothing where all are.
std::string thinning_note(std::size_t drawn, std::size_t all, const char* what = "trials");
std::string with_commas(std::size_t count);

// Dots with the numbers of their trials, for the page's script.
class Dots {
 public:
  void add(double x, double y, std::uint32_t trial, double width = 0);
  bool empty() const { return d_.empty(); }
  // Nothing where there are none.
  void draw(class Svg& svg, const char* classes) const;

 private:
  std::string d_, numbers_;
};

}  // namespace nn::chart
