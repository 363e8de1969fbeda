#include "net/endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn::net {
namespace {

constexpr std::size_t longest_path = 107;  // sockaddr_un

constexpr std::string_view scheme_of(Endpoint::Kind kind) {
  switch (kind) {
    case Endpoint::Kind::tls: return "tls";
    case Endpoint::Kind::http: return "http";
    case Endpoint::Kind::https: return "https";
    default: return "tcp";
  }
}

// No host has such a name, by the rule of OpenSSH's client (valid_hostname() of ssh.c): a line of prose, or
// of another file, isn't one.
void check_host(std::string_view host, std::string_view text) {
  const auto wrong = std::find_if(host.begin(), host.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '\x7f' ||
           std::string_view("'`\"$\\;&<>|(){},").find(c) != std::string_view::npos;
  });
  if (wrong != host.end()) {
    fail_usage("'{}' is no endpoint: no host's name has '{}' in it", printable(text),
               printable(std::string_view(&*wrong, 1)));
  }
}

Endpoint parse_tcp(std::string_view text, Endpoint::Kind kind) {
  const std::string_view scheme = scheme_of(kind);
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    fail_usage("'{}://{}' has no port; write {}://HOST:PORT", scheme, printable(text), scheme);
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    fail_usage("'{}://{}': an IPv6 address stands in brackets, as in {}://[::1]:7000", scheme,
               printable(text), scheme);
  }
  if (host.empty())
    fail_usage("'{}://{}' has no host; write {}://HOST:PORT", scheme, printable(text), scheme);
  check_host(host, text);
  const std::int64_t port = parse_count("port", text.substr(colon + 1), 0, 65535);
  return {kind, std::string(host), static_cast<std::uint16_t>(port), {}};
}

// An address of the web, which may end with a slash; without a host it is that of a server, anywhere.
Endpoint parse_http(std::string_view text, Endpoint::Kind kind) {
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.find('/') != std::string_view::npos) {
    fail_usage("'{0}://{1}' has a path; write {0}://HOST:PORT", scheme_of(kind), printable(text));
  }
  return text.starts_with(':') ? parse_tcp("*" + std::string(text), kind) : parse_tcp(text, kind);
}

Endpoint parse_unix(std::string_view path) {
  if (path.empty()) fail_usage("'unix:' names no socket; write unix:/PATH");
  if (path.size() > longest_path) {
    fail_usage("unix:{}: a socket's path has at most {} bytes", printable(path), longest_path);
  }
  return {Endpoint::Kind::unix_socket, {}, 0, std::string(path)};
}

Endpoint parse_ssh(std::string_view text) {
  const auto slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  // A host that looks like an option must not become one.
  if (host.empty() || host.starts_with('-')) {
    fail_usage("'ssh://{}' names no host; write ssh://[USER@]HOST", printable(text));
  }
  check_host(host, text);
  std::string command;
  if (slash != std::string_view::npos) command = text.substr(slash + 1);
  return {Endpoint::Kind::ssh, std::string(host), 0, std::move(command)};
}

}  // namespace

Endpoint parse_endpoint(std::string_view text) {
  if (text.starts_with("tcp://")) return parse_tcp(text.substr(6), Endpoint::Kind::tcp);
  if (text.starts_with("tls://")) return parse_tcp(text.substr(6), Endpoint::Kind::tls);
  if (text.starts_with("http://")) return parse_http(text.substr(7), Endpoint::Kind::http);
  if (text.starts_with("https://")) return parse_http(text.substr(8), Endpoint::Kind::https);
  if (text.starts_with("unix:")) return parse_unix(text.substr(5));
  if (text.starts_with("ssh://")) return parse_ssh(text.substr(6));
  if (text.starts_with("exec:")) {
    if (trim(text.substr(5)).empty()) fail_usage("'exec:' names no command");
    return {Endpoint::Kind::exec, {}, 0, std::string(text.substr(5))};
  }
  fail_usage(
      "'{}' is not an endpoint; there are tcp://HOST:PORT, tls://HOST:PORT, unix:/PATH, ssh://[USER@]HOST, "
      "exec:COMMAND, http://HOST:PORT, https://HOST:PORT",
      printable(text));
}

Endpoint parse_http_endpoint(std::string_view text) {
  const bool fits = std::any_of(http_beginnings.begin(), http_beginnings.end(),
                                [&](std::string_view beginning) { return text.starts_with(beginning); });
  if (!fits) fail_usage("'{}': expected http://HOST:PORT, https://HOST:PORT or unix:/PATH", printable(text));
  return parse_endpoint(text);
}

std::string to_string(const Endpoint& endpoint) {
  switch (endpoint.kind) {
    case Endpoint::Kind::tcp:
    case Endpoint::Kind::tls:
    case Endpoint::Kind::http:
    case Endpoint::Kind::https: {
      const std::string_view scheme = scheme_of(endpoint.kind);
      const bool v6 = endpoint.host.find(':') != std::string::npos;
      return v6 ? fmt::format("{}://[{}]:{}", scheme, endpoint.host, endpoint.port)
                : fmt::format("{}://{}:{}", scheme, endpoint.host, endpoint.port);
    }
    case Endpoint::Kind::unix_socket: return "unix:" + endpoint.path;
    case Endpoint::Kind::ssh:
      return "ssh://" + endpoint.host + (endpoint.path.empty() ? "" : "/" + endpoint.path);
    case Endpoint::Kind::exec: return "exec:" + endpoint.path;
  }
  return {};
}

std::vector<Endpoint> read_hosts(const std::string& path) {
  constexpr std::size_t longest = 16 << 20;
  std::vector<Endpoint> endpoints;
  int number = 0;
  for (const std::string& raw : split_lines(read_text(path, longest))) {
    ++number;
    const std::string_view line = trim(raw);
    if (line.empty() || line.starts_with('#')) continue;
    const bool bare = line.find(':') == std::string_view::npos;
    try {
      endpoints.push_back(parse_endpoint(bare ? "ssh://" + std::string(line) : std::string(line)));
    } catch (const Error& error) {
      throw error.within_file(path, static_cast<std::int64_t>(number)).as(ErrorKind::data);
    }
  }
  if (endpoints.empty()) throw data_error("no endpoint in it").within_file(path);
  return endpoints;
}

}  // namespace nn::net
