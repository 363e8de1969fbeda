// Loading and unloading of models on request. For this module only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "serve/observer.hpp"

namespace nn::serve {

// One thread's, that of the io_context.
class Admin {
 public:
  Admin(Service& service, boost::asio::io_context& io, Observer& observer);
  ~Admin();
  // Answers when it is done, which the loader says in a thread of its own. Throws Fault, and data errors.
  void start(http::Exchange& exchange, Call& call);

 private:
  struct Gate;
  void finish(http::Exchange& exchange, Call& call, const std::optional<Error>& error);

  Service& service_;
  Observer& observer_;
  std::shared_ptr<Gate> gate_;
};

}  // namespace nn::serve
