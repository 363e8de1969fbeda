// A question to another server.
#pragma once

#include <string>

#include "net/access.hpp"

namespace nn::serve {

struct StatusQuestion {
  std::string url;         // "http://HOST:PORT", "https://HOST:PORT" or "unix:/PATH"; empty: none
  std::string token_file;  // whose first line is the token that the server asks for; empty: none
  net::TlsFiles tls;       // of https://: without `ca` those count whom the system trusts
};

// How the server does, as lines for a terminal. Usage errors for other endpoints; unavailable errors where it
// can't be reached, data errors for what it answers otherwise, and for files.
std::string ask_status(const StatusQuestion& question);

}  // namespace nn::serve
