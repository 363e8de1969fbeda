// A connection of HTTP/1.1. Internal to this module.
#pragma once

#include <sys/uio.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <vector>

#include "http/connection.hpp"
#include "http/h1_exchange.hpp"

namespace nn::http {

// Callbacks instead of coroutines, and system calls that are made here: a request costs one read and one
// write, and no memory. A read is pending whenever one more request may come, so that an end of the
// connection is seen at once; what can be written is written where it is known, and only the rest waits.
class H1Connection final : public Connection {
 public:
  H1Connection(ThreadContext& thread, UniqueFd socket, Peer peer);

  void start() override;
  // In place of start(): answers 503 before anything is read.
  void start_refused();
  void drain() override;
  void close() override;
  void abandon() override;
  void check_time(Clock::time_point now) override;
  std::size_t bytes() const override;

  // The answer of an exchange is there.
  void sent(H1Exchange& exchange);

 private:
  using ExchangePtr = std::shared_ptr<H1Exchange>;
  using Stage = H1Exchange::Stage;
  enum class State : std::uint8_t {
    open,
    lingering,  // all has been said; what still comes is thrown away, so that the answer isn't lost
    closed
  };

  // Does all that can be done without waiting. Ends the connection with whatever is thrown.
  void pump() noexcept;
  // False where there is something to be answered instead.
  bool read();
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  void on_end();
  void look_at_time(Clock::time_point now);

  // Each takes something from what was read; false where it needs more.
  bool take_input();
  bool take_head();
  bool take_body();
  bool take_whole_body();
  bool complete_body();
  bool is_http2(bool& undecided) const;
  void become_http2();
  bool skip();

  void begin(const ExchangePtr& exchange);
  bool ask_handler(H1Exchange& exchange, std::uint64_t& limit);
  void handle(H1Exchange& exchange);
  // The body of an exchange that is answered already follows.
  void pass_over_body(H1Exchange& exchange);
  void refuse(H1Exchange& exchange, const Fault& fault);
  void fail(H1Exchange& exchange, const std::exception& error);
  void refuse_incoming(const Fault& fault);

  // Writes answers in their order; true where one has been sent to its end.
  bool flush();
  std::size_t gather(iovec* parts);
  bool advance(std::size_t bytes);
  void format(H1Exchange& exchange, bool last);
  void wait_writable();
  void finish(ExchangePtr exchange, bool sent) noexcept;
  void end_connection();
  void tell_gone() noexcept;
  void drop_queue();

  ExchangePtr take_spare();
  bool ages(Clock::time_point now) const;
  bool is_full() const { return std::cmp_greater_equal(queue_.size(), thread_.limits.pipelined); }
  bool is_busy() const { return !queue_.empty() || !in_.empty() || skipping_ != 0 || state_ != State::open; }

  using Stream = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;
  Stream stream_;
  State state_ = State::open;
  bool reading_ = false, into_body_ = false, shrinking_ = false;
  bool writing_ = false;  // waits until more can be written
  bool blocked_ = false;  // has waited since all was written last
  bool pumping_ = false;
  bool ended_ = false;  // the client sends no more
  bool last_ = false;   // no other request is taken
  bool in_head_ = false;
  bool blank_ = false;  // an empty line may come in front of the head
  Buffer in_;
  HeadEnd head_end_;
  std::optional<RequestParser> parser_;
  std::vector<ExchangePtr> queue_;  // under way, in the order in which they came
  std::vector<ExchangePtr> spare_;
  H1Exchange* receiving_ = nullptr;  // the last of the queue, while its body comes
  std::uint64_t body_left_ = 0;      // of its bytes, where it doesn't come in chunks
  std::uint64_t skipping_ = 0;       // bytes of a body that nobody wants
  std::uint64_t requests_ = 0, lingered_ = 0;
  std::uint64_t written_ = 0;  // since it waited for that last
  // When the bytes being taken came; when head, body or answer are too late.
  Clock::time_point now_, head_began_, head_until_, body_until_, write_until_, end_at_;
};

}  // namespace nn::http
