// Requests that wait until their model is loaded, which is loaded because they came. For this module only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "net/timer.hpp"
#include "serve/call.hpp"
#include "serve/mailbox.hpp"
#include "serve/service.hpp"

namespace nn::serve {

// One thread's, that of the io_context. A model is asked for once, however many wait for it.
class ColdStarts {
 public:
  ColdStarts(Service& service, boost::asio::io_context& io, std::shared_ptr<Mailbox> mailbox)
      : service_(service),
        clock_(net::clock_of(io)),
        mailbox_(std::move(mailbox)),
        timer_(io.get_executor()) {}

  // Calls `then`, later and once: when the load is over, with why nothing of the model can be served, if that
  // is so; or with why the request waits no longer, which is when the client's deadline has passed, or our
  // patience is over. False where too many wait already.
  using Then = std::function<void(const std::optional<Fault>& late, const std::optional<Error>& why_not)>;
  bool wait(const std::string& model, Clock::time_point patience, std::optional<Clock::time_point> deadline,
            Then then);

 private:
  struct Waiting {
    std::string model;
    Clock::time_point until;
    bool clients = false;  // it is the client's deadline
    Then then;
  };
  using List = std::list<Waiting>;
  void loaded(const std::string& model, const std::optional<Error>& why_not);
  void set_timer();
  void expire();

  static constexpr std::size_t most = 1024;  // of a thread's requests
  Service& service_;
  Clock& clock_;
  const std::shared_ptr<Mailbox> mailbox_;
  net::Timer timer_;
  List waiting_;
};

}  // namespace nn::serve
