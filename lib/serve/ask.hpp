// A question to another server.
#pragma once

#include <string>

namespace nn::serve {

// How the server at "http://HOST:PORT" or "unix:/PATH" does, as lines for a terminal. Usage errors for other
// endpoints; unavailable errors where it can't be reached, data errors for what it answers otherwise.
std::string ask_status(const std::string& url);

}  // namespace nn::serve
