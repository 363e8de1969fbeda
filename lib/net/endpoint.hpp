// An endpoint says where a worker is: tcp://host:port, tls://host:port, unix:/path, ssh://[user@]host,
// exec:COMMAND; or an inference server: http://host:port, https://host:port, unix:/path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nn::net {

struct Endpoint {
  enum class Kind : std::uint8_t {
    tcp,          // host, port
    tls,          // the same, encrypted, with certificates on both sides
    unix_socket,  // path; "@name" is a name without a file, as Linux has them
    ssh,          // host ([user@]host[:port]), path: the command there, empty for nn-worker --stdio
    exec,         // path: a command for the shell that speaks the protocol on stdin and stdout
    http,         // host, port
    https,        // the same, encrypted; clients need no certificate
  };
  Kind kind = Kind::tcp;
  std::string host;
  std::uint16_t port = 0;
  std::string path;
  bool operator==(const Endpoint&) const = default;
};

Endpoint parse_endpoint(std::string_view text);  // usage error; looks nothing up
// An inference server's, not a worker's; unix sockets may be either's.
constexpr bool is_http(const Endpoint& endpoint) {
  return endpoint.kind == Endpoint::Kind::http || endpoint.kind == Endpoint::Kind::https;
}
constexpr bool is_encrypted(const Endpoint& endpoint) {
  return endpoint.kind == Endpoint::Kind::tls || endpoint.kind == Endpoint::Kind::https;
}
// How those begin at which an inference server listens, and is asked; usage error for another one.
inline const std::vector<std::string_view> http_beginnings = {"http://", "https://", "unix:"};
Endpoint parse_http_endpoint(std::string_view text);
std::string to_string(const Endpoint& endpoint);

// The endpoints of a file, a pipe or "-", one a line; empty lines and those that begin with '#' are left
// out. A line may be a bare host name, which is reached through ssh. Errors name file and line.
std::vector<Endpoint> read_hosts(const std::string& path);

}  // namespace nn::net
