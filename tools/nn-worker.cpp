// nn-worker: holds a device and answers what clients ask of its models. The work is in lib/worker.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/log.hpp"
#include "cli/tool.hpp"
#include "client/ask.hpp"
#include "options/fields.hpp"
#include "process/pid_file.hpp"
#include "repository/model_name.hpp"
#include "worker/options.hpp"
#include "worker/worker.hpp"

namespace {

namespace options = nn::options;

struct Options {
  nn::worker::WorkerOptions worker;
  std::vector<std::string> models;
  std::string port_file, pid_file;
  bool print_endpoint = false;
  nn::client::AskOptions ask;  // a client instead of a worker
};

options::List option_list(Options& o) {
  options::List list;
  options::Group models(list, "Models", options::Effect::local);
  models.add({.name = "model",
              .letter = 'm',
              .value = "[NAME=]FILE",
              .help = "A model file (repeatable)",
              .text = "Serve a model of nn-train(1); without a name, the file's name without `.nn` is the "
                      "model's.\nMay be given several times."},
             options::files(o.models, options::model_files));
  options::append(list, nn::worker::option_list(o.worker));
  options::Group output(list, "Output", options::Effect::local);
  output.add({.name = "print-endpoint",
              .help = "Print where it listens, then serve",
              .text = "Print the endpoints as bound, a line each, once clients can connect."},
             options::flag(o.print_endpoint));
  output.add(
      {.name = "port-file",
       .value = "FILE",
       .help = "Write the port of the first tcp endpoint to it",
       .text = "Write the port of the first tcp endpoint to a file then; the file goes when the worker "
               "ends."},
      options::file(o.port_file));
  output.add({.name = "pid-file",
              .value = "FILE",
              .help = "Write the process id to it",
              .text = "Write the process id to a file then; the file goes when the worker ends."},
             options::file(o.pid_file));
  options::append(list, nn::client::option_list(o.ask));
  return list;
}

// Says where the worker can be reached: people and scripts wait for that.
void announce(const Options& o, const std::vector<nn::net::Endpoint>& endpoints,
              nn::process::PidFiles& files) {
  const auto tcp = std::find_if(endpoints.begin(), endpoints.end(), [](const nn::net::Endpoint& endpoint) {
    return endpoint.kind != nn::net::Endpoint::Kind::unix_socket;
  });
  if (!o.port_file.empty() && tcp == endpoints.end()) {
    nn::fail_usage(
        "--port-file: none of the endpoints has a port");  // or whoever waits for it waits for ever
  }
  if (!o.pid_file.empty()) files.put(o.pid_file, ::getpid());
  if (!o.port_file.empty()) files.put(o.port_file, tcp->port);
  std::string lines;
  for (const nn::net::Endpoint& endpoint : endpoints) {
    lines += nn::net::to_string(endpoint) + "\n";
    nn::note("listening on {}", nn::net::to_string(endpoint));
  }
  if (!o.print_endpoint) return;
  // Whoever wanted one line of them may be gone, and clients come all the same.
  try {
    nn::write_all(STDOUT_FILENO, std::as_bytes(std::span(lines)), "standard output");
  } catch (const nn::BrokenPipe&) {
    nn::warn("standard output: nobody reads where this worker listens");
  } catch (const nn::Error& error) {
    nn::warn("{}; it can't say where this worker listens", error.what());
  }
}

void ask(Options& o) {
  nn::client::WorkerQuestion& question = o.ask.question;
  const bool about_model = question.kind == nn::client::WorkerQuestion::Kind::load ||
                           question.kind == nn::client::WorkerQuestion::Kind::unload;
  if (about_model && o.models.size() != 1) nn::fail_usage("which model? name it with -m NAME[/VERSION]");
  if (!about_model && !o.models.empty()) nn::fail_usage("-m goes with --load and --unload");
  if (about_model) {
    try {
      const nn::repository::ModelName model = nn::repository::parse_unlabelled_name(o.models[0]);
      question.model = model.name;
      question.version = model.version.value_or(0);
    } catch (const nn::Error& error) {
      throw error.within("-m");
    }
  }
  nn::net::Access access;
  const bool as_admin = !o.worker.admin_token_file.empty();
  access.token_file = as_admin ? o.worker.admin_token_file : o.worker.token_file;
  access.tls = o.worker.tls;
  const nn::client::WorkerAnswer answer = nn::client::ask_worker(*o.ask.endpoint, question, access);
  const std::string line = answer.json + "\n";
  nn::write_all(STDOUT_FILENO, std::as_bytes(std::span(line)), "standard output");
  if (!answer.serves) {
    nn::fail(nn::ErrorKind::unavailable, "{} does not serve", nn::net::to_string(*o.ask.endpoint));
  }
}

void run(Options& o) {
  if (o.ask.endpoint) return ask(o);
  for (const std::string& text : o.models) o.worker.models.push_back(nn::repository::parse_model_spec(text));
  if (o.print_endpoint && o.worker.stdio) {
    nn::fail_usage("--print-endpoint and --stdio both want standard output");
  }
  nn::process::PidFiles files;
  o.worker.on_ready = [&](const std::vector<nn::net::Endpoint>& endpoints) { announce(o, endpoints, files); };
  nn::worker::serve(o.worker);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const nn::cli::Command tool{
      .name = "nn-worker",
      .summary = "hold a device and answer requests for its models",
      .options = option_list(o),
      .example = "nn-worker --listen unix:/tmp/w0.sock --device cpu:0 --model digits=m1.nn"};
  return nn::cli::run_tool(argc, argv, tool, [&](const nn::cli::Parsed&) { run(o); });
}
