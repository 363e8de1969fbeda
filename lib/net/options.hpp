// The options by which clients get into workers, and workers let them in.
#pragma once

#include <string_view>

#include "net/access.hpp"
#include "net/endpoint.hpp"
#include "options/option.hpp"

namespace nn::net {

// --tls-cert, --tls-key, --tls-ca, under the heading `group`.
options::List option_list(TlsFiles& files, std::string_view group);
// --connect-timeout, --token-file, and those for TLS.
options::List option_list(Access& access, std::string_view group);

}  // namespace nn::net
