// A connection of HTTP/2: a session and its socket. Internal to this module.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <string>
#include <string_view>

#include "http/connection.hpp"
#include "http/h2_session.hpp"

namespace nn::http {

// Waits for the socket and calls the system itself: what several streams have to say leaves with one call,
// and an idle connection has no buffers.
class H2Connection final : public Connection {
 public:
  H2Connection(ThreadContext& thread, net::Socket socket, std::string bytes, Peer peer);

  void start() override;
  void drain() override;
  void close() override;
  void abandon() override;
  void check_time(Clock::time_point now) override;
  std::size_t bytes() const override;

 private:
  enum class State : std::uint8_t {
    open,
    lingering,  // all has been said; what still comes is thrown away, so that the end isn't lost
    closed
  };

  std::shared_ptr<H2Connection> self() { return std::static_pointer_cast<H2Connection>(shared_from_this()); }
  // Calls it; the connection ends with whatever is thrown.
  template <typename Call>
  void guarded(Call&& call) noexcept;
  void wait_readable();
  void read();
  void take(std::string_view bytes);
  void session_changed();
  void flush();
  // Sends; what doesn't go waits in unsent_. False when the connection is closed.
  bool write(std::string_view bytes);
  void wait_writable();
  void linger();

  using Stream = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;
  Stream stream_;
  H2Session session_;
  State state_ = State::open;
  bool flush_posted_ = false, writing_ = false;
  std::string first_;   // read before this was made
  std::string unsent_;  // that the socket didn't take yet
  std::uint64_t requests_ = 0;
  std::uint64_t lingered_ = 0;
  // When the socket has last taken something; when the connection has had its time; when it stops to linger.
  Clock::time_point written_, end_at_, linger_until_;
};

}  // namespace nn::http
