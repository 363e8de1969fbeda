#include "net/announce.hpp"

#include <unistd.h>

#include <algorithm>
#include <span>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "options/fields.hpp"

namespace nn::net {

options::List option_list(Announcement& announcement) {
  options::List list;
  options::Group output(list, "Output", options::Effect::local);
  output.add({.name = "print-endpoint",
              .help = "Print where it listens, then serve",
              .text = "Print the endpoints as bound, a line each, once clients can connect."},
             options::flag(announcement.print));
  output.add(
      {.name = "port-file",
       .value = "FILE",
       .help = "Write the port of the first endpoint that has one to it",
       .text = "Write the port of the first endpoint that has one to a file then; the file goes when it "
               "ends."},
      options::file(announcement.port_file));
  output.add({.name = "pid-file",
              .value = "FILE",
              .help = "Write the process id to it",
              .text = "Write the process id to a file then; the file goes when it ends."},
             options::file(announcement.pid_file));
  return list;
}

void announce(const Announcement& announcement, const std::vector<Endpoint>& endpoints,
              process::PidFiles& files) {
  const auto with_port = std::find_if(endpoints.begin(), endpoints.end(), [](const Endpoint& endpoint) {
    return endpoint.kind != Endpoint::Kind::unix_socket;
  });
  if (!announcement.port_file.empty() && with_port == endpoints.end()) {
    throw make_error(ErrorKind::usage, "none of the endpoints has a port").advise(" for --port-file");
  }
  if (!announcement.pid_file.empty()) files.put(announcement.pid_file, ::getpid());
  if (!announcement.port_file.empty()) files.put(announcement.port_file, with_port->port);
  std::string lines;
  for (const Endpoint& endpoint : endpoints) {
    lines += to_string(endpoint) + "\n";
    note("listening on {}", to_string(endpoint));
  }
  if (!announcement.print) return;
  try {
    write_all(STDOUT_FILENO, std::as_bytes(std::span(lines)), "standard output");
  } catch (const BrokenPipe&) {
    warn("standard output: nobody reads where this server listens");
  } catch (const Error& error) {
    warn("{}; it can't say where this server listens", error.what());
  }
}

}  // namespace nn::net
