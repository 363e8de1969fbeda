// Whether a request is let in: whoever would be answered too late hears so at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "serving/servable.hpp"

namespace nn::serving {

struct DoorOptions {
  std::chrono::microseconds slo{0};         // what requests should take; 0: nobody has said
  std::chrono::microseconds queue_time{0};  // the longest that one may take; 0: five SLOs, 100 ms without one
  std::chrono::microseconds longest() const {
    if (queue_time.count() > 0) return queue_time;
    return slo.count() > 0 ? 5 * slo : std::chrono::milliseconds(100);
  }
};

struct Refusal {
  enum class Reason : std::uint8_t {
    queue,     // too much waits
    deadline,  // its deadline would be over
  };
  Reason reason = Reason::queue;
  std::chrono::microseconds wait{0};         // as predicted
  std::chrono::milliseconds retry_after{1};  // when there should be room: at least a millisecond
};

// Why a request of so many rows that comes now isn't let in; nothing where it is. Batches are let in while
// half of the time is left, shadows while nearly nobody waits. Where there is a crowd that stays, those are
// let in that are answered within the SLO. `rows` 0: before they are known. Any thread, no lock: it takes as
// long as Servable::predicted_wait(), and allocates nothing.
std::optional<Refusal> refusal(const Servable& servable, std::int64_t rows, Priority priority,
                               Clock::time_point now, const std::optional<Clock::time_point>& deadline,
                               const DoorOptions& options);

}  // namespace nn::serving
