// nn-train: rows to a model. The work is in lib/train.
#include "base/log.hpp"
#include "base/parse.hpp"
#include "cli/options.hpp"
#include "cli/tool.hpp"
#include "client/remote_train.hpp"
#include "train/train.hpp"

namespace {

struct Options {
  nn::train::TrainOptions train;
  bool find_rate = false;
  std::string command_line;             // instead of this tool's own
  std::optional<nn::net::Endpoint> at;  // a worker
  nn::net::Access access;
};

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
std::optional<nn::net::Endpoint> parse_some_endpoint(std::string_view text) {
  return nn::net::parse_endpoint(text);
}
// One value, or one for each member.
template <double (*parse_one)(std::string_view)>
std::vector<double> parse_list(std::string_view text) {
  std::vector<double> values;
  for (const std::string& part : nn::split(text, ',')) values.push_back(parse_one(nn::trim(part)));
  return values;
}
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

void add_network_options(CLI::App& app, nn::train::TrainOptions& o) {
  constexpr auto group = "Network";
  auto* layers =
      nn::cli::add_parsed(app, "--layers", o.layers, parse_layers, "Widths of dense layers (default: 64)");
  describe(layers, group, "N,N,...");
  auto* net = nn::cli::add_parsed(app, "--net", o.net, parse_net,
                                  "Layers in full: 'dense 64 relu, dropout 0.5, dense'");
  describe(net, group, "LAYERS");
  net->excludes(layers);
  describe(nn::cli::add_parsed(app, "--activation", o.activation, nn::parse_activation,
                               "Of --layers (default: relu)"),
           group, "NAME");
  describe(nn::cli::add_parsed(app, "--dropout", o.dropout, parse_rate, "Behind each layer of --layers"),
           group, "RATE");
  describe(nn::cli::add_parsed(app, "--loss", o.loss, parse_some_loss, "Default: what fits the target"),
           group, "NAME");
}

void add_data_options(CLI::App& app, nn::train::TrainOptions& o) {
  constexpr auto group = "Data";
  describe(nn::cli::add_parsed(app, "--valid", o.valid, nn::train::parse_validation,
                               "Rows to validate on: a fraction, or a file"),
           group, "FRACTION|FILE");
  app.add_flag("--standardize", o.standardize, "Features (and a target of numbers) to mean 0 and variance 1")
      ->group(group);
  describe(nn::cli::add_parsed(app, "--augment", o.augmentation, nn::train::parse_augmentation,
                               "Change images at random: 'shift 2, flip, crop 4'"),
           group, "LIST");
  describe(nn::cli::add_parsed(app, "--class-weight", o.class_weights, nn::train::parse_class_weights,
                               "balanced, or weights by class"),
           group, "NAME=W,...");
}

void add_optimizer_options(CLI::App& app, nn::train::TrainOptions& o) {
  constexpr auto group = "Optimizer";
  nn::backend::Optimizer& p = o.optimizer;
  describe(nn::cli::add_parsed(app, "--optimizer", p.kind, nn::backend::parse_optimizer,
                               "sgd, momentum, nesterov, rmsprop, adam, adamw (default: adam)"),
           group, "NAME");
  describe(nn::cli::add_parsed(app, "--lr", o.members.learning_rates, parse_list<parse_positive>,
                               "Learning rate (default: 0.001; 0.01 for sgd, momentum, nesterov)"),
           group, "RATE,...");
  describe(
      nn::cli::add_parsed(app, "--schedule", o.schedule, nn::train::parse_schedule,
                          "constant, cosine, step:epochs=10,factor=0.1, one_cycle, cosine_restarts:cycles=5"),
      group, "NAME");
  describe(nn::cli::add_parsed(app, "--warmup", o.warmup, nn::train::parse_warmup,
                               "The rate rises over N steps, or Nepochs"),
           group, "N");
  describe(nn::cli::add_parsed(app, "--momentum", p.momentum, parse_rate, "Default: 0.9"), group, "M");
  describe(nn::cli::add_parsed(app, "--rho", p.rho, parse_rate, "Of rmsprop (default: 0.9)"), group, "R");
  describe(nn::cli::add_parsed(app, "--beta-1", p.beta_1, parse_rate, "Of adam, adamw (default: 0.9)"), group,
           "B");
  describe(nn::cli::add_parsed(app, "--beta-2", p.beta_2, parse_rate, "Of adam, adamw (default: 0.999)"),
           group, "B");
  describe(nn::cli::add_parsed(app, "--epsilon", p.epsilon, parse_positive, "Default: 1e-7"), group, "E");
  describe(nn::cli::add_parsed(app, "--weight-decay", o.members.weight_decay, parse_list<parse_not_negative>,
                               "Of adamw (default: 0.004)"),
           group, "W,...");
  describe(nn::cli::add_parsed(app, "--l2", o.members.l2, parse_list<parse_not_negative>,
                               "Adds L2/2 times the kernels' squares to the loss"),
           group, "L2,...");
  describe(nn::cli::add_parsed(app, "--label-smoothing", o.members.label_smoothing, parse_list<parse_rate>,
                               "This part of each label goes to all classes alike"),
           group, "S,...");
  describe(
      nn::cli::add_parsed(app, "--ema", o.ema, parse_rate, "Keep a moving average of the weights, as 0.999"),
      group, "DECAY");
  describe(
      nn::cli::add_parsed(app, "--clip-norm", o.clip_norm, parse_positive, "Limit of the gradient's norm"),
      group, "N");
}

void add_run_options(CLI::App& app, nn::train::TrainOptions& o) {
  constexpr auto group = "Run";
  describe(nn::cli::add_parsed(app, "--batch", o.batch, parse_count<1>, "Rows of a step (default: 32)"),
           group, "N");
  describe(nn::cli::add_parsed(app, "--accumulate", o.accumulate, parse_count<1>,
                               "Batches of a step (default: 1)"),
           group, "N");
  describe(
      nn::cli::add_parsed(app, "--epochs", o.epochs, parse_unsigned<1>, "Passes over the rows (default: 20)"),
      group, "N");
  describe(nn::cli::add_parsed(app, "--stop-after", o.stop_after_s, nn::parse_duration_s,
                               "End after this time: 90s, 10m, 2h"),
           group, "TIME");
  describe(nn::cli::add_parsed(app, "--early-stopping", o.early_stopping, parse_unsigned<1>,
                               "End after N epochs without gain; keep the best weights"),
           group, "N");
  describe(nn::cli::add_parsed(app, "--members", o.members.count, parse_count<1>,
                               "Train so many networks at once, with seeds from --seed on"),
           group, "K");
  app.add_flag("--share-batches", o.members.share_batches, "All members see the same rows in the same order")
      ->group(group);
  describe(nn::cli::add_parsed(app, "--seed", o.seed, parse_unsigned<0>, "Of everything random (default: 0)"),
           group, "N");
  describe(nn::cli::add_parsed(app, "--device", o.device, nn::backend::parse_device,
                               "cpu, cpu:0, cpu:0-3, cuda:0 (default: cpu)"),
           group, "DEVICE");
  describe(nn::cli::add_parsed(app, "--precision", o.precision, nn::backend::parse_precision,
                               "Of products, on CUDA devices: float32, tf32, bf16 (default: float32)"),
           group, "NAME");
}

void add_output_options(CLI::App& app, nn::train::TrainOptions& o) {
  constexpr auto group = "Output";
  describe(app.add_option("-o,--output", o.output, "The model; member K of several goes to NAME-K.nn"), group,
           "FILE");
  app.add_flag("--snapshots", o.snapshots, "A model for each cycle of cosine_restarts: NAME-cycle1.nn …")
      ->group(group);
  describe(app.add_option("--log", o.log, "A JSON object for each epoch, a line each"), group, "FILE");
  describe(nn::cli::add_parsed(app, "--log-every", o.log_every, parse_unsigned<1>, "Also every N steps"),
           group, "N");
  describe(
      app.add_option("--checkpoint", o.checkpoint, "Where to save an unfinished run (default: OUTPUT.ckpt)"),
      group, "FILE");
  describe(nn::cli::add_parsed(app, "--checkpoint-every", o.checkpoint_every,
                               nn::train::parse_checkpoint_interval, "Save it regularly: 10m, 5epochs"),
           group, "TIME|N");
  app.add_flag("--resume", o.resume, "Go on from the checkpoint, if there is one")->group(group);
}

void add_worker_options(CLI::App& app, Options& options) {
  constexpr auto group = "Worker";
  describe(nn::cli::add_parsed(
               app, "--at", options.at, parse_some_endpoint,
               "Train there: tcp://HOST:PORT, tls://HOST:PORT, unix:/PATH, ssh://HOST, exec:COMMAND"),
           group, "ENDPOINT");
  nn::cli::add_access_options(app, options.access, group);
}

void setup(CLI::App& app, Options& options) {
  nn::train::TrainOptions& o = options.train;
  nn::cli::add_source_options(app, o.source, false);
  add_data_options(app, o);
  add_network_options(app, o);
  add_optimizer_options(app, o);
  add_run_options(app, o);
  add_output_options(app, o);
  add_worker_options(app, options);
  app.add_flag("--lr-find", options.find_rate, "Print the loss over rising learning rates, and make no model")
      ->group("Run");
  describe(app.add_option("--command-line", options.command_line,
                          "What the model remembers as its command line (default: this one)"),
           "Output", "TEXT");
}

// Values that all members have in common.
void take_single_values(nn::train::TrainOptions& o) {
  const nn::train::Members& m = o.members;
  if (m.learning_rates.size() == 1) o.learning_rate = m.learning_rates[0];
  if (m.l2.size() == 1) o.l2 = m.l2[0];
  if (m.label_smoothing.size() == 1) o.label_smoothing = m.label_smoothing[0];
  if (m.weight_decay.size() == 1) o.optimizer.weight_decay = m.weight_decay[0];
}

void print_rates(const nn::train::TrainOptions& options) {
  const std::vector<nn::train::RatePoint> points = nn::train::find_rate(options);
  fmt::print("lr\tloss\n");
  for (const nn::train::RatePoint& point : points) fmt::print("{:.6g}\t{:.6g}\n", point.rate, point.loss);
  const double rate = nn::train::suggested_rate(points);
  if (rate > 0) {
    nn::print_message(fmt::format("the loss falls fastest at --lr {:.2g}", rate));
  } else {
    nn::print_warning("the loss falls at no learning rate");
  }
}

// Its checkpoint is named after the model, unless it is named itself.
std::string job_of(const nn::train::TrainOptions& options) {
  if (!options.checkpoint.empty()) return options.checkpoint;
  const std::string name = options.output.substr(options.output.rfind('/') + 1);
  return name == "-" ? "model" : name;
}

void train_there(const CLI::App& app, Options& options) {
  nn::train::TrainOptions& o = options.train;
  nn::train::check_options(o);
  if (options.find_rate) nn::fail_usage("--lr-find computes here, not with --at");
  if (o.snapshots || nn::train::members_of(o).size() > 1)
    nn::fail_usage("--at trains one network, to one model");
  if (!o.valid.file.empty()) nn::fail_usage("--valid: with --at a fraction of the rows, not a file");
  if (app.get_option("--device")->count() > 0) nn::fail_usage("--device: with --at the worker's is used");
  nn::client::RemoteTraining remote;
  remote.endpoint = *options.at;
  remote.access = options.access;
  remote.max_frame = o.source.limits.max_frame;
  remote.arguments = nn::cli::given_arguments(
      app, {"Data", "Network", "Optimizer", "Run", "--log-every", "--checkpoint-every"});
  remote.command_line = o.command_line;
  remote.job = job_of(o);
  remote.resume = o.resume;
  remote.epochs = o.epochs;
  remote.output = o.output;
  remote.log = o.log;
  nn::client::train_remote(nn::format::open_source(o.source), remote);
}

void run(const CLI::App& app, Options& options) {
  nn::train::TrainOptions& o = options.train;
  take_single_values(o);
  if (options.find_rate && !options.at) return print_rates(o);
  if (o.output.empty()) nn::fail_usage("-o, --output is missing: where the model goes");
  o.command_line = options.command_line.empty() ? nn::train::lasting_command_line(nn::cli::command_line())
                                                : options.command_line;
  if (options.at) return train_there(app, options);
  nn::train::train(o);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const CLI::App* parsed = nullptr;
  return nn::cli::run_tool(
      argc, argv,
      {"nn-train", "train a neural network on one device",
       "nn-train train.arrows --layers 64,32 --standardize --epochs 60 --seed 1 --device cpu:0 -o m1.nn"},
      [&](CLI::App& app) {
        parsed = &app;
        setup(app, options);
      },
      [&] { run(*parsed, options); });
}
