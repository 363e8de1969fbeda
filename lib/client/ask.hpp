// One question to a worker, and its answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/access.hpp"
#include "net/endpoint.hpp"
#include "options/option.hpp"

namespace nn::client {

struct WorkerQuestion {
  enum class Kind : std::uint8_t { health, status, models, stats, load, unload } kind = Kind::health;
  std::string model;          // load, unload
  std::uint64_t version = 0;  // 0: as the worker's policy says; all
};

struct AskOptions {
  std::optional<net::Endpoint> endpoint;  // none: nothing is asked
  WorkerQuestion question;
};
// --health ENDPOINT and its like, of which one may be given.
options::List option_list(AskOptions& options);

struct WorkerAnswer {
  std::string json;    // on one line
  bool serves = true;  // false: asked for its health, the worker says that it drains or has no model
};

// Unavailable error where the worker can't be reached or doesn't answer within
// the time to connect, data error where it refuses.
WorkerAnswer ask_worker(const net::Endpoint& endpoint, const WorkerQuestion& question,
                        const net::Access& access);

}  // namespace nn::client
