// Figures of answered classes and of their probabilities. Memory is constant but for the confusion, which has
// a counter for each pair of classes that occurs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "evaluate/compensated_sum.hpp"
#include "evaluate/scores.hpp"

namespace nn::evaluate {

struct ClassMetricsOptions {
  std::int64_t known = 0;  // classes that have a probability, the first ones; 0: there are only answers
  std::int64_t top_k = 0;  // 0: not asked for
  bool confusion = false;
};

struct ClassFigures {
  std::int64_t support = 0, answered = 0, correct = 0;  // rows
  double weight = 0;                                    // of the rows of its support
  double precision = 0, recall = 0, f1 = 0;             // 0 where the denominator is
  std::optional<double> auc, average_precision;         // see ranking.hpp
};

struct CalibrationBin {
  std::int64_t rows = 0;
  double weight = 0;
  double confidence = 0, accuracy = 0;  // means
};

struct MeanFigures {
  double precision = 0, recall = 0, f1 = 0;
};

struct ClassReport {
  std::int64_t rows = 0;
  std::optional<double> weight = {};  // of all rows, where they have weights
  std::int64_t unknown = 0;           // rows of a class that the model does not have
  double accuracy = 0;
  double baseline_accuracy = 0;           // of always answering the most frequent class of y
  double balanced_accuracy = 0;           // mean of the recalls of the classes in y
  double mcc = 0;                         // Matthews' correlation (Gorodkin 2004); 0 where the denominator is
  MeanFigures macro = {}, weighted = {};  // over classes that occur in y or answers; by their support
  std::optional<double> log_loss, brier, calibration_error, top_k_accuracy, auc, average_precision;
  std::vector<ClassFigures> classes;
  std::vector<CalibrationBin> bins;
  std::vector<std::int64_t> confusion;   // [classes, classes], rows: class of y, answer
  std::vector<double> confusion_weight;  // the same of weights; empty where rows have none
};

// The figures, which scikit-learn's functions of the same names give. `log_loss`, `brier` and top_k are means
// of scores (scores.hpp). calibration_error: mean distance of confidence and accuracy over 15 equal bins of
// confidence, weighted by rows (Guo et al. 2017). A row counts as often as its weight says; counts are of
// rows.
class ClassMetrics {
 public:
  static constexpr std::size_t bin_count = 15;
  // So many classes a table of their confusion may have.
  static constexpr std::size_t most_confused = 4096;

  explicit ClassMetrics(ClassMetricsOptions options);
  // One row: indices of the classes of y and of the answer, and what its probabilities cost, null where there
  // are none. `weight` is nothing where rows have none.
  void add(std::int32_t truth, std::int32_t answer, const Score* score, std::optional<double> weight);
  // Of that many classes at least, whether they occur or not. Data error where they are too many for a
  // confusion.
  ClassReport report(std::size_t classes) const;

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
  void report_means(ClassReport& report) const;
  void report_scores(ClassReport& report) const;
  void report_confusion(ClassReport& report) const;

  ClassMetricsOptions options_;
  std::int64_t unknown_ = 0;
  bool weighted_ = false;
  Weighted rows_, correct_, in_top_k_;
  std::vector<Counts> counts_;
  CompensatedSum log_loss_, brier_;
  std::array<Bin, bin_count> bins_;
  std::unordered_map<std::uint64_t, Weighted> confusion_;
};

}  // namespace nn::evaluate
