// The copy of a batch to the device goes through two buffers of pinned memory, so that one is filled
// while the other is read. Of a data set that is kept there, only the numbers of rows go. Internal to the
// backend.
#pragma once

#include <array>
#include <span>

#include "backend/cuda/runtime.hpp"
#include "backend/cuda/step_state.hpp"
#include "nn/plan.hpp"

namespace nn::backend::cuda {

template <typename T>
struct InputsOf {
  InputsOf(const T* values = nullptr) : floats(values) {}
  InputsOf(const std::uint8_t* values) : bytes(values) {}
  const T* floats = nullptr;
  const std::uint8_t* bytes = nullptr;
};

template <typename T>
struct ExamplesOf {
  Index rows = 0;
  InputsOf<T> x;
  const std::int32_t* labels = nullptr;
  const T* targets = nullptr;
  const T* weights = nullptr;
  const std::uint32_t* chosen = nullptr;  // as Examples has it
};

// The source of a step's rows.
enum class Source : std::uint8_t { floats, bytes, kept };

// The device memory of the members' batches, or of the one that they share. Labels or
// targets are null where the loss doesn't take them; without weights all are 1.
template <typename T>
struct Batch {
  Each<StepState> state;
  Each<T> floats;
  Each<std::uint8_t> bytes;  // null: inputs are never bytes
  Each<std::int32_t> labels;
  Each<T> targets, weights;
  Each<std::uint32_t> chosen;  // row i of the batch is row chosen[i] of those; null: row i

  Batch shared() const {
    return {state,           floats.shared(),  bytes.shared(),
            labels.shared(), targets.shared(), weights.shared(),
            chosen.shared()};
  }
};

template <typename T>
class Staging {
 public:
  Staging(const Queue& queue, Arena& arena, const Plan& plan, const ProgramOptions& options);

  // Copies a data set to the device. False where it would take more than half of the free memory.
  bool keep(const ExamplesOf<T>& data);

  const Batch<T>& batch(Source source) const { return source == Source::kept ? kept_ : batch_; }
  // Queues the copies: of one batch for all, or of each member's own, null for those that have
  // none. All come from the same source, which is returned. Labels and the like may be missing where
  // no loss is asked for; without weights all are 1.
  Source send(std::span<const ExamplesOf<T>* const> batches, std::span<const StepState> states);

 private:
  struct Slot {
    PinnedBlock memory;
    Event read;  // when the device has all of it
    bool used = false;
  };
  template <typename E, typename Get>
  void copy(char*& free, std::span<const ExamplesOf<T>* const> batches, Index width, Get get, Each<E> to);
  char* begin(Slot& slot);
  // `one`: any that is there, as all are of its kind.
  void copy_rows(char*& free, std::span<const ExamplesOf<T>* const> batches, const ExamplesOf<T>& one);
  void check_batch(const ExamplesOf<T>& batch, Source source) const;
  template <typename E>
  E* copy_of(const E* values, Index count);

  cudaStream_t stream_;
  Index rows_, inputs_, targets_;
  std::size_t most_;  // batches at once
  bool classes_;
  Batch<T> batch_, kept_;
  Index kept_rows_ = 0;
  Arena data_;  // what is kept
  std::array<Slot, 2> slots_;
  std::size_t next_ = 0;
};

}  // namespace nn::backend::cuda
