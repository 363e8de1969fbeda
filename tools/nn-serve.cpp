// nn-serve: answers clients of HTTP and gRPC with models of this machine's devices. The work is in lib/serve.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/log.hpp"
#include "cli/tool.hpp"
#include "options/fields.hpp"
#include "process/pid_file.hpp"
#include "serve/ask.hpp"
#include "serve/config.hpp"
#include "serve/options.hpp"
#include "serve/serve.hpp"

namespace {

namespace options = nn::options;

struct Options {
  nn::serve::ServeOptions serve;
  std::vector<std::string> models;
  std::string port_file, pid_file, config, status;
  bool print_endpoint = false, check = false;
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
  options::append(list, nn::serve::option_list(o.serve));
  options::Group configuration(list, "Configuration", options::Effect::local);
  configuration.add(
      {.name = "config",
       .value = "FILE",
       .help = "Options from a file, in TOML",
       .text = "Read options from a file in TOML, by their names; those of the command line count more.\n"
               "SIGHUP reads it anew."},
      options::file(o.config, ".toml"));
  configuration.add(
      {.name = "check",
       .help = "Look whether the options are right, and end",
       .text = "Look whether options, the file of --config and the files that they name are right, and "
               "end: with 2 where one is not, which is told with its line."},
      options::flag(o.check));
  options::Group question(list, "Question to another server", options::Effect::local);
  question.add(
      {.name = "status",
       .value = "URL",
       .help = "Print how the server at http://HOST:PORT, https:// or unix:/PATH does",
       .text = "Print how the server at `http://`*host*`:`*port* or `unix:`*path* does, as its status page "
               "has it, and end."},
      options::text(o.status));
  options::Group output(list, "Output", options::Effect::local);
  output.add({.name = "print-endpoint",
              .help = "Print where it listens, then serve",
              .text = "Print the endpoints as bound, a line each, once clients can connect."},
             options::flag(o.print_endpoint));
  output.add(
      {.name = "port-file",
       .value = "FILE",
       .help = "Write the port of the first endpoint that has one to it",
       .text = "Write the port of the first endpoint that has one to a file then; the file goes when the "
               "server ends."},
      options::file(o.port_file));
  output.add({.name = "pid-file",
              .value = "FILE",
              .help = "Write the process id to it",
              .text = "Write the process id to a file then; the file goes when the server ends."},
             options::file(o.pid_file));
  return list;
}

// Says where the server can be reached: people and scripts wait for that.
void announce(const Options& o, const std::vector<nn::net::Endpoint>& endpoints,
              nn::process::PidFiles& files) {
  const auto with_port =
      std::find_if(endpoints.begin(), endpoints.end(), [](const nn::net::Endpoint& endpoint) {
        return endpoint.kind != nn::net::Endpoint::Kind::unix_socket;
      });
  if (!o.port_file.empty() && with_port == endpoints.end()) {
    nn::fail_usage("--port-file: none of the endpoints has a port");
  }
  if (!o.pid_file.empty()) files.put(o.pid_file, ::getpid());
  if (!o.port_file.empty()) files.put(o.port_file, with_port->port);
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
    nn::warn("standard output: nobody reads where this server listens");
  } catch (const nn::Error& error) {
    nn::warn("{}; it can't say where this server listens", error.what());
  }
}

// What stands in the file of --config, where the command line doesn't say otherwise, and what both have said.
void take_config(Options& o, const options::List& list, const nn::cli::Parsed& parsed) {
  const auto is_given = [&](std::string_view name) { return parsed.has(name); };
  for (const std::string& word : parsed.arguments([](const options::Option&) { return true; })) {
    const std::size_t equals = std::min(word.find('='), word.size());
    o.serve.given[word.substr(2, equals - 2)] += word.substr(equals) + "\n";
  }
  if (!o.config.empty()) {
    const nn::serve::Config config = nn::serve::Config::read(o.config);
    config.apply(list, is_given);
    o.serve.given.merge(config.words(is_given));
  }
  for (const std::string& text : o.models) o.serve.models.push_back(nn::repository::parse_model_spec(text));
}

// The same again, while the server runs.
nn::serve::ServeOptions read_anew(const nn::cli::Parsed& parsed) {
  Options o;
  const options::List list = option_list(o);
  options::apply_arguments(list, parsed.arguments([&](const options::Option& option) {
    return options::find(list, option.name) != nullptr;
  }));
  take_config(o, list, parsed);
  return o.serve;
}

void run(Options& o, const options::List& list, const nn::cli::Parsed& parsed) {
  if (!o.status.empty()) {
    const std::string text = nn::serve::ask_status(o.status);
    return nn::write_all(STDOUT_FILENO, std::as_bytes(std::span(text)), "standard output");
  }
  if (o.check) {
    try {
      take_config(o, list, parsed);
      return nn::serve::check(o.serve);
    } catch (const nn::Error& error) {
      throw error.as(nn::ErrorKind::usage);
    }
  }
  take_config(o, list, parsed);
  o.serve.reload = [&parsed] { return read_anew(parsed); };
  nn::process::PidFiles files;
  o.serve.on_ready = [&](const std::vector<nn::net::Endpoint>& endpoints) { announce(o, endpoints, files); };
  nn::serve::serve(o.serve);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const nn::cli::Command tool{
      .name = "nn-serve",
      .summary = "answer clients of HTTP and gRPC with models",
      .options = option_list(o),
      .example = "nn-serve --repository models --listen http://127.0.0.1:8501 --device cpu:0 --device cpu:1"};
  return nn::cli::run_tool(argc, argv, tool,
                           [&](const nn::cli::Parsed& parsed) { run(o, tool.options, parsed); });
}
