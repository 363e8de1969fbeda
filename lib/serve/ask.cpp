#include "serve/ask.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <exception>

#include "base/error.hpp"
#include "base/text.hpp"
#include "net/no_throw.hpp"
#include "net/socket.hpp"
#include "net/timer.hpp"

namespace nn::serve {
namespace {

using net::no_throw;

constexpr std::chrono::milliseconds patience{10'000};
constexpr std::size_t longest = 16 << 20;
constexpr std::size_t longest_line = 4096;

// The connection's bytes until its end.
asio::awaitable<void> fetch(net::Endpoint endpoint, std::string request, std::string& answer) {
  net::Transport transport;
  net::Access access;
  access.connect_timeout = patience;
  net::Socket socket = co_await net::connect(endpoint, access, transport);
  net::Timer timer(socket.get_executor(), patience);
  bool late = false;
  timer.wait([&](bool expired) {
    late = expired;
    boost::system::error_code ignored;
    if (expired) socket.close(ignored);
  });
  auto [failed, written] = co_await asio::async_write(socket, asio::buffer(request), no_throw);
  std::array<char, 16384> bytes{};
  while (!failed && answer.size() < longest) {
    auto [error, n] = co_await socket.async_read_some(asio::buffer(bytes), no_throw);
    answer.append(bytes.data(), n);
    if (error) break;
  }
  timer.cancel();
  if (late) fail(ErrorKind::unavailable, "no answer within {} ms", patience.count());
}

std::string body_of(std::string_view answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  int status = 0;
  constexpr std::string_view version = "HTTP/1.1 ";
  if (answer.starts_with(version)) {
    std::from_chars(answer.data() + version.size(), answer.data() + answer.size(), status);
  }
  if (end == std::string_view::npos || status == 0) fail_data("no HTTP is spoken there");
  std::string_view body = answer.substr(end + 4);
  if (status != 200) fail_data("it answers {}: {}", status, printable(trim(body), 300));
  if (body.ends_with('\n')) body.remove_suffix(1);
  std::string out;
  for (const std::string& line : split_lines(body)) out += printable(line, longest_line) + "\n";
  return out;
}

}  // namespace

std::string ask_status(const std::string& url) {
  net::Endpoint endpoint = net::parse_endpoint(url);
  const std::string name = net::to_string(endpoint);
  const bool fits =
      endpoint.kind == net::Endpoint::Kind::http || endpoint.kind == net::Endpoint::Kind::unix_socket;
  if (!fits) fail_usage("{}: a server is asked at http://HOST:PORT or unix:/PATH", name);
  const std::string request = fmt::format(
      "GET / HTTP/1.1\r\nHost: {}\r\nAccept: text/plain\r\nConnection: close\r\n\r\n",
      endpoint.kind == net::Endpoint::Kind::http ? fmt::format("{}:{}", endpoint.host, endpoint.port)
                                                 : "localhost");
  if (endpoint.kind == net::Endpoint::Kind::http) endpoint.kind = net::Endpoint::Kind::tcp;
  asio::io_context io(1);
  std::string answer;
  std::exception_ptr failure;
  asio::co_spawn(io, fetch(endpoint, request, answer),
                 [&](std::exception_ptr error) { failure = std::move(error); });
  io.run();
  try {
    if (failure) std::rethrow_exception(failure);
    return body_of(answer);
  } catch (const Error& error) {
    throw error.is_within(net::to_string(endpoint)) ? error.without(net::to_string(endpoint)).within(name)
                                                    : error.within(name);
  }
}

}  // namespace nn::serve
