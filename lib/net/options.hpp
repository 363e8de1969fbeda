// The options by which clients get into workers, and workers let them in.
#pragma once

#include <cstdint>
#include <string_view>

#include "net/access.hpp"
#include "net/endpoint.hpp"
#include "options/option.hpp"

namespace nn::net {

// Whose files: those of either side of tls://, or of a server at https://.
enum class TlsUse : std::uint8_t { worker, web_server };
// --tls-cert, --tls-key, --tls-ca, under the heading `group`.
options::List option_list(TlsFiles& files, std::string_view group, TlsUse use);
// --connect-timeout, --token-file, and those for TLS.
options::List option_list(Access& access, std::string_view group);

}  // namespace nn::net
