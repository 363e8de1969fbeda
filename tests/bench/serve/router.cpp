// How long it takes to decide which arm a request gets, and to note how it went: nanoseconds, as JSON.
#include "traffic/router.hpp"

#include <fmt/format.h>

#include <ctime>
#include <string>
#include <vector>

#include "traffic/recorder.hpp"

using namespace nn::traffic;

namespace {

constexpr std::size_t keys = 4096, rounds = 500;

double thread_seconds() {
  struct timespec now {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Of the processor's time: what else runs on the machine takes turns.
template <typename Each>
double nanoseconds(Each&& each) {
  const double begin = thread_seconds();
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < keys; ++i) each(i);
  }
  return 1e9 * (thread_seconds() - begin) / static_cast<double>(keys * rounds);
}

}  // namespace

int main() {
  std::vector<std::string> users;
  for (std::size_t i = 0; i < keys; ++i) users.push_back(fmt::format("user-{}@example.org", i * 7919));
  std::uint64_t chosen = 0;
  const auto decide = [&](const char* split) {
    const Router router(parse_split(split).second, "salt");
    return nanoseconds([&](std::size_t i) { chosen += router.choose(router.hash(users[i])).arm; });
  };
  const double two = decide("m:stable=95,canary=5"), four = decide("m:stable=70,a=10,b=10,c=10");
  Recorders recorders;
  const auto recorder = recorders.make();
  const double note =
      nanoseconds([&](std::size_t i) { recorder->canary(0, false, false, static_cast<double>(i)); });
  fmt::print("{{\"two_arms_ns\":{:.1f},\"four_arms_ns\":{:.1f},\"note_ns\":{:.1f},\"chosen\":{}}}\n", two,
             four, note, chosen % 2);
}
