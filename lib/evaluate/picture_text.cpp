#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/terminal.hpp"
#include "base/text.hpp"
#include "chart/characters.hpp"
#include "evaluate/pictures.hpp"

namespace nn::evaluate {
namespace {

using chart::bar_of;
using chart::line_of;

constexpr std::size_t most_names = 16;

// A class's name, cut, and filled up to so many columns.
std::string name_cell(const std::string& name, std::size_t columns) {
  const std::string text = printable(name, columns);
  const std::size_t have = display_columns(text);
  return have < columns ? text + std::string(columns - have, ' ') : text;
}

std::size_t name_columns(const std::vector<std::string>& names) {
  std::size_t most = 1;
  for (const std::string& name : names)
    most = std::max(most, std::min(display_columns(printable(name, most_names)), most_names));
  return most;
}

// Dots, of which a character has two by four: the block of Unicode at U+2800.
class Canvas {
 public:
  Canvas(std::size_t columns, std::size_t lines) : columns_(columns), lines_(lines), dots_(columns * lines) {}
  // Places from 0 to 1, from the left and from the bottom.
  void dot(double x, double y) {
    const auto column = place(x, columns_ * 2), line = lines_ * 4 - 1 - place(y, lines_ * 4);
    constexpr unsigned char bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    dots_[line / 4 * columns_ + column / 2] |= bits[line % 4][column % 2];
  }
  void line(double x, double y, double to_x, double to_y) {
    const double steps = std::ceil(std::max(std::abs(to_x - x) * static_cast<double>(columns_) * 2,
                                            std::abs(to_y - y) * static_cast<double>(lines_) * 4));
    for (double i = 0; i <= steps; ++i)
      dot(x + (to_x - x) * i / std::max(steps, 1.0), y + (to_y - y) * i / std::max(steps, 1.0));
  }
  // With a frame, and numbers at its corners.
  std::string text(const std::string& low, const std::string& high, const std::string& left,
                   const std::string& right, std::string_view title) const {
    const std::size_t margin = std::max(low.size(), high.size());
    std::string out;
    for (std::size_t line = 0; line < lines_; ++line) {
      out += fmt::format("  {:>{}} │", line == 0 ? high : line + 1 == lines_ ? low : "", margin);
      std::string row;
      for (std::size_t column = 0; column < columns_; ++column) {
        const unsigned char bits = dots_[line * columns_ + column];
        if (bits == 0) {
          row += ' ';
          continue;
        }
        row += '\xE2';
        row += static_cast<char>(0xA0 | bits >> 6);
        row += static_cast<char>(0x80 | (bits & 0x3F));
      }
      out += line_of(row);
    }
    std::string rule;
    for (std::size_t column = 0; column < columns_; ++column) rule += "─";
    out += fmt::format("  {:>{}} └{}\n", "", margin, rule);
    const std::size_t room =
        columns_ > left.size() + right.size() ? columns_ - left.size() - right.size() : 1;
    return out + line_of(fmt::format("  {:>{}}  {}{:^{}}{}", "", margin, left, title, room, right));
  }

 private:
  static std::size_t place(double share, std::size_t cells) {
    return static_cast<std::size_t>(
        std::clamp(share * static_cast<double>(cells), 0.0, static_cast<double>(cells) - 1));
  }
  std::size_t columns_, lines_;
  std::vector<unsigned char> dots_;
};

constexpr std::size_t canvas_lines = 12;

std::string confused_text(const Results& results, std::size_t columns) {
  const auto pairs = most_confused(results, most_pairs);
  if (pairs.empty()) return "\nconfusion: no class is taken for another\n";
  const std::size_t names = name_columns(results.names);
  const std::size_t used = 2 * names + 28;
  std::string out = "\nmost confused\n";
  for (const ConfusedPair& pair : pairs) {
    out += line_of(
        fmt::format("  {} taken for {} {:>6} {:>5.1f} % {}", name_cell(results.names[pair.truth], names),
                    name_cell(results.names[pair.answer], names), pair.rows, pair.share * 100,
                    bar_of(pair.share, columns > used + 8 ? std::min<std::size_t>(columns - used, 30) : 8)));
  }
  return out;
}

std::string areas_text(const Results& results, const std::vector<ClassCurve>& curves, std::size_t columns) {
  const std::size_t names = name_columns(results.names);
  std::string out =
      curves.size() < results.known
          ? fmt::format("\narea under the ROC curve, the {} smallest of {}\n", curves.size(), results.known)
          : "\narea under the ROC curve of each class\n";
  for (const ClassCurve& curve : curves) {
    const double area = results.classes.classes[curve.of].auc.value_or(0);
    out += line_of(fmt::format("  {} {:.4f} {}", name_cell(results.names[curve.of], names), area,
                               bar_of(area, std::min<std::size_t>(columns - names - 12, 40))));
  }
  return out;
}

void draw(Canvas& canvas, const std::vector<std::pair<double, double>>& points) {
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& [x, y] = points[i];
    if (i == 0) {
      canvas.dot(x, y);
    } else {
      canvas.line(points[i - 1].first, points[i - 1].second, x, y);
    }
  }
}

std::string curves_text(const Results& results, const ClassCurve& curve, std::size_t columns) {
  const std::size_t wide = std::min<std::size_t>(columns - 8, 48);
  Canvas roc(wide, canvas_lines), precision(wide, canvas_lines);
  draw(roc, curve.roc);
  draw(precision, curve.precision_recall);
  const ClassFigures& figures = results.classes.classes[curve.of];
  return fmt::format(
      "\nROC curve of '{}': true by false positive rate, area {:.4f}\n{}\nprecision by recall, average "
      "{:.4f}\n{}",
      printable(results.names[curve.of], most_names), figures.auc.value_or(0),
      roc.text("0", "1", "0", "1", "false positive rate"), figures.average_precision.value_or(0),
      precision.text("0", "1", "0", "1", "recall"));
}

std::string calibration_text(const ClassReport& report, std::size_t columns) {
  std::string out = "\ncalibration: share of right answers by confidence, where it should be (│)\n";
  const auto bins = static_cast<double>(report.bins.size());
  const std::size_t room = std::min<std::size_t>(columns - 36, 40);
  for (std::size_t b = 0; b < report.bins.size(); ++b) {
    const CalibrationBin& bin = report.bins[b];
    if (bin.weight == 0) continue;
    std::string bar;
    const auto full = static_cast<std::size_t>(std::lround(bin.accuracy * static_cast<double>(room)));
    const auto mark =
        std::min(room - 1, static_cast<std::size_t>(bin.confidence * static_cast<double>(room)));
    for (std::size_t i = 0; i < room; ++i) bar += i == mark ? "│" : i < full ? "█" : " ";
    out += line_of(fmt::format("  {:.3f} - {:.3f} {} {:.3f} {:>8} rows", static_cast<double>(b) / bins,
                               static_cast<double>(b + 1) / bins, bar, bin.accuracy, bin.rows));
  }
  return out;
}

std::string number_text(const Results& results, std::size_t element, std::size_t columns) {
  const NumberValues values = number_values(results, element);
  const std::string of =
      results.width == 1 ? "" : fmt::format(", value {} of {}", element + 1, results.width);
  std::vector<double> both = values.predicted;
  both.insert(both.end(), values.wanted.begin(), values.wanted.end());
  const Histogram range = histogram_of(both, {}, 1);
  const auto share = [&](double value) { return (value - range.low) / (range.high - range.low); };
  const std::string low = fmt::format("{:.4g}", range.low), high = fmt::format("{:.4g}", range.high);
  Canvas canvas(std::min<std::size_t>(columns - 8 - std::max(low.size(), high.size()), 48), canvas_lines);
  for (std::size_t i = 0; i < values.wanted.size(); ++i)
    canvas.dot(share(values.wanted[i]), share(values.predicted[i]));
  std::string out = fmt::format("\npredictions by y{}\n{}", of, canvas.text(low, high, low, high, "y"));
  constexpr std::size_t cells = 12;
  const Histogram histogram = histogram_of(values.residuals, results.kept.weights, cells);
  const double most = *std::max_element(histogram.counts.begin(), histogram.counts.end());
  out += fmt::format("\nprediction - y{}\n", of);
  for (std::size_t i = 0; i < cells; ++i) {
    const double step = (histogram.high - histogram.low) / cells;
    out += line_of(fmt::format("  {:>10.4g} … {:<10.4g} {:>8.6g} {}",
                               histogram.low + static_cast<double>(i) * step,
                               histogram.low + static_cast<double>(i + 1) * step, histogram.counts[i],
                               bar_of(histogram.counts[i] / most, std::min<std::size_t>(columns - 36, 40))));
  }
  return out;
}

}  // namespace

std::string picture_text(const Results& results, std::size_t columns) {
  constexpr std::size_t least = 48;
  columns = std::max(columns, least);
  std::string out;
  if (!results.has_classes) {
    constexpr std::size_t most_elements = 3;
    for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(results.width), most_elements); ++i)
      out += number_text(results, i, columns);
    return out;
  }
  out += confused_text(results, columns);
  if (const auto curves = curves_of(results, results.known == 2 ? 1 : most_pairs); !curves.empty())
    out +=
        curves.size() == 1 ? curves_text(results, curves[0], columns) : areas_text(results, curves, columns);
  if (!results.classes.bins.empty()) out += calibration_text(results.classes, columns);
  return out;
}

}  // namespace nn::evaluate
