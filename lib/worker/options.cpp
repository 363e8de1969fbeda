#include "worker/options.hpp"

#include "format/options.hpp"
#include "net/options.hpp"
#include "options/fields.hpp"
#include "serving/options.hpp"

namespace nn::worker {

using options::Effect;

namespace {

constexpr std::string_view connections = "Connections";

void add_connection_options(options::List& list, WorkerOptions& o) {
  options::Group group(list, connections, Effect::local);
  group.add({.name = "listen",
             .value = "ENDPOINT",
             .help = "Where clients connect: tcp://HOST:PORT, tls://HOST:PORT, unix:/PATH (repeatable)",
             .text = "Accept clients at `tcp://`*host*`:`*port* (port 0: one that is free), "
                     "`tls://`*host*`:`*port* or `unix:`*path* (`unix:@`*name*: without a file).\n"
                     "May be given several times.\n"
                     "Sockets that systemd.socket(5) passes on are served as well, those for TCP with TLS "
                     "where --tls-cert is given."},
            options::each(o.listen, net::parse_endpoint, options::Kind::endpoint));
  group.add({.name = "stdio",
             .help = "Serve one client on standard input and output",
             .text = "Serve one client on the standard input and output, and end with it: for ssh(1) and "
                     "inetd."},
            options::flag(o.stdio));
  group.add({.name = "max-connections",
             .value = "N",
             .help = "Clients at once; more are told that it is busy (default: {default})",
             .text = "Clients that predict or train at once; more are told that it is busy; {default} by "
                     "default.\nThere is room beside them for those who ask how the worker is."},
            options::count(o.max_connections, 1, 65536));
  group.add({.name = "max-inflight",
             .value = "N",
             .help = "Requests of all clients; one more is answered busy (default: {default})",
             .text = "Requests of all clients that may wait or be computed; {default} by default."},
            options::count(o.max_inflight, 1, 1 << 20));
  group.add({.name = "max-frame",
             .value = "BYTES",
             .help = "Limit for one message (default: {default})",
             .text = "The largest message; {default} by default."},
            format::max_frame_field(o.max_frame));
  group.add(
      {.name = "idle-timeout",
       .value = "TIME",
       .help = "Close connections without a sign of life; 0: never (default: {default})",
       .text = "Close connections from which nothing came for so long, {default} by default; 0: never.\n"
               "Clients of these tools give a sign of life every few seconds, also while they have no "
               "rows."},
      options::milliseconds(o.idle_timeout));
  group.add({.name = "max-memory",
             .value = "BYTES",
             .help = "Limit for what clients' messages take together (default: {default})",
             .text = "The most that messages of all clients may take while they come, wait and are "
                     "computed, {default} by default; one client may have a quarter of it, or one message.\n"
                     "More wait to be read; small messages always have room."},
            options::bytes(o.max_memory));
  group.add(
      {.name = "drain-timeout",
       .value = "TIME",
       .help = "For requests under way at the end (default: {default})",
       .text = "How long requests that are under way, and saving a checkpoint, may take when the worker "
               "is told to end; {default} by default."},
      options::milliseconds(o.drain_timeout));
  group.add({.name = "token-file",
             .value = "FILE",
             .help = "Clients must know what is in it; needed beyond loopback",
             .text = "Clients must send what is in the file's first line.\nAs a client, send it."},
            options::file(o.token_file));
  group.add(
      {.name = "admin-token-file",
       .value = "FILE",
       .help = "Who loads and unloads models must know what is in it",
       .text = "Only clients that send what is in the file's first line may load and unload models; they "
               "need no other token.\nAs a client, send it.\n"
               "Without it and --admin, those may that are on this machine, at a unix socket, and of the "
               "worker's user or root's."},
      options::file(o.admin_token_file));
  group.add({.name = "admin",
             .value = "ENDPOINT",
             .help = "Where clients connect that may load and unload models (repeatable)",
             .text = "Accept clients that may load and unload models, as --listen does others, who then may "
                     "not: a unix socket in a folder that only administrators can enter.\n"
                     "May be given several times."},
            options::each(o.admin, net::parse_endpoint, options::Kind::endpoint));
  options::append(list, net::option_list(o.tls, connections, net::TlsUse::worker));
}

void add_model_options(options::List& list, WorkerOptions& o) {
  options::Group group(list, "Models", Effect::local);
  serving::add_repository_options(group, o.models, o.policy, o.poll_s);
}

void add_training_options(options::List& list, WorkerOptions& o) {
  options::Group group(list, "Training", Effect::local);
  group.add({.name = "train",
             .value = "FOLDER",
             .help = "Let clients train (nn-train --at); checkpoints go to FOLDER",
             .text = "Let clients train, and keep checkpoints of unfinished trainings in the folder."},
            options::folder(o.train_folder));
  group.add({.name = "max-rows-bytes",
             .value = "BYTES",
             .help = "Limit for the rows of one training (default: {default})",
             .text = "The most that the rows of one training may take, decompressed; {default} by default."},
            options::bytes(o.max_rows_bytes));
}

void add_computing_options(options::List& list, WorkerOptions& o) {
  options::Group group(list, "Computing", Effect::local);
  group.add({.name = "device",
             .value = "DEVICE",
             .help = "cpu, cpu:0, cpu:0-3, cuda:0 (default: {default})",
             .text = "Where to compute, such as `cpu:0`; all cores by default."},
            options::parsed(o.device, backend::parse_device, options::Kind::device));
  group.add({.name = "precision",
             .value = "NAME",
             .help = "Of the products of weights and inputs: float32, tf32 (CUDA), bf16 (default: {default})",
             .text = "`float32`, `tf32` or `bf16`, as in nn-predict(1)."},
            options::choice(o.precision));
  group.add({.name = "batch-max",
             .value = "N",
             .help = "Rows of a step, of requests that wait together (default: {default})",
             .text = "The most rows of a step, of requests together; {default} by default."},
            options::count(o.batch_max, 1, 1 << 20));
  options::Field delay = {
      .apply =
          [&o](auto text) { o.batch_delay = std::chrono::microseconds(parse_count(*text, 0, 10'000'000)); },
      .show = [&o] { return std::to_string(o.batch_delay.count()); }};
  group.add({.name = "batch-delay-us",
             .value = "N",
             .help = "How long a request waits for others to share a step (default: {default})",
             .text = "How many microseconds a request waits for others to share its step; {default} by "
                     "default, which takes together what waits anyway."},
            std::move(delay));
}

}  // namespace

options::List option_list(WorkerOptions& o) {
  options::List list;
  add_connection_options(list, o);
  add_model_options(list, o);
  add_training_options(list, o);
  add_computing_options(list, o);
  options::Group output(list, "Output", Effect::local);
  output.add(
      {.name = "log",
       .value = "FILE",
       .help = "JSON lines of what happens; '-' is standard error",
       .text = "Append a JSON object a line for each event, with its `time` and its name as `event`: "
               "`ready`, `drain`, `end`; `connect`, `disconnect`, `unauthenticated` of clients; `load`, "
               "`unload`, `load_failed`, `repository_failed` of model versions that came into service, "
               "were let go or could not be loaded, and of repositories that can't be read; `label`, "
               "`unlabel`, `label_failed` of labels that move, with the version `before`, that go, and that "
               "are wrong; `wanted_failed` of a file `wanted` that is; "
               "`load_request`, `unload_request` with their `error` if they were refused; `failed` "
               "requests; `request` for each whose W3C `trace` says that it is sampled; `train`, `trained`; "
               "`reload`; `dropped`.\n"
               "`-` is the standard error.\nSIGHUP opens the file anew.\n"
               "Nothing waits for who reads the log: where 4 MiB of lines wait, or the file can't be "
               "written, lines are dropped, and the next is `dropped`, which says how many `lines`."},
      options::file(o.log));
  return list;
}

}  // namespace nn::worker
