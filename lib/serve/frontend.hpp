// What a server's thread does with requests: finds out what they ask for, and has it answered. For this
// module only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <unordered_map>

#include "serve/admin.hpp"
#include "serve/reports.hpp"
#include "serve/streams.hpp"

namespace nn::serve {

// One thread's.
class Frontend : public http::Handler {
 public:
  Frontend(Service& service, boost::asio::io_context& io)
      : service_(service),
        observer_(service, io),
        calls_(service, io, observer_),
        admin_(service, io, observer_),
        reports_(service, io, observer_),
        health_(service) {}

  std::optional<std::uint64_t> begin(http::Exchange& exchange) override;
  void handle(http::Exchange& exchange) override;
  bool is_stream(const http::Head& head) override;
  void message(http::Exchange& exchange) override;
  void half_closed(http::Exchange& exchange) override;
  void done(http::Exchange& exchange, bool sent) override;
  void refuse(http::Exchange& exchange, http::Refusal& refusal) override;

  // The catalog has changed, or the server is to end.
  void look();
  // The server ends: so do streams of messages, once what is under way of them is answered.
  void end_streams();

 private:
  void begin(http::Exchange& exchange, Call& call);
  void dispatch(http::Exchange& exchange, Call& call, const std::optional<Error>& why_not = {});

  Service& service_;
  Observer observer_;
  Calls calls_;
  Admin admin_;
  Reports reports_;
  HealthWatch health_;
  std::unordered_map<const http::Exchange*, std::weak_ptr<http::Exchange>> streams_;  // that are open
  bool ending_ = false;
};

}  // namespace nn::serve
