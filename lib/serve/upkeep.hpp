// What a server does beside its requests: samples for the status page, its end when nobody needs it. For this
// module only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>

#include "http/server.hpp"
#include "net/timer.hpp"
#include "serve/operations.hpp"
#include "serve/service.hpp"

namespace nn::serve {

// One thread, that of the io_context, which must run no longer than this lives.
class Upkeep {
 public:
  // `on_idle` is called once, when no request has come for exit_idle().
  Upkeep(boost::asio::io_context& io, Service& service, http::Server& server, std::function<void()> on_idle);
  void start();
  void stop();
  void set_exit_idle(std::chrono::milliseconds time);

 private:
  void sample();
  void look_whether_idle();

  boost::asio::io_context& io_;
  Service& service_;
  http::Server& server_;
  std::function<void()> on_idle_;
  net::Timer sample_, idle_;
  std::chrono::milliseconds exit_idle_{0};
  std::uint64_t requests_ = 0;        // when it was looked at last
  Clock::time_point last_request_{};  // no earlier than the last one came
};

}  // namespace nn::serve
