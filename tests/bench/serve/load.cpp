// Load for a server of HTTP/1.1, from one thread that costs little: bench-serve [OPTION…]
// http://HOST:PORT/PATH
//   --body FILE, --header 'NAME: VALUE'   what is asked, always the same; a body makes it a POST
//   --seconds N        each connection asks again when it was answered, for so long
//   --stage RATE:N     RATE requests a second for N seconds, whether the server answers or not; stages follow
//   each other
//   --connections N    32; at most so many, where the rate is given
//   --even             at equal distances, not at random ones
//   --warm-up N, --timeout-ms N, --within-ms N, --timeline-ms N, --seed N   see load_options.hpp
// A latency begins when the request was meant to be sent: a server that stops for a second has kept waiting
// all that would have come in it, which clients that wait for answers never notice ("coordinated omission").
// What is printed is one line of JSON.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdio>
#include <exception>
#include <string>

#include "base/scheduling.hpp"
#include "load_client.hpp"

namespace {

using nn::bench::Latencies;

std::string json_of(const Latencies& times) {
  return fmt::format(
      R"({{"count": {}, "p50_ms": {:.4f}, "p90_ms": {:.4f}, "p99_ms": {:.4f}, "p999_ms": {:.4f}, "max_ms": {:.4f}}})",
      times.count(), times.quantile_ms(0.5), times.quantile_ms(0.9), times.quantile_ms(0.99),
      times.quantile_ms(0.999), times.most_ms());
}

template <typename Map>
std::string json_of_counts(const Map& counts) {
  std::string text;
  for (const auto& [name, count] : counts) {
    if (count > 0) text += fmt::format(R"({}"{}": {})", text.empty() ? "" : ", ", name, count);
  }
  return "{" + text + "}";
}

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void print(const nn::bench::LoadFigures& figures) {
  std::uint64_t errors = 0;
  for (const auto& [why, count] : figures.errors) errors += count;
  fmt::print(
      R"({{"seconds": {:.3f}, "meant": {}, "by_status": {}, "errors": {}, "failed": {}, "stale": {}, )",
      figures.seconds, figures.meant, json_of_counts(figures.by_status), json_of_counts(figures.errors),
      errors, figures.stale);
  fmt::print(R"("rate": {:.1f}, "goodput": {:.1f}, "cpu_seconds": {:.3f}, )",
             static_cast<double>(figures.answered.count()) / figures.seconds,
             static_cast<double>(figures.good) / figures.seconds, processor_seconds());
  fmt::print(R"("answered": {}, "refused": {}, "service": {}, "timeline": [)", json_of(figures.answered),
             json_of(figures.refused), json_of(figures.service));
  const char* comma = "";
  for (const auto& slice : figures.timeline) {
    fmt::print("{}[{}, {}, {:.3f}]", comma, slice.good, slice.others, slice.slowest_good_ms);
    comma = ", ";
  }
  fmt::print("]}}\n");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    // Else timers may come 50 microseconds late, so that they can come together.
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    nn::bench::LoadClient client(nn::bench::parse_load_options(argc, argv));
    nn::take_short_turns();  // what else is on its core must not look like the server's time
    print(client.run());
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench-serve: {}\n", error.what());
    return 1;
  }
}
