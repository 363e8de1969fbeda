// One question to a worker, and its answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/access.hpp"
#include "net/endpoint.hpp"

namespace nn::client {

struct WorkerQuestion {
  enum class Kind : std::uint8_t { health, status, models, stats, load, unload } kind = Kind::health;
  std::string model;          // load, unload
  std::uint64_t version = 0;  // 0: as the worker's policy says; all
};

// JSON on one line. Unavailable error where the worker can't be reached or doesn't answer within
// the time to connect, data error where it refuses.
std::string ask_worker(const net::Endpoint& endpoint, const WorkerQuestion& question,
                       const net::Access& access);

}  // namespace nn::client
