#include "evaluate/class_metrics.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace nn::evaluate {
namespace {

double ratio(double part, double whole) { return whole == 0 ? 0 : part / whole; }

std::uint64_t pair_of(std::int32_t truth, std::int32_t answer) {
  return std::uint64_t{static_cast<std::uint32_t>(truth)} << 32 | static_cast<std::uint32_t>(answer);
}

}  // namespace

ClassMetrics::ClassMetrics(ClassMetricsOptions options)
    : options_(options), counts_(static_cast<std::size_t>(options.known)) {}

void ClassMetrics::add(std::int32_t truth, std::int32_t answer, const Score* score,
                       std::optional<double> given) {
  const bool correct = answer == truth;
  const double weight = given.value_or(1);
  weighted_ = weighted_ || given;
  const auto most = static_cast<std::size_t>(std::max(truth, answer));
  if (most >= counts_.size()) counts_.resize(most + 1);
  rows_.add(weight);
  Counts& counts = counts_[static_cast<std::size_t>(truth)];
  counts.support.add(weight);
  counts_[static_cast<std::size_t>(answer)].answered.add(weight);
  if (correct) {
    correct_.add(weight);
    counts.correct.add(weight);
  }
  if (options_.known > 0 && truth >= options_.known) ++unknown_;
  if (options_.confusion) confusion_[pair_of(truth, answer)].add(weight);
  if (score == nullptr) return;
  log_loss_.add(weight * score->log_loss);
  brier_.add(weight * score->brier);
  const auto bin = static_cast<std::size_t>(std::clamp(score->confidence * bin_count, 0.0, bin_count - 1.0));
  bins_[bin].all.add(weight);
  if (correct) bins_[bin].correct.add(weight);
  bins_[bin].confidence.add(weight * score->confidence);
  if (score->in_top_k) in_top_k_.add(weight);
}

ClassReport ClassMetrics::report(std::size_t classes) const {
  ClassReport report;
  report.rows = rows_.rows;
  if (weighted_) report.weight = rows_.weight;
  report.unknown = unknown_;
  report.accuracy = ratio(correct_.weight, rows_.weight);
  for (const Counts& counts : counts_) {
    ClassFigures figures{counts.support.rows,
                         counts.answered.rows,
                         counts.correct.rows,
                         counts.support.weight,
                         0,
                         0,
                         0,
                         {},
                         {}};
    figures.precision = ratio(counts.correct.weight, counts.answered.weight);
    figures.recall = ratio(counts.correct.weight, counts.support.weight);
    figures.f1 = ratio(2 * counts.correct.weight, counts.answered.weight + counts.support.weight);
    report.classes.push_back(figures);
  }
  report.classes.resize(std::max(classes, counts_.size()));
  report_means(report);
  if (options_.confusion) report_confusion(report);
  if (options_.known > 0 && rows_.weight > 0) report_scores(report);
  return report;
}

void ClassMetrics::report_means(ClassReport& report) const {
  double most = 0, occurring = 0, in_truth = 0;
  double covariance = correct_.weight * rows_.weight, of_truth = rows_.weight * rows_.weight,
         of_answers = of_truth;
  for (std::size_t c = 0; c < counts_.size(); ++c) {
    const Counts& counts = counts_[c];
    const ClassFigures& figures = report.classes[c];
    const double support = counts.support.weight, answered = counts.answered.weight;
    most = std::max(most, support);
    covariance -= support * answered;
    of_truth -= support * support;
    of_answers -= answered * answered;
    if (support > 0) {
      in_truth += 1;
      report.balanced_accuracy += figures.recall;
    }
    if (counts.support.rows + counts.answered.rows == 0) continue;
    occurring += 1;
    const auto add = [&](MeanFigures& mean, double weight) {
      mean.precision += weight * figures.precision;
      mean.recall += weight * figures.recall;
      mean.f1 += weight * figures.f1;
    };
    add(report.macro, 1);
    add(report.weighted, support);
  }
  const auto divide = [](MeanFigures& mean, double by) {
    mean.precision = ratio(mean.precision, by);
    mean.recall = ratio(mean.recall, by);
    mean.f1 = ratio(mean.f1, by);
  };
  divide(report.macro, occurring);
  divide(report.weighted, rows_.weight);
  report.baseline_accuracy = ratio(most, rows_.weight);
  report.balanced_accuracy = ratio(report.balanced_accuracy, in_truth);
  // Where all are of one class these are 0 but for rounding.
  const double least = rows_.weight * rows_.weight * 1e-14;
  if (of_truth > least && of_answers > least)
    report.mcc = std::clamp(covariance / std::sqrt(of_truth) / std::sqrt(of_answers), -1.0, 1.0);
}

void ClassMetrics::report_confusion(ClassReport& report) const {
  const std::size_t classes = report.classes.size();
  if (classes > most_confused)
    fail_data("{} classes are too many for a table of their confusion, which has {} at most", classes,
              most_confused);
  report.confusion.resize(classes * classes);
  if (weighted_) report.confusion_weight.resize(classes * classes);
  for (const auto& [pair, count] : confusion_) {
    const std::size_t at = static_cast<std::size_t>(pair >> 32) * classes + (pair & 0xFFFFFFFF);
    report.confusion[at] = count.rows;
    if (weighted_) report.confusion_weight[at] = count.weight;
  }
}

void ClassMetrics::report_scores(ClassReport& report) const {
  report.log_loss = log_loss_.value() / rows_.weight;
  report.brier = brier_.value() / rows_.weight;
  if (options_.top_k > 0) report.top_k_accuracy = in_top_k_.weight / rows_.weight;
  double distance = 0;
  for (const Bin& bin : bins_) {
    CalibrationBin out;
    out.rows = bin.all.rows;
    out.weight = bin.all.weight;
    if (bin.all.weight > 0) {
      out.confidence = bin.confidence.value() / bin.all.weight;
      out.accuracy = bin.correct.weight / bin.all.weight;
      distance += bin.all.weight * std::abs(out.confidence - out.accuracy);
    }
    report.bins.push_back(out);
  }
  report.calibration_error = distance / rows_.weight;
}

}  // namespace nn::evaluate
