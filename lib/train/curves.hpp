// --plot: what epochs say, kept for a picture of all of them.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "chart/training_picture.hpp"
#include "train/log.hpp"
#include "train/options.hpp"

namespace nn::train {

// Thread-safe.
class Curves : public RunObserver {
 public:
  // `members` outlive it.
  explicit Curves(const std::vector<TrainOptions>& members);

  void epoch_ended(const LogRecord& record) override;
  // Writes the picture of the epochs so far: complete, or not at all. Io errors.
  void write(const std::string& path) const;
  // The same of a run that ends otherwise, where an epoch has ended; that it fails doesn't count then.
  void write_what_there_is(const std::string& path) const noexcept;

 private:
  const std::vector<TrainOptions>& members_;
  mutable std::mutex mutex_;
  chart::TrainingCurves curves_;
  double best_score_ = 0;
  bool has_best_ = false;
};

}  // namespace nn::train
