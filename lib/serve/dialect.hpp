// How requests for inference are read, and answers written, in the words of a protocol. For this module only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "serve/call.hpp"

namespace nn::serve {

// One thread's. Keeps its memory from one call to the next.
class Dialect {
 public:
  virtual ~Dialect() = default;
  // Reads what the message says of the model, where the path doesn't, into the call's route. Data errors,
  // Fault.
  virtual void read(http::Exchange& /*exchange*/, Call& /*call*/) {}
  // Reads the rest: rows, which then are the call's own, and what is wanted of the answer. Data errors.
  virtual void fill(http::Exchange& exchange, Call& call) = 0;
  // How long the client waits, where the message says so.
  virtual std::optional<std::chrono::microseconds> timeout(const Call& /*call*/) const {
    return std::nullopt;
  }
  // How urgent it is, where the message says so: from 1, the most, on; 0 where it doesn't.
  virtual std::uint64_t priority(const Call& /*call*/) const { return 0; }
  // Fills in the response: body, type and fields. Data errors.
  virtual void answer(http::Response& response, Call& call, const inference::Answers& answers) = 0;
};

struct DialectOptions {
  inference::proto::RowLimits limits;
  bool strict_json = false;
};

// One of each, and the one that a route is in.
class Dialects {
 public:
  explicit Dialects(const DialectOptions& options);
  Dialect& of(const Route& route) const;

 private:
  std::unique_ptr<Dialect> v1_, v2_, grpc_v2_, predict_, examples_;
};

}  // namespace nn::serve
