// The options of clients, each said once.

#include "net/options.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "client/ask.hpp"
#include "client/remote_predict.hpp"
#include "options/fields.hpp"

namespace nn::client {
namespace {

// "20" are milliseconds; a unit says otherwise.
options::Field milliseconds_field(std::chrono::microseconds& variable) {
  return {.apply = [&variable](auto text) {
    const bool has_unit = text->find_first_not_of("0123456789.") != std::string_view::npos;
    const double seconds = has_unit ? parse_duration_s(*text) : parse_number(*text) / 1e3;
    if (!(seconds > 0 && seconds < 86'400))
      fail_usage("'{}': must be over 0 and below a day", printable(*text));
    variable = std::chrono::microseconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds * 1e6)));
  }};
}

}  // namespace

options::List option_list(RemoteOptions& o) {
  options::List list;
  options::Group group(list, "Workers", options::Effect::local);
  group.add(
      {.name = "at",
       .value = "ENDPOINT",
       .help = "A worker: tcp://HOST:PORT, tls://HOST:PORT, unix:/PATH, ssh://HOST, exec:COMMAND; rows are "
               "dispatched over several, or with --rule go to all (repeatable)",
       .text = "A worker.\nMay be given several times."},
      options::each(o.endpoints, net::parse_endpoint, options::Kind::endpoint));
  options::Field hosts = {.kind = options::Kind::file, .repeatable = true, .apply = [&o](auto path) {
                            for (net::Endpoint& endpoint : net::read_hosts(std::string(*path))) {
                              o.endpoints.push_back(std::move(endpoint));
                            }
                          }};
  group.add({.name = "hosts",
             .value = "FILE",
             .help = "Endpoints from a file, one a line",
             .text = "Endpoints from a file, one a line; a bare name is a host for ssh."},
            std::move(hosts));
  group.add({.name = "quorum",
             .value = "N",
             .help = "With --rule: so many members suffice",
             .text = "With --rule: go on while so many workers answer."},
            options::count(o.quorum, 1));
  group.add(
      {.name = "deadline",
       .value = "MS",
       .help = "For the answer to a batch; with --quorum the late are left out",
       .text = "How many milliseconds the answer to a batch may take; other units are written out, as in "
               "`2s`.\nWith --quorum, members that take longer are left out; otherwise it is an error."},
      milliseconds_field(o.deadline));
  group.add({.name = "hedge",
             .value = "MS",
             .help = "Ask a second worker when the first has not answered",
             .text = "Ask a second worker too when the first has not answered by then, nor within the time "
                     "that 95 of 100 answers took lately.\n"
                     "The first answer is taken, and the other request cancelled.\n"
                     "So are a tenth of the batches at most, and a few more in the beginning."},
            milliseconds_field(o.hedge));
  options::append(list, net::option_list(o.access, "Workers"));
  return list;
}

options::List option_list(AskOptions& o) {
  using Kind = WorkerQuestion::Kind;
  options::List list;
  options::Group group(list, "Questions to another worker", options::Effect::local);
  const auto add = [&](std::string_view name, Kind kind, std::string_view help, std::string_view text = {}) {
    options::Field field = {.kind = options::Kind::endpoint, .apply = [&o, kind](auto endpoint) {
                              if (o.endpoint) fail_usage("one question at a time");
                              o.endpoint = net::parse_endpoint(*endpoint);
                              o.question.kind = kind;
                            }};
    group.add({.name = name, .value = "ENDPOINT", .help = help, .text = text}, std::move(field));
  };
  add("health", Kind::health, "Print whether it serves; exit 75 where it doesn't");
  add("status", Kind::status, "Print what it is: device, process, models",
      "Print its process, device and models.");
  add("models", Kind::models, "Print its models and their versions");
  add("stats", Kind::stats, "Print its counters and latencies",
      "Print its counters, and the quantiles of how long requests waited, were computed and took in all, in "
      "microseconds.");
  add("load", Kind::load, "Have it load a version of -m NAME[/VERSION] from its repository",
      "Have it load a version of the model -m from its repository, beyond what its policy says, which the "
      "repository keeps for all its workers; without a version, do as the policy says again.");
  add("unload", Kind::unload, "Have it let a version of -m NAME[/VERSION] go",
      "Have it let a version go, or all, which the repository keeps as well.");
  return list;
}

}  // namespace nn::client
