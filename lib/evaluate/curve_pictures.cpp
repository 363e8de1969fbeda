#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "chart/axes.hpp"
#include "chart/svg.hpp"
#include "evaluate/pictures.hpp"

namespace nn::evaluate {
namespace {

using chart::Axis;
using chart::Frame;
using chart::Svg;

constexpr double height = 400;

using Points = std::vector<std::pair<double, double>>;

// Points that are nearer to the last one than a line is wide add nothing.
class Thinned {
 public:
  void add(double x, double y) {
    last_ = {x, y};
    constexpr double near = 1.0 / 500;
    if (!points_.empty() && std::abs(points_.back().first - x) < near &&
        std::abs(points_.back().second - y) < near)
      return;
    points_.push_back(last_);
  }
  Points take() {
    if (!points_.empty() && points_.back() != last_) points_.push_back(last_);
    return std::move(points_);
  }

 private:
  Points points_;
  std::pair<double, double> last_;
};

ClassCurve curve_of(const Results& results, std::size_t c) {
  const auto points = ranking_of(results.kept, results.known, c).points(results.kept.weights);
  const double positives = points.back().true_positives, negatives = points.back().false_positives;
  ClassCurve curve{
      .of = c, .roc = {}, .precision_recall = {}, .prevalence = positives / (positives + negatives)};
  Thinned roc, precision;
  roc.add(0, 0);
  for (const OperatingPoint& point : points) {
    const double recall = point.true_positives / positives;
    roc.add(point.false_positives / negatives, recall);
    precision.add(recall, point.true_positives / (point.true_positives + point.false_positives));
  }
  curve.roc = roc.take();
  curve.precision_recall = precision.take();
  return curve;
}

void draw_curve(Svg& svg, const Frame& frame, const Points& points, std::size_t colour) {
  chart::Path path;
  for (const auto& [x, y] : points) {
    if (path.empty()) {
      path.move(frame.x(x), frame.y(y));
    } else {
      path.line(frame.x(x), frame.y(y));
    }
  }
  svg.path(fmt::format("line k{}", colour), path.d());
}

// Lines of text beside a piece of each line, upwards from the bottom.
void draw_names(Svg& svg, double left, double bottom, const std::vector<std::string>& names) {
  double y = bottom - 16 * static_cast<double>(names.size() - 1);
  for (std::size_t i = 0; i < names.size(); ++i) {
    svg.line(fmt::format("line k{}", i), left, y - 4, left + 16, y - 4);
    svg.text("legend halo-text", left + 22, y, names[i], chart::Anchor::start, 200);
    y += 16;
  }
}

Axis share_axis(std::string title) { return {.title = std::move(title), .pad = false}; }

std::string name_of(const Results& results, std::size_t c, const std::optional<double>& area) {
  return fmt::format("{}: {:.3f}", chart::fitted(results.names[c], 110, chart::font_size), area.value_or(0));
}

std::string which_note(const Results& results, std::size_t drawn) {
  if (results.known == 2) return fmt::format("Of '{}', the second class.", results.names[1]);
  return drawn < results.known
             ? fmt::format("Each class against all others; the {} of {} with the smallest areas.", drawn,
                           results.known)
             : "Each class against all others.";
}

}  // namespace

std::vector<ClassCurve> curves_of(const Results& results, std::size_t most) {
  std::vector<std::size_t> order;
  for (std::size_t c = 0; c < results.known; ++c) {
    if (results.classes.classes[c].auc && (results.known != 2 || c == 1)) order.push_back(c);
  }
  if (order.size() > most) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return *results.classes.classes[a].auc < *results.classes.classes[b].auc;
    });
    order.resize(most);
  }
  std::vector<ClassCurve> curves;
  curves.reserve(order.size());
  for (const std::size_t c : order) curves.push_back(curve_of(results, c));
  return curves;
}

ReportPicture roc_picture(const Results& results, const std::vector<ClassCurve>& curves) {
  ReportPicture picture{.id = "roc", .title = "ROC"};
  Svg svg;
  const Frame frame(svg, panel_width, height, share_axis("false positive rate"),
                    share_axis("true positive rate"));
  frame.draw_title(svg, panel_width);
  svg.line("cut", frame.left(), frame.bottom(), frame.right(), frame.top());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    draw_curve(svg, frame, curves[i].roc, i);
    names.push_back(name_of(results, curves[i].of, results.classes.classes[curves[i].of].auc));
  }
  draw_names(svg, frame.x(0.5), frame.bottom() - 12, names);
  picture.panels.push_back({panel_width, height, "ROC curve", svg.take()});
  picture.notes.push_back(which_note(results, curves.size()) +
                          " Numbers are the areas under the curves; the dashed line is an answer by chance.");
  return picture;
}

ReportPicture precision_recall_picture(const Results& results, const std::vector<ClassCurve>& curves) {
  ReportPicture picture{.id = "precision-recall", .title = "Precision and recall"};
  Svg svg;
  const Frame frame(svg, panel_width, height, share_axis("recall"), share_axis("precision"));
  frame.draw_title(svg, panel_width);
  std::vector<std::string> names;
  if (curves.size() == 1)
    svg.line("cut", frame.left(), frame.y(curves[0].prevalence), frame.right(),
             frame.y(curves[0].prevalence));
  for (std::size_t i = 0; i < curves.size(); ++i) {
    draw_curve(svg, frame, curves[i].precision_recall, i);
    names.push_back(name_of(results, curves[i].of, results.classes.classes[curves[i].of].average_precision));
  }
  draw_names(svg, frame.x(0.04), frame.bottom() - 12, names);
  picture.panels.push_back({panel_width, height, "Precision by recall", svg.take()});
  picture.notes.push_back(which_note(results, curves.size()) + " Numbers are average precisions" +
                          (curves.size() == 1 ? "; the dashed line is an answer by chance." : "."));
  return picture;
}

}  // namespace nn::evaluate
