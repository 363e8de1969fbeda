// Access: what a client needs to be let in by a worker, and a worker to let clients in.
#pragma once

#include <chrono>
#include <string>

namespace nn::net {

// PEM files, for both sides of tls:// connections.
struct TlsFiles {
  std::string cert, key;  // one's own
  std::string ca;         // who signed the other side's
  bool any() const { return !cert.empty() || !key.empty() || !ca.empty(); }
};

struct Access {
  std::string token_file;  // empty: none
  std::string token;       // what is in it, once it was read
  TlsFiles tls;
  std::chrono::milliseconds connect_timeout{5000};
};

// The first line of a file or pipe that only its owner should read, for --token-file.
std::string read_token(const std::string& path);

}  // namespace nn::net
