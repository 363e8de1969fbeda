// nn-aggregate: prediction streams of several members to one. The work is in lib/ensemble.
#include "base/parse.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/tool.hpp"
#include "ensemble/aligned.hpp"

namespace {

struct Options {
  std::vector<std::string> inputs;
  nn::ensemble::AggregateOptions aggregate;
  nn::format::StreamLimits limits;
  nn::cli::OutputOptions output;
};

std::optional<std::size_t> parse_quorum(std::string_view text) {
  const std::int64_t members = nn::parse_integer(text);
  if (members < 1) nn::fail_usage("{}: at least 1 member", members);
  return static_cast<std::size_t>(members);
}

std::optional<nn::ensemble::Uncertainty> parse_some_uncertainty(std::string_view text) {
  return nn::ensemble::parse_uncertainty(text);
}

void setup(CLI::App& app, Options& options) {
  nn::ensemble::AggregateOptions& o = options.aggregate;
  app.add_option("input", options.inputs, "Prediction streams, one a member; '-' is standard input")
      ->type_name("INPUT")
      ->required();
  nn::cli::add_parsed(app, "--rule", o.combination, nn::ensemble::parse_combination,
                      "mean, weighted, vote, geometric, median, rank, max, trimmed, stack:MODEL, concat "
                      "(default: mean, or weighted)")
      ->type_name("RULE");
  nn::cli::add_parsed(app, "--weight", o.weights, nn::ensemble::parse_weights,
                      "One a member (default: what the streams say)")
      ->type_name("W,W,...");
  nn::cli::add_parsed(app, "--uncertainty", o.uncertainty, parse_some_uncertainty,
                      "Adds a column: entropy, variance, mutual-information")
      ->type_name("KIND");
  nn::cli::add_parsed(app, "--quorum", o.quorum, parse_quorum,
                      "Go on without members that fail while N are left")
      ->type_name("N");
  nn::cli::add_parsed(app, "--device", o.device, nn::backend::parse_device,
                      "Of a stacking model (default: cpu)")
      ->type_name("DEVICE");
  nn::cli::add_parsed(app, "--max-frame", options.limits.max_frame, nn::parse_bytes,
                      "Limit for one message (default: 64M)")
      ->type_name("BYTES");
  nn::cli::add_output_options(app, options.output);
}

void run(const Options& options) {
  const std::size_t count = options.inputs.size();
  if (options.aggregate.quorum.value_or(1) > count) {
    nn::fail_usage("--quorum {} of {} members", *options.aggregate.quorum, count);
  }
  if (!options.aggregate.weights.empty() && options.aggregate.weights.size() != count) {
    nn::fail_usage("--weight: {} weights for {} members", options.aggregate.weights.size(), count);
  }
  std::vector<nn::ensemble::StreamMember> members;
  for (const std::string& input : options.inputs) {
    members.push_back({input, [input, limits = options.limits] {
                         return nn::format::read_stream(nn::format::open_bytes(input), limits);
                       }});
  }
  nn::cli::write_output(nn::ensemble::aggregate(std::move(members), options.aggregate), options.output,
                        options.limits);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  return nn::cli::run_tool(
      argc, argv,
      {"nn-aggregate", "combine the predictions of several networks, row by row",
       "nn-aggregate --rule mean <(nn-predict -m m1.nn x.csv) <(ssh h2 nn-predict -m m2.nn x.csv)"},
      [&](CLI::App& app) { setup(app, options); }, [&] { run(options); });
}
