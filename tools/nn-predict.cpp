// nn-predict: rows through one model, or through an ensemble in one process. The work is
// in lib/ensemble.
#include <unistd.h>

#include "base/parse.hpp"
#include "cli/options.hpp"
#include "cli/progress.hpp"
#include "cli/tool.hpp"
#include "ensemble/in_graph.hpp"
#include "format/sink.hpp"

namespace {

struct Options {
  nn::SourceOptions source;
  nn::InGraphOptions predict;
  std::string output = "-";
  nn::OutputFormat to = nn::OutputFormat::automatic;
};

std::optional<nn::Device> parse_some_device(std::string_view text) { return nn::parse_device(text); }
std::optional<nn::Uncertainty> parse_some_uncertainty(std::string_view text) {
  return nn::parse_uncertainty(text);
}

std::int64_t parse_batch(std::string_view text) {
  const std::int64_t rows = nn::parse_integer(text);
  if (rows < 1 || rows > 1 << 20) nn::fail_usage("{} rows; from 1 to 1048576", rows);
  return rows;
}

void add_members(CLI::App& app, std::vector<nn::Member>& members) {
  app.add_option_function<std::vector<std::string>>(
         "-m,--model",
         [&members](const std::vector<std::string>& texts) {
           try {
             for (const std::string& text : texts) members.push_back(nn::parse_member(text));
           } catch (const nn::Error& error) {
             throw CLI::ValidationError("--model", error.what());
           }
         },
         "A model, its device and its weight; several are an ensemble (repeatable)")
      ->required()
      ->allow_extra_args(false)
      ->type_name("MODEL[@DEVICE][*WEIGHT]")
      ->group("Models");
}

void setup(CLI::App& app, Options& options) {
  nn::add_source_options(app, options.source, false);
  add_members(app, options.predict.members);
  nn::add_parsed(app, "--rule", options.predict.combination, nn::parse_combination,
                 "How members are combined: mean, weighted, vote, geometric, median, rank, max, trimmed, "
                 "stack:MODEL, concat (default: mean, or weighted)")
      ->type_name("RULE")
      ->group("Models");
  nn::add_parsed(app, "--uncertainty", options.predict.uncertainty, parse_some_uncertainty,
                 "Adds a column: entropy, variance, mutual-information")
      ->type_name("KIND")
      ->group("Models");
  nn::add_parsed(app, "--device", options.predict.device, parse_some_device, "Of models that name none")
      ->type_name("DEVICE")
      ->group("Models");
  nn::add_parsed(app, "--precision", options.predict.precision, nn::parse_precision,
                 "Of the products of weights and inputs: float32, bf16 (default: float32)")
      ->type_name("NAME")
      ->group("Models");
  nn::add_parsed(app, "--batch", options.predict.batch, parse_batch,
                 "Rows of a step; results do not depend on it (default: 1024)")
      ->type_name("N")
      ->group("Models");
  app.add_option("-o,--output", options.output, "Where to write (default: standard output)")
      ->type_name("FILE")
      ->group("Output");
  nn::add_parsed(app, "--to", options.to, nn::parse_output_format,
                 "text, csv, json, npy, stream (default: text on a terminal, else stream)")
      ->type_name("FORMAT")
      ->group("Output");
}

void run(const Options& options) {
  auto predictions = nn::predict_in_graph(nn::open_source(options.source), options.predict);
  // Rows that scroll by on the terminal show the progress themselves.
  if (options.output != "-" || ::isatty(STDOUT_FILENO) == 0) {
    predictions = nn::with_progress(std::move(predictions));
  }
  nn::OutputFile file(options.output);
  const auto sink = nn::open_sink(options.to, file, *predictions->schema(), options.source.limits);
  nn::copy_batches(*predictions, *sink);
  file.commit();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  return nn::run_tool(
      argc, argv,
      {"nn-predict", "predict with a neural network, or with an ensemble of them",
       "nn-predict -m m1.nn@cpu:0 -m m2.nn@cpu:1 --rule mean test.arrows | nn-eval"},
      [&](CLI::App& app) { setup(app, options); }, [&] { run(options); });
}
