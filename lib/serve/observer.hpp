// What is noted of each request, told beside its answer, and asked before it: counters, log, capture; ids,
// times, traces; who may do what. For this module only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>
#include <unordered_map>

#include "net/timer.hpp"
#include "serve/call.hpp"
#include "serve/operations.hpp"
#include "serve/service.hpp"

namespace nn::serve {

// One thread's, that of the io_context.
class Observer {
 public:
  Observer(Service& service, boost::asio::io_context& io);

  // The order of calls for a request: come() admit() … reached() … decorate() ended().

  // Its head is there: it gets an id.
  void come(const http::Exchange& exchange, Call& call);
  // May whoever sent it do that? Else it is filled in why not.
  bool admit(http::Exchange& exchange, Call& call);
  // It is for this version, which call.served says.
  void reached(Call& call);
  Clock::time_point now() const { return clock_.now(); }
  // Adds fields to a response that is about to be sent.
  void decorate(http::Exchange& exchange, Call& call);
  // The server itself has refused it, before it was whole.
  void refused(const http::Exchange& exchange, Call& call, const http::Refusal& refusal) const;
  // It has been answered, or given up.
  void ended(http::Exchange& exchange, Call& call, bool sent);
  // Answers the question of a browser whether a page of another origin may ask this; false where none are
  // to: then it is a question like any other. `more_fields`, as ", NAME", are those that it may have besides
  // what we understand of every request.
  bool preflight(http::Exchange& exchange, std::string_view more_fields) const;

 private:
  void count(const http::Exchange& exchange, const Call& call, std::chrono::microseconds total);
  void log(const http::Exchange& exchange, const Call& call, bool sent, std::chrono::microseconds total);
  void capture(const Call& call, std::chrono::microseconds total);
  static void note_status(http::Exchange& exchange, Call& call, bool sent);
  void flush_soon();
  std::uint64_t random();

  Operations& operations_;
  Clock& clock_;
  Counters::Thread& counters_;
  Sha256 sha256_;
  std::optional<AccessLog::Thread> log_;
  net::Timer flush_;
  bool flushing_ = false;
  std::uint64_t random_;
  // By the schema of rows, which stays as long as its version: what captured rows of it are like.
  std::unordered_map<const Schema*, std::pair<std::weak_ptr<const Schema>, std::shared_ptr<const Schema>>>
      captured_;
};

// Milliseconds with three digits behind the point: "0.130".
void append_ms(std::string& out, std::chrono::microseconds time);
// The field traceparent of a request, where it is one; empty otherwise.
std::string_view traceparent_of(const http::Head& head);
// Is it what may stand in X-Request-Id: printable ASCII, at most 128 bytes?
bool is_request_id(std::string_view text);

}  // namespace nn::serve
