// What a load is: which request, how often, over how many connections.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace nn::bench {

struct Stage {
  double rate = 0;  // requests a second; 0: each connection asks when it was answered
  double seconds = 1;
};

struct LoadOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string request;  // head and body, as it is sent each time
  std::vector<Stage> stages;
  std::size_t connections = 32;  // at most, where the rate is given
  bool even = false;             // arrivals at equal distances, else Poisson's
  double warm_up_seconds = 0;    // before the first stage, at its rate, not counted
  std::chrono::milliseconds timeout{10'000};
  double within_ms = 0;    // an answer counts as good only within this time; 0: whenever it comes
  double timeline_ms = 0;  // 0: no timeline
  std::uint64_t seed = 1;
};

// Of a command line, see load.cpp. A std::runtime_error says what is wrong with it.
LoadOptions parse_load_options(int argc, char** argv);

}  // namespace nn::bench
