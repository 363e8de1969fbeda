// nn-serve: answers clients of HTTP and gRPC with models of this machine's devices. The work is in lib/serve.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/overwrite.hpp"
#include "cli/tool.hpp"
#include "net/announce.hpp"
#include "options/fields.hpp"
#include "serve/ask.hpp"
#include "serve/config.hpp"
#include "serve/options.hpp"
#include "serve/serve.hpp"

namespace {

namespace options = nn::options;

struct Options {
  nn::serve::ServeOptions serve;
  std::vector<std::string> models;
  nn::net::Announcement announcement;
  nn::serve::StatusQuestion status;
  std::string config;
  bool check = false;
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
       .text =
           "Look whether options, the file of --config and the files that they name are right, and "
           "whether each model has a version that can be read, and end: with 2 where that isn't so, which "
           "is told with its line."},
      options::flag(o.check));
  options::append(list, nn::serve::option_list(o.status));
  options::append(list, nn::net::option_list(o.announcement));
  return list;
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
    o.serve.config_file = o.config;
    o.serve.config_lines = config.lines(is_given);
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

// Whoever asks another server starts none.
void check_question(const options::List& list, const nn::cli::Parsed& parsed) {
  std::vector<std::string> others;
  const auto words = parsed.arguments([&](const options::Option& option) {
    return options::find(list, option.name) != nullptr && !option.name.starts_with("status");
  });
  for (const std::string& word : words) {
    std::string name = word.substr(0, word.find('='));
    if (std::find(others.begin(), others.end(), name) == others.end()) others.push_back(std::move(name));
  }
  if (others.empty()) return;
  nn::fail_usage("--status asks a server that runs; {} would be of one that starts", fmt::join(others, ", "));
}

void run(Options& o, const options::List& list, const nn::cli::Parsed& parsed) {
  if (!o.status.url.empty()) {
    check_question(list, parsed);
    const std::string text = nn::serve::ask_status(o.status);
    return nn::write_all(STDOUT_FILENO, std::as_bytes(std::span(text)), "standard output");
  }
  if (o.check) {
    try {
      take_config(o, list, parsed);
      return nn::serve::check(
          o.serve, {{"port-file", o.announcement.port_file}, {"pid-file", o.announcement.pid_file}});
    } catch (const nn::Error& error) {
      throw error.as(nn::ErrorKind::usage);
    }
  }
  take_config(o, list, parsed);
  for (const nn::repository::ModelSpec& model : o.serve.models) {
    for (const std::string& log : {o.serve.log, o.serve.operations.access_log})
      nn::refuse_overwriting({.read = {model.path, o.config}, .written = {log}});
  }
  o.serve.reload = [&parsed] { return read_anew(parsed); };
  nn::process::PidFiles files;
  o.serve.on_ready = [&](const std::vector<nn::net::Endpoint>& endpoints) {
    nn::net::announce(o.announcement, endpoints, files);
  };
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
