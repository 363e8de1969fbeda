// What the benches for GPUs have in common: questions as lines of JSON on stdin, of which each is
// answered by a line on stdout, and the time of work that is queued.
#pragma once

#include <algorithm>
#include <chrono>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

namespace nn::bench {

using Json = nlohmann::json;

// `answer` makes a question's; what it throws is one too.
template <typename F>
void answer_all(F answer) {
  for (std::string line; std::getline(std::cin, line);) {
    Json said;
    try {
      said = answer(Json::parse(line));
    } catch (const std::exception& error) {
      said = {{"error", error.what()}};
    }
    std::cout << said.dump() << std::endl;
  }
}

template <typename F>
double seconds_of(F f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// How many calls that take `each` fill so many seconds.
inline long calls_in(double seconds, double each, long most = 1 << 20) {
  return std::clamp(static_cast<long>(seconds / std::max(each, 1e-9)), 1L, most);
}

}  // namespace nn::bench
