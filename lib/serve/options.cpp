#include "serve/options.hpp"

#include <fmt/format.h>

#include "base/numbers.hpp"
#include "base/text.hpp"
#include "net/options.hpp"
#include "options/fields.hpp"
#include "serving/options.hpp"

namespace nn::serve {

using options::Effect;

namespace {

int parse_shed_status(std::string_view text) {
  if (text == "503") return 503;
  if (text == "429") return 429;
  fail_usage("'{}': must be 503 or 429", printable(text));
}

options::Field microseconds(std::chrono::microseconds& variable) {
  return {.overrules = true,
          .apply =
              [&variable](auto text) {
                variable =
                    std::chrono::microseconds(static_cast<std::int64_t>(parse_duration_s(*text) * 1e6));
              },
          .show = [&variable] { return fmt::format("{}us", variable.count()); }};
}

void add_model_options(options::List& list, ServeOptions& o) {
  options::Group group(list, "Models", Effect::local);
  serving::add_repository_options(group, o.models, o.policy, o.poll_s);
  group.add({.name = "lazy",
             .help = "Load models when somebody asks for them",
             .text = "Load a model when the first request for it comes, which waits for that."},
            options::flag(o.lazy));
  group.add(
      {.name = "idle-unload",
       .value = "TIME",
       .help = "Let models go that nobody used for so long; 0: never (default: {default})",
       .text = "Let models go that nobody used for so long, and load them again when somebody asks; not "
               "with {default}, the default."},
      options::milliseconds(o.idle_unload));
  group.add(
      {.name = "memory",
       .value = "BYTES",
       .help = "Limit for what loaded models take together; 0: none (default: {default})",
       .text =
           "The most that loaded models may take together, weights and room for steps, on all devices; "
           "{default}, the default: as much as they like.\n"
           "A model that finds no room is loaded when somebody asks for it, and takes the place of those "
           "that nobody is asking at that moment, the one that was used longest ago first; they are loaded "
           "again when somebody asks."},
      options::bytes(o.memory));
  group.add(
      {.name = "load-timeout",
       .value = "TIME",
       .help = "How long requests wait for a model that is loaded for them (default: {default})",
       .text = "How long a request waits for a model that is loaded because of it, {default} by default; "
               "then it is answered 503, and the load goes on.\n"
               "A deadline of its own counts where it is earlier."},
      options::milliseconds(o.load_timeout));
}

void add_worker_options(options::List& list, ServeOptions& o) {
  options::Group group(list, "Workers", Effect::local);
  group.add(
      {.name = "at",
       .value = "ENDPOINT",
       .help = "A worker that has the models: tcp://HOST:PORT, tls://, unix:/PATH, ssh:// (repeatable)",
       .text = "Serve what nn-worker(1) serves there, instead of models of this machine.\n"
               "May be given several times: a request goes to the worker that is expected to answer first."},
      options::each(o.at, net::parse_endpoint, options::Kind::endpoint));
  group.add(
      {.name = "hosts",
       .value = "FILE",
       .help = "Endpoints of workers from a file, one a line, read anew with SIGHUP (repeatable)",
       .text = "Endpoints of workers from a file, one a line; a bare name is a host for ssh.\n"
               "SIGHUP reads it anew: workers that are new are asked, and those that are gone answer what "
               "they have."},
      options::files(o.hosts, ""));
  group.add(
      {.name = "hedge",
       .value = "TIME",
       .help = "Ask a second worker when the first has not answered by then; 0: never (default: {default})",
       .text = "Ask a second worker too when the first has not answered by then, nor within the time that 95 "
               "of 100 answers took lately, and take the first answer; not with {default}, the default.\n"
               "So is one request of twenty at most, and a few more in the beginning."},
      options::milliseconds(o.hedge));
  group.add({.name = "worker-connect-timeout",
             .value = "TIME",
             .help = "For workers that can't be reached (default: {default})",
             .text = "How long workers that can't be reached are tried; {default} by default."},
            options::milliseconds(o.worker_access.connect_timeout));
  group.add({.name = "worker-token-file",
             .value = "FILE",
             .help = "The workers' token",
             .text = "What the workers ask for."},
            options::file(o.worker_access.token_file));
  group.add({.name = "worker-tls-cert",
             .value = "FILE",
             .help = "For workers at tls://: the own certificate, with its chain",
             .text = "For workers at `tls://`, which need all three files, in PEM form: the own certificate "
                     "with its chain."},
            options::file(o.worker_access.tls.cert));
  group.add({.name = "worker-tls-key", .value = "FILE", .help = "Its private key"},
            options::file(o.worker_access.tls.key));
  group.add({.name = "worker-tls-ca",
             .value = "FILE",
             .help = "Certificates of those who sign the workers'",
             .text = "The certificates of those who sign the workers'."},
            options::file(o.worker_access.tls.ca));
}

void add_connection_options(options::List& list, ServeOptions& o) {
  constexpr std::string_view connections = "Connections";
  options::Group group(list, connections, Effect::local);
  group.add(
      {.name = "listen",
       .value = "ENDPOINT",
       .help = "Where clients connect: http://HOST:PORT, https://HOST:PORT, unix:/PATH (repeatable)",
       .text = "Accept clients of HTTP/1.1, HTTP/2 and gRPC at `http://`*host*`:`*port* (port 0: one that "
               "is free), `https://`*host*`:`*port* or `unix:`*path*.\n"
               "May be given several times.\n"
               "Sockets that systemd.socket(5) passes on are served as well."},
      options::each(o.listen, net::parse_http_endpoint, options::Kind::text, net::http_beginnings));
  group.add({.name = "threads",
             .value = "N",
             .help = "Threads that serve connections (default: {default})",
             .text = "How many threads read requests and write answers, {default} by default; models are "
                     "computed in threads of their own."},
            options::count(o.threads, 1, 1024));
  group.add(
      {.name = "max-connections",
       .value = "N",
       .help = "Connections at once (default: {default})",
       .text = "Connections at once, {default} by default; one more takes the place of the one that has "
               "been idle longest, or is refused."},
      options::count(o.max_connections, 1, 1 << 20));
  group.add({.name = "max-body",
             .value = "BYTES",
             .help = "Limit for the body of a request (default: {default})",
             .text = "The largest body of a request, {default} by default."},
            options::bytes(o.max_body));
  group.add(
      {.name = "max-inflated",
       .value = "BYTES",
       .help = "The same when it is decompressed, and for its rows in memory (default: {default})",
       .text = "The largest body when it is decompressed, and the most that the rows of a request may take "
               "in memory, {default} by default: a number of JSON has two bytes with its comma, and takes "
               "eight."},
      options::bytes(o.max_inflated));
  group.add({.name = "request-memory",
             .value = "BYTES",
             .help = "Limit for what requests under way take together (default: {default})",
             .text = "The most that bodies of all requests may take while they come, wait and are computed, "
                     "and, of those that wait for a model, with their rows, {default} by default; more are "
                     "answered 503."},
            options::bytes(o.request_memory));
  group.add({.name = "gzip",
             .help = "Compress large answers in JSON for clients that ask for it",
             .text = "Compress answers in JSON of a KiB and more for clients that ask for it."},
            options::flag(o.compress));
  group.add({.name = "strict-json",
             .help = "Write null in place of NaN and Infinity",
             .text = "Write `null` in place of `NaN` and `Infinity`, which are no JSON, though TensorFlow "
                     "Serving and Triton write them."},
            options::flag(o.strict_json));
  options::append(list, net::option_list(o.tls, connections, net::TlsUse::web_server));
}

void add_load_options(options::List& list, ServeOptions& o) {
  options::Group group(list, "Computing", Effect::local);
  group.add(
      {.name = "device",
       .value = "DEVICE",
       .help = "cpu, cpu:0, cpu:0-3, cuda:0; each model on each of them (repeatable)",
       .text = "Where to compute, such as `cpu:0`; all cores by default.\n"
               "May be given several times: each holds every model, and requests go to the one that will "
               "be free first."},
      options::each(o.devices, backend::parse_device, options::Kind::device));
  group.add({.name = "precision",
             .value = "NAME",
             .help = "Of the products of weights and inputs: float32, tf32 (CUDA), bf16 (default: {default})",
             .text = "`float32`, `tf32` or `bf16`, as in nn-predict(1)."},
            options::choice(o.precision));
  group.add(
      {.name = "slo",
       .value = "TIME",
       .help = "What an answer should take, as 10ms; 0: as little as can be (default: {default})",
       .text = "What an answer should take, such as `10ms`: steps are as large as half of that allows, and "
               "requests that would be answered in more than five times as much are refused.\n"
               "Without it they are when they would take more than --queue-time."},
      microseconds(o.door.slo));
  group.add(
      {.name = "queue-time",
       .value = "TIME",
       .help = "The longest that a request may take; 0: five times --slo, or 100ms (default: {default})",
       .text = "The longest that a request may take until it is answered; those that would take longer are "
               "refused at once, with when to come again.\n"
               "0, the default, is five times --slo, or 100 ms without it."},
      microseconds(o.door.queue_time));
  options::Field shed = {.kind = options::Kind::choice,
                         .choices = {"503", "429"},
                         .overrules = true,
                         .apply = [&o](auto text) { o.shed_status = parse_shed_status(*text); },
                         .show = [&o] { return std::to_string(o.shed_status); }};
  group.add(
      {.name = "shed-status",
       .value = "STATUS",
       .help =
           "HTTP's status of requests that are refused because too much waits: 503, 429 (default: {default})",
       .text = "The status of requests that are refused because too much waits, {default} by default; `429` "
               "is for proxies that take a server out for 5xx.\n"
               "gRPC has RESOURCE_EXHAUSTED."},
      std::move(shed));
  group.add({.name = "max-rows",
             .value = "N",
             .help = "Rows of a request (default: {default})",
             .text = "The most rows that a request may have, {default} by default."},
            options::count(o.max_rows, 1, 1 << 30));
  group.add({.name = "batch-max",
             .value = "N",
             .help = "Rows of a step, of requests that wait together (default: {default})",
             .text = "The most rows of a step, of requests together; {default} by default."},
            options::count(o.batch_max, 1, 1 << 20));
}

void add_traffic_options(options::List& list, ServeOptions& o) {
  options::append(list, traffic::option_list(o.traffic));
  options::Group group(list, "Traffic", Effect::local);
  group.add(
      {.name = "allow-pin",
       .help = "Let clients name a version or label in the field X-Nn-Version",
       .text = "Let clients name the version that answers them, or a label, in the field `X-Nn-Version` of "
               "a request, whatever --split says."},
      options::flag(o.allow_pin));
}

void add_life_options(options::List& list, ServeOptions& o) {
  options::Group group(list, "Life", Effect::local);
  group.add({.name = "drain-timeout",
             .value = "TIME",
             .help = "For requests under way at the end (default: {default})",
             .text = "How long requests that are under way may take then; {default} by default."},
            options::milliseconds(o.drain_timeout));
}

}  // namespace

options::List option_list(ServeOptions& o) {
  options::List list;
  add_model_options(list, o);
  add_worker_options(list, o);
  add_connection_options(list, o);
  add_load_options(list, o);
  add_traffic_options(list, o);
  add_life_options(list, o);
  options::append(list, operation_options(o));
  return list;
}

}  // namespace nn::serve
