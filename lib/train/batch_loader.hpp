// The steps of an epoch, ready to be trained on: rows in random order, gathered and changed by
// augmentation, where that takes long by a thread of its own while the device computes; or only the
// numbers of the rows, for a program that keeps them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/queue.hpp"
#include "train/augment.hpp"
#include "train/dataset.hpp"

namespace nn::train {

struct LoaderOptions {
  std::int64_t batch = 32;
  std::int64_t parts = 1;  // batches of one step
  std::uint64_t seed = 0;
  Augmentation augmentation;
  Image image;        // of a row, for augmentation
  bool kept = false;  // by the program (see Program::keep()): rows are chosen, not gathered

  std::uint64_t steps_per_epoch(std::int64_t rows) const {
    const std::int64_t step = batch * parts;
    return static_cast<std::uint64_t>((rows + step - 1) / step);
  }
};

// One thread. The same (seed, epoch, step) gives the same rows.
class BatchLoader {
 public:
  // `data` is borrowed.
  BatchLoader(const Dataset& data, const LoaderOptions& options);
  ~BatchLoader();

  // Starts epoch `epoch` at its step `first`.
  void begin(std::uint64_t epoch, std::uint64_t first);

  // The next step's batches, good until the next call; empty at the epoch's end.
  std::span<const backend::Examples> next();

  // Seconds that next() has taken in all: what the device waited for.
  double waited_s() const { return waited_s_; }

 private:
  struct Slot {
    std::vector<BatchGatherer> gatherers;  // one a part; none where rows are kept
    std::vector<backend::Examples> parts;
  };
  struct Ahead;  // the thread and its queues

  void fill(Slot& slot, std::uint64_t step);
  backend::Examples gather(BatchGatherer& gatherer, std::span<const std::uint32_t> rows) const;
  std::span<const backend::Examples> take_next();

  const Dataset& data_;
  LoaderOptions options_;
  std::vector<std::uint32_t> order_;
  std::uint64_t epoch_ = 0, step_ = 0;
  std::vector<Slot> slots_;
  std::unique_ptr<Ahead> ahead_;
  double waited_s_ = 0;
};

}  // namespace nn::train
