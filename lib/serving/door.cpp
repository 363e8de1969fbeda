#include "serving/door.hpp"

#include <algorithm>

namespace nn::serving {
namespace {

std::chrono::microseconds longest_of(const Servable& servable, Priority priority,
                                     const DoorOptions& options) {
  const bool is_tight = options.slo.count() > 0 && servable.is_crowded();
  const auto longest = is_tight ? std::min(options.slo, options.longest()) : options.longest();
  switch (priority) {
    case Priority::batch: return longest / 2;
    case Priority::shadow: return longest / 10;
    default: return longest;
  }
}

}  // namespace

// A request that is longer than the limit by itself is let in where nothing waits: it would never be else.
std::optional<Refusal> refusal(const Servable& servable, std::int64_t rows, Priority priority,
                               Clock::time_point now, const std::optional<Clock::time_point>& deadline,
                               const DoorOptions& options) {
  const auto wait = servable.predicted_wait(rows, priority);
  const auto refuse = [&](Refusal::Reason reason, std::chrono::microseconds limit) {
    const auto over = std::chrono::ceil<std::chrono::milliseconds>(wait - limit);
    return Refusal{reason, wait, std::max(over, std::chrono::milliseconds(1))};
  };
  if (deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(*deadline - now);
    if (wait > left) return refuse(Refusal::Reason::deadline, left);
  }
  const auto longest = longest_of(servable, priority, options);
  if (wait <= longest) return std::nullopt;
  if (rows > 0 && servable.predicted_wait(0, priority).count() == 0) return std::nullopt;
  return refuse(Refusal::Reason::queue, longest);
}

}  // namespace nn::serving
