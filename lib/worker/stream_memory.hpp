// What a client's open streams keep in memory: schemas, and the texts that later rows refer to. For this
// module only.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "protocol/byte_budget.hpp"

namespace nn::worker {

// Ordinary streams are a client's own; what goes beyond is taken from a budget of all clients, so that
// whoever keeps much takes nothing from those who keep little. The serving thread's.
class StreamMemory {
 public:
  StreamMemory(std::shared_ptr<protocol::ByteBudget> all, std::uint64_t most)
      : all_(std::move(all)), most_(most) {}

  // A stream keeps so many bytes from now on, instead of `before`. False where there is no room: then nothing
  // has changed.
  bool change(std::uint64_t before, std::uint64_t now) {
    if (!reserve(bytes_ - before + now)) return false;
    bytes_ = bytes_ - before + now;
    return true;
  }
  void clear() {
    bytes_ = taken_ = 0;
    share_.reset();
  }

  static constexpr std::uint64_t own = 64 << 10;          // of each client
  static constexpr std::uint64_t least_stream = 8 << 10;  // that a stream takes at all

 private:
  bool reserve(std::uint64_t bytes) {
    const std::uint64_t wanted = bytes <= own ? 0 : bytes - own;
    if (wanted > most_) return false;
    if (wanted <= taken_ && taken_ <= 2 * wanted) return true;
    // A little more, so that what grows by small steps doesn't ask at each; and less where there isn't.
    share_.reset();
    for (const std::uint64_t ask : {wanted + wanted / 4, wanted}) {
      if (ask > 0 && !share_) share_ = all_->try_take(ask);
      if (ask == 0 || share_) {
        taken_ = ask;
        return true;
      }
    }
    share_ = all_->try_take(taken_);  // as before
    return false;
  }

  std::shared_ptr<protocol::ByteBudget> all_;
  const std::uint64_t most_;
  std::uint64_t bytes_ = 0, taken_ = 0;
  protocol::ByteBudget::Share share_;
};

}  // namespace nn::worker
