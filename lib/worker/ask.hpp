// One question to a worker, and its answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/endpoint.hpp"

namespace nn {

struct WorkerQuestion {
  enum class Kind : std::uint8_t { health, status, models, stats, load, unload } kind = Kind::health;
  std::string model;          // load, unload
  std::uint64_t version = 0;  // 0: as the worker's policy says; all
};

struct AskOptions {
  std::chrono::milliseconds timeout{5000};
  std::string token_file;
};

// JSON on one line. Unavailable error where the worker can't be reached or doesn't answer in
// time, data error where it refuses.
std::string ask_worker(const Endpoint& endpoint, const WorkerQuestion& question, const AskOptions& options);

}  // namespace nn
