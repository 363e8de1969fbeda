// nn-predict: rows through one model, or through an ensemble in one process. The work is
// in lib/ensemble.
#include "base/parse.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/tool.hpp"
#include "ensemble/in_graph.hpp"
#include "client/remote_predict.hpp"

namespace {

struct Options {
  nn::format::SourceOptions source;
  std::vector<std::string> models;
  std::int64_t batch = 0;  // 0: not given
  nn::ensemble::InGraphOptions predict;
  nn::client::RemoteOptions remote;
  nn::cli::OutputOptions output;
};

std::optional<nn::backend::Device> parse_some_device(std::string_view text) {
  return nn::backend::parse_device(text);
}
std::optional<nn::ensemble::Uncertainty> parse_some_uncertainty(std::string_view text) {
  return nn::ensemble::parse_uncertainty(text);
}

std::int64_t parse_batch(std::string_view text) {
  const std::int64_t rows = nn::parse_integer(text);
  if (rows < 1 || rows > 1 << 20) nn::fail_usage("{} rows; from 1 to 1048576", rows);
  return rows;
}

std::optional<nn::ensemble::Combination> parse_some_combination(std::string_view text) {
  return nn::ensemble::parse_combination(text);
}

std::optional<std::size_t> parse_quorum(std::string_view text) {
  const std::int64_t members = nn::parse_integer(text);
  if (members < 1) nn::fail_usage("{}: at least 1 member", members);
  return static_cast<std::size_t>(members);
}

// "20" are milliseconds; a unit says otherwise.
std::chrono::microseconds parse_milliseconds(std::string_view text) {
  const bool has_unit = text.find_first_not_of("0123456789.") != std::string_view::npos;
  const double seconds = has_unit ? nn::parse_duration_s(text) : nn::parse_number(text) / 1e3;
  if (!(seconds > 0 && seconds < 86'400)) nn::fail_usage("{}: over 0 and under a day", text);
  return std::chrono::microseconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds * 1e6)));
}

void add_worker_options(CLI::App& app, nn::client::RemoteOptions& o) {
  constexpr auto group = "Workers";
  app.add_option_function<std::vector<std::string>>(
         "--at",
         [&o](const std::vector<std::string>& texts) {
           try {
             for (const std::string& text : texts) o.endpoints.push_back(nn::net::parse_endpoint(text));
           } catch (const nn::Error& error) {
             throw CLI::ValidationError("--at", error.what());
           }
         },
         "A worker: tcp://HOST:PORT, tls://HOST:PORT, unix:/PATH, ssh://HOST, exec:COMMAND; rows are "
         "dispatched over several, "
         "or with --rule go to all (repeatable)")
      ->allow_extra_args(false)
      ->type_name("ENDPOINT")
      ->group(group);
  app.add_option_function<std::string>(
         "--hosts",
         [&o](const std::string& path) {
           for (nn::net::Endpoint& endpoint : nn::net::read_hosts(path))
             o.endpoints.push_back(std::move(endpoint));
         },
         "Endpoints from a file, one a line")
      ->type_name("FILE")
      ->group(group);
  nn::cli::add_parsed(app, "--quorum", o.quorum, parse_quorum, "With --rule: so many members suffice")
      ->type_name("N")
      ->group(group);
  nn::cli::add_parsed(app, "--deadline", o.deadline, parse_milliseconds,
                      "For the answer to a batch; with --quorum the late are left out")
      ->type_name("MS")
      ->group(group);
  nn::cli::add_parsed(app, "--hedge", o.hedge, parse_milliseconds,
                      "Ask a second worker when the first has not answered")
      ->type_name("MS")
      ->group(group);
  nn::cli::add_access_options(app, o.access, group);
}

void setup(CLI::App& app, Options& options) {
  nn::cli::add_source_options(app, options.source, false);
  app.add_option("-m,--model", options.models,
                 "A model, its device and its weight; several are an ensemble; with --at, a worker's model "
                 "NAME[/VERSION] (repeatable)")
      ->allow_extra_args(false)
      ->type_name("MODEL[@DEVICE][*WEIGHT]")
      ->group("Models");
  nn::cli::add_parsed(
      app, "--rule", options.remote.combination, parse_some_combination,
      "How members are combined: mean, weighted, vote, geometric, median, rank, max, trimmed, "
      "stack:MODEL, concat (default: mean, or weighted)")
      ->type_name("RULE")
      ->group("Models");
  nn::cli::add_parsed(app, "--uncertainty", options.predict.uncertainty, parse_some_uncertainty,
                      "Adds a column: entropy, variance, mutual-information")
      ->type_name("KIND")
      ->group("Models");
  nn::cli::add_parsed(app, "--device", options.predict.device, parse_some_device, "Of models that name none")
      ->type_name("DEVICE")
      ->group("Models");
  nn::cli::add_parsed(app, "--precision", options.predict.precision, nn::backend::parse_precision,
                      "Of the products of weights and inputs: float32, tf32 (CUDA), bf16 (default: float32)")
      ->type_name("NAME")
      ->group("Models");
  nn::cli::add_parsed(
      app, "--batch", options.batch, parse_batch,
      "Rows of a step; results do not depend on it (default: 1024; of a request to a worker, about 1M)")
      ->type_name("N")
      ->group("Models");
  add_worker_options(app, options.remote);
  nn::cli::add_output_options(app, options.output);
}

std::unique_ptr<nn::BatchSource> predict_here(Options& options) {
  if (options.models.empty()) nn::fail_usage("-m, --model is missing: what to predict with");
  const nn::client::RemoteOptions& r = options.remote;
  if (r.quorum || r.deadline.count() > 0 || r.hedge.count() > 0 || !r.access.token_file.empty()) {
    nn::fail_usage(
        "--quorum, --deadline, --hedge and --token-file are for workers; name them with --at ENDPOINT");
  }
  try {
    for (const std::string& text : options.models)
      options.predict.members.push_back(nn::predict::parse_member(text));
  } catch (const nn::Error& error) {
    throw error.within("--model");
  }
  if (options.batch > 0) options.predict.batch = options.batch;
  options.predict.combination = r.combination.value_or(nn::ensemble::Combination{});
  return nn::ensemble::predict_in_graph(nn::format::open_source(options.source), options.predict);
}

std::unique_ptr<nn::BatchSource> predict_there(Options& options) {
  if (options.models.size() > 1) {
    nn::fail_usage("with --at, one model: -m NAME[/VERSION]; the members of an ensemble are endpoints");
  }
  const auto& combination = options.remote.combination;
  if (options.predict.device && !(combination && !combination->model.empty())) {
    nn::fail_usage("with --at, --device is of a stack:MODEL only; workers have their own");
  }
  if (options.predict.precision != nn::backend::Precision::float32) {
    nn::fail_usage("with --at, --precision is a worker's own option");
  }
  if (!options.models.empty()) options.remote.model = options.models[0];
  options.remote.uncertainty = options.predict.uncertainty;
  options.remote.batch = options.batch;
  options.remote.max_frame = options.source.limits.max_frame;
  if (options.predict.device) options.remote.device = *options.predict.device;
  return nn::client::predict_remote(nn::format::open_source(options.source), options.remote);
}

void run(Options& options) {
  nn::cli::write_output(options.remote.endpoints.empty() ? predict_here(options) : predict_there(options),
                        options.output, options.source.limits);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  return nn::cli::run_tool(
      argc, argv,
      {"nn-predict", "predict with a neural network, or with an ensemble of them",
       "nn-predict -m m1.nn@cpu:0 -m m2.nn@cpu:1 --rule mean test.arrows | nn-eval"},
      [&](CLI::App& app) { setup(app, options); }, [&] { run(options); });
}
