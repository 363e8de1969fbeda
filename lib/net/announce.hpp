// How a server says where it can be reached: people and scripts wait for that.
#pragma once

#include <string>
#include <vector>

#include "net/endpoint.hpp"
#include "options/option.hpp"
#include "process/pid_file.hpp"

namespace nn::net {

struct Announcement {
  std::string port_file, pid_file;  // empty: none
  bool print = false;               // on standard output
};
// --print-endpoint, --port-file, --pid-file.
options::List option_list(Announcement& announcement);

// Says it on standard error, and wherever else it is wanted, once clients can connect. The files go with
// `files`. Usage error where a port is to be written and no endpoint has one: whoever waits for it would wait
// for ever. Nobody who reads standard output is no error: clients come all the same.
void announce(const Announcement& announcement, const std::vector<Endpoint>& endpoints,
              process::PidFiles& files);

}  // namespace nn::net
