// Answers to questions of those who run a server: metrics, statistics, the status page. For this module only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "serve/mailbox.hpp"
#include "serve/observer.hpp"

namespace nn::serve {

struct Report;

// One thread's, that of the io_context. Answers are made in the server's Reporter.
class Reports {
 public:
  Reports(Service& service, boost::asio::io_context& io, Observer& observer);
  ~Reports();
  // Answers later; false where the action is none of these. Throws Fault, and data errors.
  bool start(http::Exchange& exchange, Call& call);

 private:
  void finish(http::Exchange& exchange, Call& call, Report& report);

  Service& service_;
  Observer& observer_;
  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace nn::serve
