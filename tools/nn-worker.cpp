// nn-worker: holds a device and answers what clients ask of its models. The work is in lib/worker.
#include <fmt/format.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/overwrite.hpp"
#include "cli/tool.hpp"
#include "client/ask.hpp"
#include "net/announce.hpp"
#include "options/fields.hpp"
#include "repository/model_name.hpp"
#include "worker/options.hpp"
#include "worker/worker.hpp"

namespace {

namespace options = nn::options;

struct Options {
  nn::worker::WorkerOptions worker;
  std::vector<std::string> models;
  nn::net::Announcement announcement;
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
  options::append(list, nn::net::option_list(o.announcement));
  options::append(list, nn::client::option_list(o.ask));
  return list;
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
  for (const nn::repository::ModelSpec& model : o.worker.models)
    nn::refuse_overwriting({.read = {model.path}, .written = {o.worker.log}});
  if (o.announcement.print && o.worker.stdio) {
    nn::fail_usage("--print-endpoint and --stdio both want standard output");
  }
  nn::process::PidFiles files;
  o.worker.on_ready = [&](const std::vector<nn::net::Endpoint>& endpoints) {
    nn::net::announce(o.announcement, endpoints, files);
  };
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
