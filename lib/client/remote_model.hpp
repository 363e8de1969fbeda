// A version of a model that other workers compute, as a servable of this process.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "net/access.hpp"
#include "net/endpoint.hpp"
#include "serving/servable.hpp"

namespace boost::asio {
class io_context;
}

namespace nn::client {

class Connection;

// Connections to workers, which many models may share.
class Workers {
 public:
  // Connects in the thread of the io_context, from now on, and again whenever a connection is lost. The
  // access is one with its token (net/access.hpp).
  Workers(boost::asio::io_context& io, const std::vector<net::Endpoint>& endpoints, const net::Access& access,
          std::uint64_t max_frame);
  // For tests: connections that somebody else starts and stops.
  explicit Workers(std::vector<std::shared_ptr<Connection>> connections);
  ~Workers();

  const std::vector<std::shared_ptr<Connection>>& connections() const { return connections_; }

 private:
  std::vector<std::shared_ptr<Connection>> connections_;
  bool own_ = false;
};

struct RemoteModelOptions {
  std::string name = {};                     // here
  std::string remote_name = {};              // there; empty: the only one
  std::uint64_t version = 0;                 // 0: the one that is served when this is opened
  std::chrono::milliseconds patience{5000};  // with workers that can't be reached, until it is open
  std::chrono::milliseconds grace{250};      // requests wait so long for a worker that was there
  std::chrono::microseconds hedge{0};        // a second worker is asked after; 0: never
  std::size_t most_tries = 2;                // of a request, that fail
  std::uint64_t queue_bytes = 256u << 20;    // of requests that wait for their answers
  std::shared_ptr<const void> keep = {};     // as long as there are requests
  std::uint32_t seed = 1;                    // of the choice among workers
  // For logs, in the thread of the io_context: a request has failed, which says where; and a worker is left
  // out.
  std::function<void(const Error&)> failed = {};
  std::function<void(const std::string& worker, const std::string& why)> left_out = {};
};

// Asks the workers what the model is, and tells in the thread of the io_context, once. Requests to it are
// dispatched over the workers (client/replicas.hpp) and answered by the version that it was when it was
// opened; those that no worker answers fail with an unavailable error, or are late: at once while none has
// been there for the time of grace. Where errors tell which worker it was, they do so in what is local.
// submit() is thread-safe and returns at once; completions are called in the thread of the io_context. The
// workers and the io_context must outlive what is told.
void open_remote_model(boost::asio::io_context& io, const Workers& workers, RemoteModelOptions options,
                       std::function<void(std::variant<std::shared_ptr<serving::Servable>, Error>)> told);

}  // namespace nn::client
