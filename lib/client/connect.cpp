#include "client/connect.hpp"

#include <fmt/format.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "base/version.hpp"
#include "net/no_throw.hpp"

namespace nn::client {

net::Access with_token(net::Access access) {
  if (!access.token_file.empty()) access.token = net::read_token(access.token_file);
  return access;
}

asio::awaitable<std::shared_ptr<protocol::FrameLink>> open_connection(const net::Endpoint& endpoint,
                                                                      const net::Access& access,
                                                                      std::uint64_t max_frame,
                                                                      net::Transport& transport) {
  net::Socket socket = co_await net::connect(endpoint, access, transport);
  co_return std::make_shared<protocol::FrameLink>(std::move(socket), max_frame, transport.alert);
}

namespace {

// A worker that wants another protocol, or another certificate, may end a connection without a word.
class NoAnswer : public Error {
 public:
  NoAnswer() : Error(ErrorKind::unavailable, "the connection ended before the worker answered") {}
};

// The error, with how the command ended, if it did; one that never started won't do better next time.
asio::awaitable<Error> with_end(const Error& error, process::Child& command) {
  using namespace asio::experimental::awaitable_operators;
  using End = asio::posix::stream_descriptor;
  using net::no_throw;
  constexpr std::chrono::milliseconds patience{500};
  const auto executor = co_await asio::this_coro::executor;
  End end(executor, command.end_descriptor().release());
  net::Timer timer(executor, patience);
  co_await (end.async_wait(End::wait_read, no_throw) || timer.wait());
  const auto status = command.status();
  if (!status) co_return error;
  const Error ended = error.advise("; {}", process::describe_end(*status));
  co_return process::fails_for_good(*status) ? ended.as(ErrorKind::io) : ended;
}

}  // namespace

asio::awaitable<protocol::IncomingFrame> greet(protocol::FrameLink& link, const net::Access& access,
                                               std::uint64_t max_frame, net::Transport& transport) {
  auto& builder = link.maker().builder();
  const auto agent = builder.CreateString(fmt::format("{} {}", tool_name(), tools_version()));
  flatbuffers::Offset<flatbuffers::String> token;
  if (!access.token.empty()) token = builder.CreateString(access.token);
  link.send(link.maker().finish(
      0, wire::CreateHello(builder, protocol::protocol_version, agent, token, max_frame)));
  std::optional<Error> error;
  bool answered = true;
  try {
    co_return co_await expect(link, wire::Message::Welcome);
  } catch (const NoAnswer& thrown) {
    error = thrown;
    answered = false;
  } catch (const Error& thrown) {
    error = thrown;
  }
  const bool ended = error->kind() == ErrorKind::unavailable;
  if (ended && transport.child) {
    const Error how = co_await with_end(*error, *transport.child);
    throw how;
  }
  if (!answered && transport.kind == net::Endpoint::Kind::tcp) {
    throw error->advise("; if it wants certificates, write tls://");
  }
  throw *error;
}

asio::awaitable<protocol::IncomingFrame> expect(protocol::FrameLink& link, wire::Message type) {
  protocol::IncomingFrame in;
  bool there = false;
  try {
    there = co_await link.read(in);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;  // a reset is an end
  }
  if (!there) throw NoAnswer();
  if (const auto* failed = in.as<wire::Failed>()) throw protocol::error_of(*failed);
  if (in.frame->message_type() == wire::Message::Goodbye) fail(ErrorKind::unavailable, "the worker ends");
  if (in.frame->message_type() != type) fail_data("a message that workers do not send here");
  co_return in;
}

net::Timer close_after(std::shared_ptr<protocol::FrameLink> link, asio::io_context& io,
                       std::chrono::milliseconds time) {
  net::Timer timer(io.get_executor(), time);
  timer.wait([link = std::move(link)](bool expired) {
    if (expired) link->close();
  });
  return timer;
}

Error within(const Error& error, std::string_view endpoint) {
  return error.is_within(endpoint) ? error : error.within_file(endpoint);
}

void ask_whether_alive(protocol::FrameLink& link) {
  link.send(link.maker().finish(0, wire::CreateQuery(link.maker().builder(), wire::What::health)));
}

}  // namespace nn::client
