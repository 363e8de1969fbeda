// All figures of an evaluation, as they are printed and drawn.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "evaluate/bootstrap.hpp"
#include "evaluate/class_metrics.hpp"
#include "evaluate/number_metrics.hpp"
#include "evaluate/options.hpp"
#include "evaluate/quantile_metrics.hpp"
#include "evaluate/ranking.hpp"
#include "evaluate/uncertainty_metrics.hpp"

namespace nn::evaluate {

// One number with its name.
struct Figure {
  std::string name;
  std::optional<double> value;
  bool share = true;    // four decimals show it; otherwise six digits
  bool printed = true;  // also where people read
  bool drawn = true;  // draws of rows say where it would be: not of a maximum, nor of what isn't the model's
  std::optional<Interval> interval = {};
};

// Quantiles of absolute errors, means over the values of a row.
struct ErrorQuantiles {
  std::optional<double> median, q90, q95, q99;
};

// What rows were, for figures that look at them again.
struct KeptRows {
  std::vector<std::int32_t> truth, answers;  // [rows] of classes
  std::vector<Score> scores;                 // [rows]
  std::vector<double> outputs, wanted;       // [rows, width]
  std::vector<double> weights;               // [rows], empty: 1 each
};

struct Results {
  bool has_classes = false;
  std::int64_t rows = 0, unlabelled = 0, width = 0;
  std::optional<double> weight;
  std::vector<std::string> names;  // of classes: known ones first
  std::size_t known = 0;           // of those the classes that have a probability; 0: there are only answers
  ClassReport classes;
  NumberReport numbers;
  std::vector<ValueReport> values;       // of rows that have several
  std::vector<std::string> value_names;  // of these
  ErrorQuantiles quantiles;
  std::optional<QuantileReport> predicted_quantiles;
  bool has_deviations = false;  // beside the answers, whose mean is of a distribution
  std::optional<UncertaintyReport> uncertainty;
  std::vector<ThresholdFigures> thresholds;
  std::vector<Figure> figures;
  KeptRows kept;
};

// In the order in which they are printed; those of `classes` that weren't asked for are left out.
std::vector<Figure> figures_of(const ClassReport& report, bool has_probabilities,
                               const EvaluateOptions& options);
std::vector<Figure> figures_of(const NumberReport& report);
std::vector<Figure> figures_of(const UncertaintyReport& report, bool has_classes, bool has_deviations);
std::vector<Figure> figures_of(const QuantileReport& report);
std::vector<Figure> figures_of(const ErrorQuantiles& quantiles);

// How a known class is told from all others by its probability.
Ranking ranking_of(const KeptRows& kept, std::size_t known, std::size_t c);
// Puts the areas of each known class into the report. `auc` and `average_precision` of two classes are the
// second's, otherwise means over the classes that have one.
void add_areas(ClassReport& report, const std::vector<Areas>& areas);

}  // namespace nn::evaluate
