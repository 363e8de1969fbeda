#include "train/progress.hpp"

#include <fmt/format.h>

namespace nn::train {

void SharedProgress::add(std::uint64_t rows, const Member& member,
                         std::chrono::steady_clock::time_point now) {
  done_ += rows;
  if (now < next_.load(std::memory_order_relaxed)) return;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  next_ = now + std::chrono::milliseconds(100);
  const std::string which =
      member.options().member > 0 ? fmt::format("member {}  ", member.options().member) : "";
  progress_.update(done_, fmt::format("{}epoch {}/{}  loss {:.4f}", which, member.state().epoch + 1,
                                      member.options().epochs, member.loss()));
}

}  // namespace nn::train
