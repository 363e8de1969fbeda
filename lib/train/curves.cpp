#include "train/curves.hpp"

#include <fmt/format.h>

#include <limits>

#include "base/file.hpp"
#include "train/summary.hpp"

namespace nn::train {

Curves::Curves(const std::vector<TrainOptions>& members) : members_(members) {
  curves_.title = members.size() == 1 ? fmt::format("Training of {}", members.front().output)
                                      : fmt::format("Training of {} members", members.size());
  curves_.members.resize(members.size());
}

void Curves::epoch_ended(const LogRecord& record) {
  const std::scoped_lock lock(mutex_);
  const std::size_t m = record.member > 0 ? static_cast<std::size_t>(record.member - 1) : 0;
  chart::TrainingCurve& curve = curves_.members[m];
  if (curve.loss.empty()) curve.first_epoch = record.epoch;
  const std::size_t size = record.epoch - curve.first_epoch + 1;
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  for (std::vector<double>* values : {&curve.loss, &curve.val_loss, &curve.metric})
    values->resize(size, unknown);
  for (const auto& [name, value] : record.figures) {
    if (name == "loss") curve.loss.back() = value;
    if (name == "val_loss") curve.val_loss.back() = value;
    if (name == "val_accuracy" || name == "val_rmse") {
      curve.metric.back() = value;
      curves_.metric = name;
    }
  }
  curve.best_epoch = record.best_epoch;
  if (has_best_ && record.best_score >= best_score_) return;
  has_best_ = true;
  best_score_ = record.best_score;
  curves_.best = m;
}

void Curves::write(const std::string& path) const {
  const std::scoped_lock lock(mutex_);
  chart::TrainingCurves curves = curves_;
  if (members_.size() > 1)
    curves.best_name = fmt::format("member {} ({})", curves.best + 1, own_values_text(members_[curves.best]));
  write_file(path, chart::training_svg(curves));
}

void Curves::write_what_there_is(const std::string& path) const noexcept {
  try {
    if (has_best_) write(path);
  } catch (...) {  // what ended the run counts
  }
}

}  // namespace nn::train
