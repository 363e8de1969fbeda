// nn-worker: holds a device and answers what clients ask of its models. The work is in lib/worker.
#include <unistd.h>

#include "base/file.hpp"
#include "base/parse.hpp"
#include "cli/options.hpp"
#include "cli/tool.hpp"
#include "client/ask.hpp"
#include "process/pid_file.hpp"
#include "worker/worker.hpp"

namespace {

struct Options {
  nn::worker::WorkerOptions worker;
  std::vector<std::string> models;
  std::string port_file, pid_file;
  bool print_endpoint = false;
  std::optional<nn::net::Endpoint> asked;
  nn::client::WorkerQuestion question;
};

template <std::int64_t least, std::int64_t most>
std::int64_t parse_count(std::string_view text) {
  const std::int64_t count = nn::parse_integer(text);
  if (count < least || count > most) nn::fail_usage("{}: from {} to {}", count, least, most);
  return count;
}

std::chrono::microseconds parse_delay(std::string_view text) {
  return std::chrono::microseconds(parse_count<0, 10'000'000>(text));
}

// An option that may be given several times, each value parsed.
template <typename T>
CLI::Option* add_list(CLI::App& app, const std::string& name, std::vector<T>& values,
                      T (*parse)(std::string_view), const std::string& help) {
  return app
      .add_option_function<std::vector<std::string>>(
          name,
          [&values, parse, name](const std::vector<std::string>& texts) {
            try {
              for (const std::string& text : texts) values.push_back(parse(text));
            } catch (const nn::Error& error) {
              throw CLI::ValidationError(name, error.what());
            }
          },
          help + " (repeatable)")
      ->allow_extra_args(false);
}

// --stats ENDPOINT and its like: a client instead of a worker.
void add_questions(CLI::App& app, Options& options) {
  using Kind = nn::client::WorkerQuestion::Kind;
  const auto add = [&](const char* name, Kind kind, const char* help) {
    return app
        .add_option_function<std::string>(
            name,
            [&options, name, kind](const std::string& text) {
              try {
                options.asked = nn::net::parse_endpoint(text);
                options.question.kind = kind;
              } catch (const nn::Error& error) {
                throw CLI::ValidationError(name, error.what());
              }
            },
            help)
        ->type_name("ENDPOINT")
        ->group("Ask a worker");
  };
  add("--health", Kind::health, "Print whether it serves; exit 75 where it doesn't");
  add("--status", Kind::status, "Print what it is: device, process, models");
  add("--models", Kind::models, "Print its models and their versions");
  add("--stats", Kind::stats, "Print its counters and latencies");
  add("--load", Kind::load, "Have it load a version of -m NAME[/VERSION] from its repository");
  add("--unload", Kind::unload, "Have it let a version of -m NAME[/VERSION] go");
}

void setup(CLI::App& app, Options& options) {
  nn::worker::WorkerOptions& o = options.worker;
  add_list(app, "--listen", o.listen, nn::net::parse_endpoint,
           "Where clients connect: tcp://HOST:PORT, tls://HOST:PORT, unix:/PATH")
      ->type_name("ENDPOINT")
      ->group("Connections");
  app.add_flag("--stdio", o.stdio, "Serve one client on standard input and output")->group("Connections");
  nn::cli::add_parsed(app, "--max-connections", o.max_connections, parse_count<1, 65536>, "Default: 256")
      ->type_name("N")
      ->group("Connections");
  nn::cli::add_parsed(app, "--max-inflight", o.max_inflight, parse_count<1, 1 << 20>,
                      "Requests of all clients; one more is answered busy (default: 1024)")
      ->type_name("N")
      ->group("Connections");
  nn::cli::add_parsed(app, "--max-frame", o.max_frame, nn::parse_bytes,
                      "Limit for one message (default: 64M)")
      ->type_name("BYTES")
      ->group("Connections");
  nn::cli::add_parsed(app, "--idle-timeout", o.idle_timeout, nn::cli::parse_timeout,
                      "Close connections without requests (default: never)")
      ->type_name("TIME")
      ->group("Connections");
  nn::cli::add_parsed(app, "--drain-timeout", o.drain_timeout, nn::cli::parse_timeout,
                      "For requests under way at the end (default: 30s)")
      ->type_name("TIME")
      ->group("Connections");
  app.add_option("--token-file", o.token_file, "Clients must know what is in it; needed beyond loopback")
      ->type_name("FILE")
      ->group("Connections");
  nn::cli::add_tls_options(app, o.tls, "Connections");
  app.add_option("-m,--model", options.models, "A model file (repeatable)")
      ->allow_extra_args(false)
      ->type_name("[NAME=]PATH")
      ->group("Models");
  add_list(app, "--repository", o.models, nn::repository::parse_repository_spec,
           "Versions BASE/1/model.nn, BASE/2/model.nn …, swapped as they appear")
      ->type_name("[NAME=]BASE")
      ->group("Models");
  nn::cli::add_parsed(app, "--policy", o.policy, nn::repository::parse_version_policy,
                      "Versions of repositories: latest:N, all, specific:V,V (default: latest:1)")
      ->type_name("POLICY")
      ->group("Models");
  nn::cli::add_parsed(app, "--poll", o.poll_s, nn::parse_duration_s,
                      "How often repositories are looked at; 0: on SIGHUP only (default: 1s)")
      ->type_name("TIME")
      ->group("Models");
  app.add_option("--train", o.train_folder, "Let clients train (nn-train --at); checkpoints go to FOLDER")
      ->type_name("FOLDER")
      ->group("Training");
  nn::cli::add_parsed(app, "--max-rows-bytes", o.max_rows_bytes, nn::parse_bytes,
                      "Limit for the rows of one training (default: 4G)")
      ->type_name("BYTES")
      ->group("Training");
  nn::cli::add_parsed(app, "--device", o.device, nn::backend::parse_device,
                      "cpu, cpu:0, cpu:0-3, cuda:0 (default: cpu)")
      ->type_name("DEVICE")
      ->group("Computing");
  nn::cli::add_parsed(app, "--precision", o.precision, nn::backend::parse_precision,
                      "Of the products of weights and inputs: float32, tf32 (CUDA), bf16 (default: float32)")
      ->type_name("NAME")
      ->group("Computing");
  nn::cli::add_parsed(app, "--batch-max", o.batch_max, parse_count<1, 1 << 20>,
                      "Rows of a step, of requests that wait together (default: 1024)")
      ->type_name("N")
      ->group("Computing");
  nn::cli::add_parsed(app, "--batch-delay-us", o.batch_delay, parse_delay,
                      "How long a request waits for others to share a step (default: 0)")
      ->type_name("N")
      ->group("Computing");
  add_questions(app, options);
  app.add_option("--log", o.log, "JSON lines of what happens; '-' is standard error")
      ->type_name("FILE")
      ->group("Output");
  app.add_flag("--print-endpoint", options.print_endpoint, "Print where it listens, then serve")
      ->group("Output");
  app.add_option("--port-file", options.port_file, "Write the port of the first tcp endpoint to it")
      ->type_name("FILE")
      ->group("Output");
  app.add_option("--pid-file", options.pid_file, "Write the process id to it")
      ->type_name("FILE")
      ->group("Output");
}

// What people and scripts wait for.
void announce(const Options& options, const std::vector<nn::net::Endpoint>& endpoints,
              nn::process::PidFiles& files) {
  if (!options.pid_file.empty()) files.put(options.pid_file, ::getpid());
  for (const nn::net::Endpoint& endpoint : endpoints) {
    if (endpoint.kind == nn::net::Endpoint::Kind::unix_socket || options.port_file.empty()) continue;
    files.put(options.port_file, endpoint.port);
    break;
  }
  for (const nn::net::Endpoint& endpoint : endpoints) {
    const std::string line = nn::net::to_string(endpoint) + "\n";
    if (options.print_endpoint) {
      nn::write_all(STDOUT_FILENO, std::as_bytes(std::span(line)), "standard output");
    }
    nn::note("listening on {}", nn::net::to_string(endpoint));
  }
}

void ask(Options& options) {
  nn::client::WorkerQuestion& question = options.question;
  const bool about_model = question.kind == nn::client::WorkerQuestion::Kind::load ||
                           question.kind == nn::client::WorkerQuestion::Kind::unload;
  if (about_model && options.models.size() != 1)
    nn::fail_usage("which model? name it with -m NAME[/VERSION]");
  if (!about_model && !options.models.empty()) nn::fail_usage("-m goes with --load and --unload");
  if (about_model) {
    const std::string& text = options.models[0];
    const auto slash = text.rfind('/');
    question.model = text.substr(0, slash);
    if (slash != std::string::npos) {
      question.version = static_cast<std::uint64_t>(nn::parse_integer(text.substr(slash + 1)));
    }
  }
  nn::net::Access access;
  access.token_file = options.worker.token_file;
  access.tls = options.worker.tls;
  const nn::client::WorkerAnswer answer = nn::client::ask_worker(*options.asked, question, access);
  const std::string line = answer.json + "\n";
  nn::write_all(STDOUT_FILENO, std::as_bytes(std::span(line)), "standard output");
  if (!answer.serves) {
    nn::fail(nn::ErrorKind::unavailable, "{} does not serve", nn::net::to_string(*options.asked));
  }
}

void run(Options& options) {
  if (options.asked) return ask(options);
  for (const std::string& text : options.models)
    options.worker.models.push_back(nn::repository::parse_model_spec(text));
  if (options.print_endpoint && options.worker.stdio) {
    nn::fail_usage("--print-endpoint and --stdio both want standard output");
  }
  nn::process::PidFiles files;
  options.worker.on_ready = [&](const std::vector<nn::net::Endpoint>& endpoints) {
    announce(options, endpoints, files);
  };
  nn::worker::serve(options.worker);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  return nn::cli::run_tool(
      argc, argv,
      {"nn-worker", "hold a device and answer requests for its models",
       "nn-worker --listen unix:/tmp/w0.sock --device cpu:0 --model digits=m1.nn"},
      [&](CLI::App& app) { setup(app, options); }, [&] { run(options); });
}
