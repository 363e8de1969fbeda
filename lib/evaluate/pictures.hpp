// Pictures of an evaluation, each a function of its results: the same bytes for the same results.
#pragma once

#include <string>
#include <vector>

#include "chart/picture.hpp"
#include "evaluate/results.hpp"

namespace nn::evaluate {

struct ReportPicture {
  std::string id, title;
  bool wide = false;  // it takes the width of the page
  std::vector<chart::Panel> panels = {};
  std::string table = {};               // of HTML, beside or below them
  std::vector<std::string> notes = {};  // sentences
};

// Panels are so wide, in units of which a line of text is 12 high: small enough to be read on a telephone.
inline constexpr double panel_width = 420;

// So many classes a picture has at most; those with most mistakes come first.
inline constexpr std::size_t most_cells = 24, most_curves = 6, most_pairs = 10;

// Two classes that are taken for each other.
struct ConfusedPair {
  std::size_t truth = 0, answer = 0;
  std::int64_t rows = 0;
  double share = 0;  // of the rows of `truth`
};
// Most rows first; `most` at most.
std::vector<ConfusedPair> most_confused(const Results& results, std::size_t most);

// A curve for a class, from (0, 0) on; x and y are between 0 and 1.
struct ClassCurve {
  std::size_t of = 0;  // class
  std::vector<std::pair<double, double>> roc, precision_recall;
  double prevalence = 0;
};
// Of the second of two classes, or of those with the smallest areas. Points that nobody could tell apart are
// left out.
std::vector<ClassCurve> curves_of(const Results& results, std::size_t most);

ReportPicture confusion_picture(const Results& results);
ReportPicture roc_picture(const Results& results, const std::vector<ClassCurve>& curves);
ReportPicture precision_recall_picture(const Results& results, const std::vector<ClassCurve>& curves);
ReportPicture calibration_picture(const Results& results);
// Of one element of numbers.
ReportPicture prediction_picture(const Results& results, std::size_t element);
ReportPicture residual_picture(const Results& results, std::size_t element);

// All that there is something to show of.
std::vector<ReportPicture> pictures_of(const Results& results);

// One element of all rows. What is beyond 1e300 counts as that.
struct NumberValues {
  std::vector<double> predicted, wanted, residuals;  // residuals: predicted - wanted
};
NumberValues number_values(const Results& results, std::size_t element);

// How many of values are in equal cells of a range, whose ends hold what is beyond.
struct Histogram {
  double low = 0, high = 1;
  std::vector<double> counts;
};
// Weights as for Ranking. A few values that are far out don't stretch the range.
Histogram histogram_of(std::vector<double> values, std::span<const double> weights, std::size_t cells);

// The page, with all in it, and nothing from elsewhere; no script.
std::string page_of(const Results& results, const EvaluateOptions& options, const std::string& title);
// The same as text, in at most `columns` (40 at least).
std::string picture_text(const Results& results, std::size_t columns);

}  // namespace nn::evaluate
