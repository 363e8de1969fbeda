#include "serve/ask.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "net/no_throw.hpp"
#include "net/socket.hpp"
#include "net/timer.hpp"
#include "net/tls.hpp"

namespace nn::serve {
namespace {

using net::no_throw;

constexpr std::chrono::milliseconds patience{10'000};
constexpr std::size_t longest = 16 << 20;
constexpr std::size_t longest_line = 4096;
constexpr std::string_view first_words = "nn-serve ";  // of status_text()

// What goes to the server, and what comes back until the connection's end.
struct Exchanged {
  net::Endpoint endpoint;
  std::string request;
  std::string answer;
};

// Through TLS where `tls` is there.
asio::awaitable<void> fetch(Exchanged& its, net::Tls* tls) {
  net::Transport transport;
  net::Access access;
  access.connect_timeout = patience;
  net::Socket socket = co_await net::connect(its.endpoint, access, transport);
  if (tls != nullptr) {
    net::Tls::Secured secured = co_await tls->secure(std::move(socket), its.endpoint.host, patience);
    socket = std::move(secured.socket);
    transport.alert = std::move(secured.alert);
  }
  net::Timer timer(socket.get_executor(), patience);
  bool late = false;
  timer.wait([&](bool expired) {
    late = expired;
    boost::system::error_code ignored;
    if (expired) socket.close(ignored);
  });
  auto [failed, written] = co_await asio::async_write(socket, asio::buffer(its.request), no_throw);
  std::array<char, 16384> bytes{};
  while (!failed && its.answer.size() < longest) {
    auto [error, n] = co_await socket.async_read_some(asio::buffer(bytes), no_throw);
    its.answer.append(bytes.data(), n);
    if (error) break;
  }
  timer.cancel();
  if (late) fail(ErrorKind::unavailable, "no answer within {} ms", patience.count());
  if (its.answer.empty() && transport.alert && !transport.alert->empty())
    fail_data("TLS: {}", printable(*transport.alert));
}

// The text of {"error": "..."}, as all of ours have it.
std::optional<std::string> error_text(std::string_view body) {
  constexpr std::size_t longest_error = 300;
  const auto json = nlohmann::json::parse(body, nullptr, false);
  const bool is = json.is_object() && json.contains("error") && json["error"].is_string();
  if (!is) return std::nullopt;
  return printable(json["error"].get_ref<const std::string&>(), longest_error);
}

// What any server that isn't ours answers.
Error not_ours(std::string_view what) {
  return data_error("it answers {}", what).advise("; it is no nn-serve");
}

std::string body_of(std::string_view answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  const std::string_view line = answer.substr(0, answer.find('\r'));
  int status = 0;
  constexpr std::string_view versions[] = {"HTTP/1.1 ", "HTTP/1.0 "};  // of one length
  const std::string_view after = line.substr(std::min(line.size(), versions[0].size()));
  if (std::any_of(std::begin(versions), std::end(versions), [&](auto v) { return line.starts_with(v); }))
    std::from_chars(after.data(), after.data() + after.size(), status);
  if (end == std::string_view::npos || status == 0) fail_data("no HTTP is spoken there");
  std::string_view body = answer.substr(end + 4);
  if (status != 200) {
    const auto text = error_text(body);
    if (!text) throw not_ours(printable(after, longest_line));
    const Error error = data_error("it answers {}: {}", status, *text);
    throw status == 401 ? error.advise("; --status-token-file names the file with the token") : error;
  }
  if (!body.starts_with(first_words)) throw not_ours("something else than a status");
  if (body.ends_with('\n')) body.remove_suffix(1);
  std::string out;
  for (const std::string& shown : split_lines(body)) out += printable(shown, longest_line) + "\n";
  return out;
}

std::string token_line(const std::string& path) {
  if (path.empty()) return {};
  const std::string token = net::read_token(path);
  const bool fits = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!fits) throw data_error("a token is printable ASCII without spaces").within_file(path);
  return "Authorization: Bearer " + token + "\r\n";
}

std::string request_of(const StatusQuestion& question, const net::Endpoint& endpoint) {
  const bool has_host = net::is_http(endpoint);
  const bool is_v6 = endpoint.host.find(':') != std::string::npos;
  const std::string host = !has_host ? "localhost"
                           : is_v6   ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
                                     : fmt::format("{}:{}", endpoint.host, endpoint.port);
  return fmt::format("GET / HTTP/1.1\r\nHost: {}\r\nAccept: text/plain\r\n{}Connection: close\r\n\r\n", host,
                     token_line(question.token_file));
}

}  // namespace

std::string ask_status(const StatusQuestion& question) {
  Exchanged exchanged{net::parse_http_endpoint(question.url), {}, {}};
  net::Endpoint& endpoint = exchanged.endpoint;
  const std::string name = net::to_string(endpoint);
  exchanged.request = request_of(question, endpoint);
  std::optional<net::Tls> tls;
  if (net::is_encrypted(endpoint)) tls.emplace(question.tls, net::Tls::Side::web_client);
  if (net::is_http(endpoint)) endpoint.kind = net::Endpoint::Kind::tcp;
  asio::io_context io(1);
  std::exception_ptr failure;
  asio::co_spawn(io, fetch(exchanged, tls ? &*tls : nullptr),
                 [&](std::exception_ptr error) { failure = std::move(error); });
  io.run();
  try {
    if (failure) std::rethrow_exception(failure);
    return body_of(exchanged.answer);
  } catch (const Error& error) {
    const std::string place = net::to_string(endpoint);
    throw error.is_within(place) ? error.without(place).within(name) : error.within(name);
  }
}

}  // namespace nn::serve
