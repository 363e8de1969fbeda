// What a model at a worker wants and is, asked of whichever of its workers is there first. For this module
// only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "client/connection.hpp"

namespace nn::client {

struct ModelDescription {
  std::uint64_t version = 0;  // that answers
  std::string digest;
  std::shared_ptr<const Schema> inputs;  // the columns that it wants, as a table's schema
};

struct ModelQuestion {
  std::string model;                         // empty: the only one
  std::uint64_t version = 0;                 // 0: the one that is served
  std::chrono::milliseconds patience{5000};  // until one answers
};

// `told` is called once, in the thread of the io_context, in which the workers are and this is called: with
// the first answer, or with an error: unavailable where none came in time, unsupported for workers that are
// too old.
void describe(asio::io_context& io, std::vector<std::shared_ptr<Connection>> workers, ModelQuestion question,
              std::function<void(std::variant<ModelDescription, Error>)> told);

}  // namespace nn::client
