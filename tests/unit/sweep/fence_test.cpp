// When agents end their trials by themselves, on a clock that stands still.
#include "sweep/fence.hpp"

#include "../manual_clock.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::sweep;
using namespace std::chrono_literals;

TEST_CASE("an agent ends its trials when nothing was heard for half a lease") {
  test::ManualClock clock;
  Fence fence(clock, 120s);
  const auto first = fence.ask();
  CHECK_FALSE(fence.may_ask());
  clock.advance(15s);
  CHECK(fence.may_ask());
  fence.answer(first, 120s, 0s);
  clock.advance(44s);
  CHECK_FALSE(fence.must_end());
  clock.advance(1s);
  CHECK(fence.must_end());  // 60 s after the question, not the answer
}

TEST_CASE("an answer is as good as its question is old, and the proof that it tells of") {
  test::ManualClock clock;
  Fence fence(clock, 120s);
  const auto first = fence.ask();
  clock.advance(20s);
  const auto second = fence.ask();
  clock.advance(30s);
  fence.answer(second, 120s, 5s);  // sure until 15 + 60
  fence.answer(first, 120s, 0s);   // late, and of no use
  fence.answer(7, 120s, 0s);       // nobody asked that
  clock.advance(24s);
  CHECK_FALSE(fence.must_end());
  clock.advance(1s);
  CHECK(fence.must_end());
}

TEST_CASE("a coordinator says how long the lease is, and all ends within it") {
  test::ManualClock clock;
  Fence fence(clock, 120s);
  fence.answer(fence.ask(), 4s, 0s);
  CHECK(fence.pause() == 250ms);
  clock.advance(2s);
  CHECK(fence.must_end());
  CHECK(2s + fence.time_to_end() < Fence::longest(4s));
  CHECK(Fence::longest(4s) < 4s);
}
