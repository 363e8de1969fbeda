#include "chart/picture.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "chart/svg.hpp"

namespace nn::chart {

const EnumNames<Section>& enum_names(Section) {
  static constexpr EnumName<Section> table[] = {
      {Section::history, "history"},   {Section::importance, "importance"}, {Section::pareto, "pareto"},
      {Section::curves, "curves"},     {Section::contour, "contour"},       {Section::slices, "slices"},
      {Section::parallel, "parallel"}, {Section::timeline, "timeline"},     {Section::table, "table"}};
  static constexpr EnumNames<Section> names{"a picture", table};
  return names;
}

Picture picture_of(Section section, const Results& results, double width) {
  switch (section) {
    case Section::history: return history_picture(results, width);
    case Section::importance: return importance_picture(results, width);
    case Section::pareto: return pareto_picture(results, width);
    case Section::curves: return curves_picture(results, width);
    case Section::contour: return contour_picture(results, width);
    case Section::slices: return slices_picture(results);
    case Section::parallel: return parallel_picture(results);
    case Section::timeline: return timeline_picture(results);
    case Section::table: break;
  }
  return {.section = Section::table,
          .title = "Trials",
          .lacking = "The table is no picture: it is in HTML and text."};
}

std::vector<std::size_t> thinned(std::size_t count, const std::vector<std::size_t>& first, std::size_t most) {
  std::vector<bool> chosen(count);
  if (count <= most) {
    chosen.assign(count, true);
  } else {
    std::size_t have = 0;
    for (const std::size_t place : first) {
      if (have >= most / 4) break;
      have += chosen[place] ? 0 : 1;
      chosen[place] = true;
    }
    const std::size_t more = most - have;
    for (std::size_t i = 0; i < more; ++i) chosen[i * count / more] = true;
  }
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < count; ++i) {
    if (chosen[i]) places.push_back(i);
  }
  return places;
}

std::string with_commas(std::size_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string thinning_note(std::size_t drawn, std::size_t all, const char* what) {
  if (drawn >= all) return {};
  return fmt::format("{} of {} {} are drawn: the best, and others evenly spread.", with_commas(drawn),
                     with_commas(all), what);
}

void Dots::add(double x, double y, std::uint32_t trial, double width) {
  Path path;
  path.dash(x, y, width);
  d_ += path.d();
  if (!numbers_.empty()) numbers_ += ' ';
  numbers_ += std::to_string(trial);
}

void Dots::draw(Svg& svg, const char* classes) const {
  if (!empty()) svg.path(classes, d_, fmt::format("data-n=\"{}\"", numbers_));
}

}  // namespace nn::chart
