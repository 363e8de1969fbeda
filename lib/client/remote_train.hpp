// A training by a worker.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "format/arrow/stream.hpp"
#include "net/access.hpp"
#include "net/endpoint.hpp"
#include "tensor/batch.hpp"

namespace nn::client {

struct RemoteTraining {
  net::Endpoint endpoint;
  net::Access access;
  std::uint64_t max_frame = format::default_max_frame;
  std::vector<std::string> arguments;  // of nn-train: "--layers=64,32"; see nn-protocol(7)
  std::string command_line;            // for the model's provenance
  std::string job;                     // names the checkpoint there
  bool resume = false;                 // go on from it
  std::string from;                    // the model that it begins with; empty: none
  std::uint64_t epochs = 0;            // for the progress line
  std::string output;                  // the model
  std::string log;                     // JSON lines; empty: none
  std::string metrics;                 // the same lines of epochs for whoever started us; empty: nobody
};

// Sends the rows, waits, and writes the model: the same bytes as train() with the same options
// and data writes here. A stop signal has the worker save a checkpoint, and throws Interrupted.
// Unavailable errors (busy, lost) are worth another try, with `resume`.
void train_remote(std::unique_ptr<BatchSource> rows, const RemoteTraining& options);

}  // namespace nn::client
