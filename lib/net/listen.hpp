// Listening sockets: opened here, or inherited from systemd or inetd.
#pragma once

#include <string>
#include <vector>

#include "base/file.hpp"
#include "net/endpoint.hpp"

namespace nn::net {

struct Listening {
  UniqueFd fd;
  Endpoint endpoint;  // as bound: with the port that the system chose
  OwnFile socket;     // of a unix socket that was made here: goes with this, unless it is another's by then
};

// Binds and listens. Not for ssh and exec; a unix socket that nobody listens on any more is
// replaced. With `local_only`, an address beyond loopback is a usage error. A port that is taken is an
// unavailable error, and others are io errors; they name the endpoint.
Listening listen_on(const Endpoint& endpoint, bool local_only);

// Opens nothing: a usage error where an endpoint of TCP or HTTP lies beyond loopback, an io error where its
// host isn't known.
void check_local(const Endpoint& endpoint);

// The sockets that systemd passed (LISTEN_PID, LISTEN_FDS), which are then gone from the
// environment; none without it. `http`: for a server of HTTP, whose errors tell what it needs.
std::vector<Listening> inherited_listeners(bool local_only, bool http = false);

}  // namespace nn::net
