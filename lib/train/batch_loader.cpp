#include "train/batch_loader.hpp"

#include <algorithm>
#include <chrono>

#include "backend/cpu_quota.hpp"
#include "base/random.hpp"

namespace nn::train {
namespace {

constexpr std::size_t slots_ahead = 3;  // one is computed, one is ready, one is filled
// Copying less than this takes less time than waking a thread.
constexpr std::int64_t worth_a_thread = std::int64_t{256} * 1024;

bool gathers_ahead(const Dataset& data, const LoaderOptions& o) {
  if (o.kept) return false;
  const auto bytes = o.batch * o.parts * static_cast<std::int64_t>(data.row_bytes());
  return (!o.augmentation.empty() || bytes >= worth_a_thread) && backend::cores_at_once() > 1;
}

}  // namespace

// A slot goes from `free` to the thread, and by `ready` back to next().
struct BatchLoader::Ahead {
  BoundedQueue<Slot*> free{slots_ahead}, ready{slots_ahead};
  Slot* in_use = nullptr;
  Coordinator group;  // last: its thread ends before the queues do
};

BatchLoader::BatchLoader(const Dataset& data, const LoaderOptions& options)
    : data_(data), options_(options), order_(static_cast<std::size_t>(data.rows)) {
  slots_.resize(gathers_ahead(data, options) ? slots_ahead : 1);
  for (Slot& slot : slots_) {
    for (std::int64_t p = 0; p < options.parts && !options.kept; ++p)
      slot.gatherers.emplace_back(data, options.batch);
  }
}

BatchLoader::~BatchLoader() = default;

void BatchLoader::begin(std::uint64_t epoch, std::uint64_t first) {
  ahead_.reset();
  epoch_ = epoch;
  step_ = first;
  RandomStream random(options_.seed, RandomUse::shuffle, epoch);
  shuffle_indices(order_, random);
  if (slots_.size() == 1) return;
  ahead_ = std::make_unique<Ahead>();
  Ahead& ahead = *ahead_;
  for (Slot& slot : slots_) ahead.free.push(&slot);
  ahead.group.on_stop([&ahead] {
    ahead.free.cancel();
    ahead.ready.cancel();
  });
  ahead.group.start([this, &ahead, first] {
    backend::unpin_thread();  // the device's core is for the device
    const std::uint64_t steps = options_.steps_per_epoch(data_.rows);
    for (std::uint64_t step = first; step < steps; ++step) {
      const auto slot = ahead.free.pop();
      if (!slot) return;
      fill(**slot, step);
      if (!ahead.ready.push(*slot)) return;
    }
    ahead.ready.close();
  });
}

std::span<const backend::Examples> BatchLoader::next() {
  const auto start = std::chrono::steady_clock::now();
  const auto parts = take_next();
  waited_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return parts;
}

std::span<const backend::Examples> BatchLoader::take_next() {
  if (ahead_ == nullptr) {
    if (step_ >= options_.steps_per_epoch(data_.rows)) return {};
    fill(slots_[0], step_++);
    return slots_[0].parts;
  }
  Ahead& ahead = *ahead_;
  if (ahead.in_use != nullptr) ahead.free.push(ahead.in_use);
  const auto slot = ahead.ready.pop();
  ahead.in_use = slot ? *slot : nullptr;
  if (!slot) {
    ahead.group.join();
    return {};
  }
  return ahead.in_use->parts;
}

void BatchLoader::fill(Slot& slot, std::uint64_t step) {
  const auto batch = static_cast<std::size_t>(options_.batch);
  const auto parts = static_cast<std::size_t>(options_.parts);
  std::size_t first = step * batch * parts;
  slot.parts.clear();
  for (std::size_t p = 0; p < parts && first < order_.size(); ++p) {
    const std::size_t count = std::min(batch, order_.size() - first);
    const auto rows = std::span<const std::uint32_t>(order_).subspan(first, count);
    if (options_.kept) {
      slot.parts.push_back(data_.examples(0, static_cast<std::int64_t>(count)));
      slot.parts.back().chosen = rows.data();
    } else {
      slot.parts.push_back(gather(slot.gatherers[p], rows));
    }
    first += count;
  }
}

backend::Examples BatchLoader::gather(BatchGatherer& gatherer, std::span<const std::uint32_t> rows) const {
  if (options_.augmentation.empty()) return gatherer.gather(rows);
  return gatherer.gather(rows, [&](std::uint32_t row, const float* from, float* to) {
    RandomStream random(options_.seed, RandomUse::augment, epoch_ * order_.size() + row);
    augment(options_.augmentation, options_.image, random, from, to);
  });
}

}  // namespace nn::train
