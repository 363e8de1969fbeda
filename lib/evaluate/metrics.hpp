// Figures of labelled predictions. Memory is constant but for what says otherwise; sums
// are compensated (Neumaier 1974), so that the figures do not drift with the rows.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace nn::evaluate {

class CompensatedSum {
 public:
  void add(double value);
  double value() const { return sum_ + lost_; }

 private:
  double sum_ = 0, lost_ = 0;
};

struct ClassMetricsOptions {
  bool proba = true;       // there are probabilities; without them only answers
  std::int64_t top_k = 0;  // 0: not asked for
  bool auc = false;        // keeps every probability: 4 bytes a row and class
  bool confusion = false;  // keeps a counter for each pair of classes that occurs
};

struct ClassFigures {
  std::int64_t support = 0, answered = 0, correct = 0;  // rows
  double precision = 0, recall = 0, f1 = 0;             // 0 where the denominator is
  std::optional<double> auc;                            // where the class and others occur
};

struct CalibrationBin {
  std::int64_t rows = 0;
  double confidence = 0, accuracy = 0;  // means
};

struct ClassReport {
  std::int64_t rows = 0;
  std::optional<double> weight = {};  // of all rows, where they have weights
  std::int64_t unknown = 0;           // rows of a class that the model does not have; counted as wrong
  double accuracy = 0;
  double baseline_accuracy = 0;                                // of always answering the most frequent class
  double macro_precision = 0, macro_recall = 0, macro_f1 = 0;  // over classes that occur in y or answers
  std::optional<double> log_loss, brier, calibration_error, top_k_accuracy, auc;
  std::vector<ClassFigures> classes;
  std::vector<CalibrationBin> bins;
  std::vector<std::int64_t> confusion;  // [classes, classes]: class of y, answer
};

// Definitions. log_loss: mean of -ln max(p, 1e-15), p the probability of the class of y.
// brier: mean of the squared distances between probabilities and the truth, summed over
// classes; for two classes only the second counts (Brier 1950 gives twice that).
// calibration_error: mean distance of confidence (the largest probability) and accuracy
// over 15 equal bins of confidence, weighted by rows (Guo et al. 2017). auc: area under
// the ROC curve (ties count half) of the second of two classes; of more, mean over classes
// of each against the rest. top_k: the class of y is among the k most probable, of equal
// ones the lower index first.
class ClassMetrics {
 public:
  static constexpr std::size_t bin_count = 15;
  static constexpr double least_probability = 1e-15;

  ClassMetrics(std::int64_t classes, ClassMetricsOptions options);
  // More classes have been seen (tables that have only labels).
  void grow(std::int64_t classes);
  // proba [rows, classes], null without probabilities; answers [rows] and truth [rows] class
  // indices, -1 for one that is not among the classes; weights [rows], null: 1 each. Figures are as if a row
  // were there as often as its weight says; counts are of rows.
  void add(std::int64_t rows, const float* proba, const std::int32_t* answers, const std::int32_t* truth,
           const double* weights = nullptr);
  ClassReport report() const;

 private:
  struct Weighted {
    std::int64_t rows = 0;
    double weight = 0;
    void add(double w) {
      ++rows;
      weight += w;
    }
  };
  struct Counts {
    Weighted support, answered, correct;
  };
  struct Bin {
    Weighted all, correct;
    CompensatedSum confidence;
  };
  void add_proba(const float* p, std::int32_t truth, bool correct, double weight);
  void report_proba(ClassReport& report) const;
  void report_auc(ClassReport& report) const;

  std::size_t classes_;
  ClassMetricsOptions options_;
  std::int64_t unknown_ = 0;
  bool weighted_ = false;
  Weighted rows_, correct_, in_top_k_;
  std::vector<Counts> counts_;
  CompensatedSum log_loss_, brier_;
  std::vector<Bin> bins_;
  std::unordered_map<std::uint64_t, std::int64_t> confusion_;
  std::vector<float> scores_;
  std::vector<std::int32_t> truth_;
  std::vector<double> weights_;  // empty: 1 each
};

// Area under the ROC curve of `scores` for telling positive from negative; nothing when
// one of them is missing. `weights` of the scores; empty: 1 each.
std::optional<double> area_under_curve(std::span<const float> scores, const std::vector<bool>& positive,
                                       std::span<const double> weights = {});

struct NumberReport {
  std::int64_t rows = 0;
  std::optional<double> weight = {};  // of all rows, where they have weights
  double mse = 0, rmse = 0, mae = 0;
  double bias = 0;  // mean of prediction - y
  double max_error = 0;
  double baseline_rmse = 0;  // of always answering the mean of y
  std::optional<double> r2;  // mean over the values of a row; nothing where y is constant
};

class NumberMetrics {
 public:
  explicit NumberMetrics(std::int64_t width) : values_(static_cast<std::size_t>(width)) {}
  // One row of `width` values.
  void add(const float* prediction, const double* truth, std::optional<double> weight = {});
  NumberReport report() const;

 private:
  struct Value {
    CompensatedSum squared, absolute, difference;
    double mean = 0;           // of y; Welford 1962, with weights West 1979
    CompensatedSum deviation;  // sum of squared distances from it
  };
  std::int64_t rows_ = 0;
  bool weighted_ = false;
  double weight_ = 0;
  double max_error_ = 0;
  std::vector<Value> values_;
};

}  // namespace nn::evaluate
