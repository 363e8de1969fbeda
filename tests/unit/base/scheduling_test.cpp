#include "base/scheduling.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

namespace {

int niceness() { return ::getpriority(PRIO_PROCESS, 0); }

}  // namespace

TEST_CASE("a thread that comes after others is that thread, and those that it starts") {
  const int before = niceness();
  int own = 0, started = 0;
  std::thread([&] {
    nn::come_after_others(3);
    own = niceness();
    std::thread([&] { started = niceness(); }).join();
  }).join();
  CHECK(niceness() == before);
  CHECK(own == std::min(before + 3, 19));
  CHECK(started == own);
}

TEST_CASE("short turns leave a thread's part of the core as it is") {
  int own = 0, after = 0;
  std::thread([&] {
    nn::come_after_others(2);
    own = niceness();
    nn::take_short_turns();
    after = niceness();
  }).join();
  CHECK(after == own);
}
