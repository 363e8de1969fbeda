#include "serving/door.hpp"

#include "catch.hpp"
#include "fake_servable.hpp"

using namespace nn;
using namespace nn::serving;
using namespace std::chrono_literals;

namespace {

// Says what a test wants about waiting.
class Crowded : public test::FakeServable {
 public:
  std::chrono::microseconds predicted_wait(std::int64_t rows, Priority priority) const override {
    return wait[static_cast<std::size_t>(priority)] + rows * 10us;
  }
  std::array<std::chrono::microseconds, priority_count> wait{};
};

}  // namespace

TEST_CASE("a request is let in while it would be answered in time, by its priority and its deadline") {
  Crowded model;
  const Clock::time_point now{1h};
  const DoorOptions options{.slo = 10ms};
  const auto let_in = [&](Priority priority, std::int64_t rows,
                          std::optional<Clock::time_point> deadline = {}) {
    return !refusal(model, rows, priority, now, deadline, options);
  };
  CHECK(let_in(Priority::normal, 1));
  CHECK(let_in(Priority::normal, 100'000));  // a second, but nobody waits
  model.wait = {0us, 30ms, 30ms, 30ms};
  CHECK(let_in(Priority::high, 1));
  CHECK(let_in(Priority::normal, 1));
  CHECK_FALSE(let_in(Priority::batch, 1));
  CHECK_FALSE(let_in(Priority::shadow, 1));
  CHECK_FALSE(let_in(Priority::normal, 3000));
  CHECK(let_in(Priority::normal, 1, now + 31ms));
  CHECK_FALSE(let_in(Priority::normal, 1, now + 29ms));
  model.wait[1] = 51ms;
  CHECK_FALSE(let_in(Priority::normal, 0));
  CHECK(let_in(Priority::high, 0));
}

TEST_CASE("who is refused hears when there should be room") {
  Crowded model;
  const Clock::time_point now{1h};
  model.wait = {130ms, 130ms, 130ms, 130ms};
  const auto full = refusal(model, 0, Priority::normal, now, {}, {});
  REQUIRE(full);
  CHECK(full->reason == Refusal::Reason::queue);
  CHECK(full->wait == 130ms);
  CHECK(full->retry_after == 30ms);
  const auto late = refusal(model, 0, Priority::normal, now, now + 1ms, {.queue_time = 1s});
  REQUIRE(late);
  CHECK(late->reason == Refusal::Reason::deadline);
  CHECK(late->retry_after == 129ms);
  CHECK(refusal(model, 0, Priority::normal, now, {}, {.queue_time = 129'900us})->retry_after == 1ms);
}
