// The steps that all clients of a worker take: connect, greet it, read what it sends. For this module only.
#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "net/access.hpp"
#include "protocol/frame.hpp"

namespace nn::client {

// The same with what is in its token file. Errors as read_token() has them.
net::Access with_token(net::Access access);

// A new connection to the endpoint; see connect(). Nothing has been sent yet.
asio::awaitable<std::shared_ptr<protocol::FrameLink>> open_connection(const net::Endpoint& endpoint,
                                                                      const net::Access& access,
                                                                      std::uint64_t max_frame,
                                                                      net::Transport& transport);

// The first message, and the Welcome that the worker says to it. The access is one with_token().
// Errors as expect() has them, with how the command ended where there is one.
asio::awaitable<protocol::IncomingFrame> greet(protocol::FrameLink& link, const net::Access& access,
                                               std::uint64_t max_frame, net::Transport& transport);

// The next message, which must be of this type: errors for what the worker fails with, for an
// end of the connection (unavailable), and for anything else.
asio::awaitable<protocol::IncomingFrame> expect(protocol::FrameLink& link, wire::Message type);

// Closes the link after `time`, unless it is destroyed or cancelled before.
net::Timer close_after(std::shared_ptr<protocol::FrameLink> link, asio::io_context& io,
                       std::chrono::milliseconds time);

// The error with the endpoint outermost in its where(), once. It is local: clients of a server in front of
// workers aren't told where those are.
Error within(const Error& error, std::string_view endpoint);

// A worker answers a question about its health also while it computes.
void ask_whether_alive(protocol::FrameLink& link);

}  // namespace nn::client
