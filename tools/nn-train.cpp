// nn-train: rows to a model. The work is in lib/train.
#include "base/log.hpp"
#include "base/parse.hpp"
#include "cli/options.hpp"
#include "cli/tool.hpp"
#include "train/train.hpp"

namespace {

template <std::int64_t least>
std::int64_t parse_count(std::string_view text) {
  const std::int64_t count = nn::parse_integer(text);
  if (count < least) nn::fail_usage("{}: at least {}", count, least);
  return count;
}

template <std::uint64_t least>
std::uint64_t parse_unsigned(std::string_view text) {
  return static_cast<std::uint64_t>(parse_count<static_cast<std::int64_t>(least)>(text));
}

double parse_positive(std::string_view text) {
  const double value = nn::parse_number(text);
  if (!(value > 0)) nn::fail_usage("{}: over 0", text);
  return value;
}

double parse_not_negative(std::string_view text) {
  const double value = nn::parse_number(text);
  if (!(value >= 0)) nn::fail_usage("{}: 0 or more", text);
  return value;
}

// Rates of decay and dropout.
double parse_rate(std::string_view text) {
  const double value = nn::parse_number(text);
  if (!(value >= 0 && value < 1)) nn::fail_usage("{}: at least 0 and below 1", text);
  return value;
}

std::optional<nn::Loss> parse_some_loss(std::string_view text) { return nn::parse_loss(text); }
std::optional<double> parse_learning_rate(std::string_view text) { return parse_positive(text); }
std::string parse_layers(std::string_view text) {
  nn::network_from_widths(text, nn::Activation::relu);
  return std::string(text);
}
std::string parse_net(std::string_view text) {
  nn::parse_network(text);
  return std::string(text);
}

// CLI11 group and name of the value in one go.
void describe(CLI::Option* option, const char* group, const char* value) {
  option->group(group)->type_name(value);
}

void add_network_options(CLI::App& app, nn::TrainOptions& o) {
  constexpr auto group = "Network";
  auto* layers =
      nn::add_parsed(app, "--layers", o.layers, parse_layers, "Widths of dense layers (default: 64)");
  describe(layers, group, "N,N,…");
  auto* net =
      nn::add_parsed(app, "--net", o.net, parse_net, "Layers in full: 'dense 64 relu, dropout 0.5, dense'");
  describe(net, group, "LAYERS");
  net->excludes(layers);
  describe(
      nn::add_parsed(app, "--activation", o.activation, nn::parse_activation, "Of --layers (default: relu)"),
      group, "NAME");
  describe(nn::add_parsed(app, "--dropout", o.dropout, parse_rate, "Behind each layer of --layers"), group,
           "RATE");
  describe(nn::add_parsed(app, "--loss", o.loss, parse_some_loss, "Default: what fits the target"), group,
           "NAME");
}

void add_data_options(CLI::App& app, nn::TrainOptions& o) {
  constexpr auto group = "Data";
  describe(nn::add_parsed(app, "--valid", o.valid, nn::parse_validation,
                          "Rows to validate on: a fraction, or a file"),
           group, "FRACTION|FILE");
  app.add_flag("--standardize", o.standardize, "Features (and a target of numbers) to mean 0 and variance 1")
      ->group(group);
  describe(nn::add_parsed(app, "--class-weight", o.class_weights, nn::parse_class_weights,
                          "balanced, or weights by class"),
           group, "NAME=W,…");
}

void add_optimizer_options(CLI::App& app, nn::TrainOptions& o) {
  constexpr auto group = "Optimizer";
  nn::Optimizer& p = o.optimizer;
  describe(nn::add_parsed(app, "--optimizer", p.kind, nn::parse_optimizer,
                          "sgd, momentum, nesterov, rmsprop, adam, adamw (default: adam)"),
           group, "NAME");
  describe(nn::add_parsed(app, "--lr", o.learning_rate, parse_learning_rate,
                          "Learning rate (default: 0.001; 0.01 for sgd, momentum, nesterov)"),
           group, "RATE");
  describe(nn::add_parsed(app, "--momentum", p.momentum, parse_rate, "Default: 0.9"), group, "M");
  describe(nn::add_parsed(app, "--rho", p.rho, parse_rate, "Of rmsprop (default: 0.9)"), group, "R");
  describe(nn::add_parsed(app, "--beta-1", p.beta_1, parse_rate, "Of adam, adamw (default: 0.9)"), group,
           "B");
  describe(nn::add_parsed(app, "--beta-2", p.beta_2, parse_rate, "Of adam, adamw (default: 0.999)"), group,
           "B");
  describe(nn::add_parsed(app, "--epsilon", p.epsilon, parse_positive, "Default: 1e-7"), group, "E");
  describe(
      nn::add_parsed(app, "--weight-decay", p.weight_decay, parse_not_negative, "Of adamw (default: 0.004)"),
      group, "W");
  describe(nn::add_parsed(app, "--l2", o.l2, parse_not_negative,
                          "Adds L2/2 times the kernels' squares to the loss"),
           group, "L2");
  describe(nn::add_parsed(app, "--clip-norm", o.clip_norm, parse_positive, "Limit of the gradient's norm"),
           group, "N");
}

void add_run_options(CLI::App& app, nn::TrainOptions& o) {
  constexpr auto group = "Run";
  describe(nn::add_parsed(app, "--batch", o.batch, parse_count<1>, "Rows of a step (default: 32)"), group,
           "N");
  describe(nn::add_parsed(app, "--epochs", o.epochs, parse_unsigned<1>, "Passes over the rows (default: 20)"),
           group, "N");
  describe(nn::add_parsed(app, "--stop-after", o.stop_after_s, nn::parse_duration_s,
                          "End after this time: 90s, 10m, 2h"),
           group, "TIME");
  describe(nn::add_parsed(app, "--early-stopping", o.early_stopping, parse_unsigned<1>,
                          "End after N epochs without gain; keep the best weights"),
           group, "N");
  describe(nn::add_parsed(app, "--seed", o.seed, parse_unsigned<0>, "Of everything random (default: 0)"),
           group, "N");
  describe(nn::add_parsed(app, "--device", o.device, nn::parse_device,
                          "cpu, cpu:0, cpu:0-3, cuda:0 (default: cpu)"),
           group, "DEVICE");
}

void add_output_options(CLI::App& app, nn::TrainOptions& o) {
  constexpr auto group = "Output";
  describe(app.add_option("-o,--output", o.output, "The model")->required(), group, "FILE");
  describe(app.add_option("--log", o.log, "A JSON object for each epoch, a line each"), group, "FILE");
  describe(nn::add_parsed(app, "--log-every", o.log_every, parse_unsigned<1>, "Also every N steps"), group,
           "N");
  describe(
      app.add_option("--checkpoint", o.checkpoint, "Where to save an unfinished run (default: OUTPUT.ckpt)"),
      group, "FILE");
  describe(nn::add_parsed(app, "--checkpoint-every", o.checkpoint_every, nn::parse_checkpoint_interval,
                          "Save it regularly: 10m, 5epochs"),
           group, "TIME|N");
  app.add_flag("--resume", o.resume, "Go on from the checkpoint, if there is one")->group(group);
}

}  // namespace

int main(int argc, char** argv) {
  nn::TrainOptions options;
  return nn::run_tool(
      argc, argv,
      {"nn-train", "train a neural network on one device",
       "nn-train train.arrows --layers 64,32 --standardize --epochs 60 --seed 1 --device cpu:0 -o m1.nn"},
      [&](CLI::App& app) {
        nn::add_source_options(app, options.source, false);
        add_data_options(app, options);
        add_network_options(app, options);
        add_optimizer_options(app, options);
        add_run_options(app, options);
        add_output_options(app, options);
      },
      [&] {
        options.command_line = nn::lasting_command_line(nn::command_line());
        nn::train(options);
      });
}
