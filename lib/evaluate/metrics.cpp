#include "evaluate/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace nn::evaluate {

void CompensatedSum::add(double value) {
  const double next = sum_ + value;
  lost_ += std::abs(sum_) >= std::abs(value) ? (sum_ - next) + value : (value - next) + sum_;
  sum_ = next;
}

namespace {

double ratio(double part, double whole) { return whole == 0 ? 0 : part / whole; }

std::uint64_t pair_of(std::int32_t truth, std::int32_t answer) {
  return std::uint64_t{static_cast<std::uint32_t>(truth)} << 32 | static_cast<std::uint32_t>(answer);
}

}  // namespace

ClassMetrics::ClassMetrics(std::int64_t classes, ClassMetricsOptions options)
    : classes_(static_cast<std::size_t>(classes)), options_(options), counts_(classes_), bins_(bin_count) {}

void ClassMetrics::grow(std::int64_t classes) {
  classes_ = std::max(classes_, static_cast<std::size_t>(classes));
  counts_.resize(classes_);
}

void ClassMetrics::add(std::int64_t rows, const float* proba, const std::int32_t* answers,
                       const std::int32_t* truth, const double* weights) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int32_t answer = answers[row];
    const std::int32_t label = truth[row];
    const bool correct = answer >= 0 && answer == label;
    const double weight = weights == nullptr ? 1 : weights[row];
    weighted_ = weighted_ || weights != nullptr;
    rows_.add(weight);
    if (correct) correct_.add(weight);
    if (answer >= 0) counts_[static_cast<std::size_t>(answer)].answered.add(weight);
    if (label < 0) {
      ++unknown_;
    } else {
      Counts& counts = counts_[static_cast<std::size_t>(label)];
      counts.support.add(weight);
      if (correct) counts.correct.add(weight);
    }
    if (options_.confusion && label >= 0 && answer >= 0) ++confusion_[pair_of(label, answer)];
    if (options_.proba) add_proba(proba + row * static_cast<std::int64_t>(classes_), label, correct, weight);
  }
}

void ClassMetrics::add_proba(const float* p, std::int32_t truth, bool correct, double weight) {
  const double right = truth < 0 ? 0 : double{p[truth]};
  log_loss_.add(-weight * std::log(std::max(right, least_probability)));
  float confidence = p[0];
  double squares = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    confidence = std::max(confidence, p[c]);
    const double distance = double{p[c]} - (static_cast<std::int32_t>(c) == truth ? 1 : 0);
    squares += distance * distance;
  }
  if (classes_ == 2) {
    const double distance = double{p[1]} - (truth == 1 ? 1 : 0);
    squares = distance * distance;
  } else if (truth < 0) {
    squares += 1;
  }
  brier_.add(weight * squares);
  const auto bin = static_cast<std::size_t>(std::clamp(double{confidence} * bin_count, 0.0, bin_count - 1.0));
  bins_[bin].all.add(weight);
  if (correct) bins_[bin].correct.add(weight);
  bins_[bin].confidence.add(weight * double{confidence});
  if (options_.top_k > 0 && truth >= 0) {
    std::int64_t before = 0;
    for (std::int32_t c = 0; c < static_cast<std::int32_t>(classes_); ++c) {
      before += p[c] > p[truth] || (p[c] == p[truth] && c < truth);
    }
    if (before < options_.top_k) in_top_k_.add(weight);
  }
  if (options_.auc) {
    scores_.insert(scores_.end(), p, p + classes_);
    truth_.push_back(truth);
    if (weight != 1 && weights_.empty()) weights_.assign(truth_.size() - 1, 1.0);
    if (weight != 1 || !weights_.empty()) weights_.push_back(weight);
  }
}

ClassReport ClassMetrics::report() const {
  ClassReport report;
  report.rows = rows_.rows;
  if (weighted_) report.weight = rows_.weight;
  report.unknown = unknown_;
  report.accuracy = ratio(correct_.weight, rows_.weight);
  double most = 0;
  std::int64_t occurring = 0;
  for (const Counts& counts : counts_) {
    ClassFigures figures{counts.support.rows, counts.answered.rows, counts.correct.rows, 0, 0, 0, {}};
    figures.precision = ratio(counts.correct.weight, counts.answered.weight);
    figures.recall = ratio(counts.correct.weight, counts.support.weight);
    figures.f1 = ratio(2 * counts.correct.weight, counts.answered.weight + counts.support.weight);
    most = std::max(most, counts.support.weight);
    if (counts.support.rows + counts.answered.rows > 0) {
      ++occurring;
      report.macro_precision += figures.precision;
      report.macro_recall += figures.recall;
      report.macro_f1 += figures.f1;
    }
    report.classes.push_back(figures);
  }
  report.baseline_accuracy = ratio(most, rows_.weight);
  if (occurring > 0) {
    report.macro_precision /= static_cast<double>(occurring);
    report.macro_recall /= static_cast<double>(occurring);
    report.macro_f1 /= static_cast<double>(occurring);
  }
  if (options_.confusion) {
    report.confusion.resize(classes_ * classes_);
    for (const auto& [pair, count] : confusion_) {
      report.confusion[static_cast<std::size_t>(pair >> 32) * classes_ + (pair & 0xFFFFFFFF)] = count;
    }
  }
  if (options_.proba && rows_.weight > 0) report_proba(report);
  return report;
}

void ClassMetrics::report_proba(ClassReport& report) const {
  const double rows = rows_.weight;
  report.log_loss = log_loss_.value() / rows;
  report.brier = brier_.value() / rows;
  double error = 0;
  for (const Bin& bin : bins_) {
    CalibrationBin out;
    out.rows = bin.all.rows;
    if (bin.all.weight > 0) {
      out.confidence = bin.confidence.value() / bin.all.weight;
      out.accuracy = ratio(bin.correct.weight, bin.all.weight);
      error += bin.all.weight * std::abs(out.confidence - out.accuracy);
    }
    report.bins.push_back(out);
  }
  report.calibration_error = error / rows;
  if (options_.top_k > 0) report.top_k_accuracy = ratio(in_top_k_.weight, rows_.weight);
  if (options_.auc) report_auc(report);
}

void ClassMetrics::report_auc(ClassReport& report) const {
  std::vector<float> scores(truth_.size());
  std::vector<bool> positive(truth_.size());
  double sum = 0;
  int counted = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    for (std::size_t row = 0; row < truth_.size(); ++row) {
      scores[row] = scores_[row * classes_ + c];
      positive[row] = truth_[row] == static_cast<std::int32_t>(c);
    }
    report.classes[c].auc = area_under_curve(scores, positive, weights_);
    if (!report.classes[c].auc) continue;
    sum += *report.classes[c].auc;
    ++counted;
  }
  if (classes_ == 2) {
    report.auc = report.classes[1].auc;
  } else if (counted > 0) {
    report.auc = sum / counted;
  }
}

// Mann-Whitney: the share of pairs in which the positive one has the larger score, equal ones counting half.
std::optional<double> area_under_curve(std::span<const float> scores, const std::vector<bool>& positive,
                                       std::span<const double> weights) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  double pairs = 0, positives = 0, negatives = 0;
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    double here = 0, negatives_here = 0;
    for (; last < order.size() && scores[order[last]] == scores[order[first]]; ++last) {
      const double weight = weights.empty() ? 1 : weights[order[last]];
      (positive[order[last]] ? here : negatives_here) += weight;
    }
    pairs += here * (negatives + negatives_here / 2);
    positives += here;
    negatives += negatives_here;
    first = last;
  }
  if (positives == 0 || negatives == 0) return std::nullopt;
  return pairs / (positives * negatives);
}

void NumberMetrics::add(const float* prediction, const double* truth, std::optional<double> given) {
  ++rows_;
  const double weight = given.value_or(1);
  weighted_ = weighted_ || given;
  if (weight == 0) return;
  weight_ += weight;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    Value& value = values_[i];
    const double difference = double{prediction[i]} - truth[i];
    value.squared.add(weight * difference * difference);
    value.absolute.add(weight * std::abs(difference));
    value.difference.add(weight * difference);
    max_error_ = std::max(max_error_, std::abs(difference));
    const double before = truth[i] - value.mean;
    value.mean += weight * before / weight_;
    value.deviation.add(weight * before * (truth[i] - value.mean));
  }
}

NumberReport NumberMetrics::report() const {
  NumberReport report;
  report.rows = rows_;
  if (weighted_) report.weight = weight_;
  report.max_error = max_error_;
  if (weight_ == 0) return report;
  double deviation = 0;
  double r2 = 0;
  bool varies = true;
  for (const Value& value : values_) {
    report.mse += value.squared.value();
    report.mae += value.absolute.value();
    report.bias += value.difference.value();
    deviation += value.deviation.value();
    varies = varies && value.deviation.value() > 0;
    r2 += 1 - value.squared.value() / value.deviation.value();
  }
  const double count = weight_ * static_cast<double>(values_.size());
  report.mse /= count;
  report.mae /= count;
  report.bias /= count;
  report.rmse = std::sqrt(report.mse);
  report.baseline_rmse = std::sqrt(deviation / count);
  if (varies) report.r2 = r2 / static_cast<double>(values_.size());
  return report;
}

}  // namespace nn::evaluate
