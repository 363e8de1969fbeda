// nn-train: rows to a model. The work is in lib/train.
#include <fcntl.h>
#include <fmt/format.h>

#include <climits>
#include <cstdlib>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/numbers.hpp"
#include "base/overwrite.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "cli/tool.hpp"
#include "client/remote_train.hpp"
#include "format/options.hpp"
#include "net/options.hpp"
#include "options/fields.hpp"
#include "train/train.hpp"

namespace {

namespace options = nn::options;

struct Options {
  nn::train::TrainOptions train;
  bool find_rate = false;
  std::string command_line;             // instead of this tool's own
  std::optional<nn::net::Endpoint> at;  // a worker
  nn::net::Access access;
};

options::List option_list(Options& o) {
  options::List list = nn::train::option_list(o.train);
  options::Group run(list, "Run", options::Effect::local);
  run.add({.name = "lr-find",
           .help = "Print the loss over rising learning rates, and make no model",
           .text = "Print a table of the smoothed loss while the learning rate rises from 1e-7 to 10, and on "
                   "the standard error the rate where it falls fastest; make no model."},
          options::flag(o.find_rate));
  options::Group log(list, "Log and checkpoint", options::Effect::local);
  log.add({.name = "command-line",
           .value = "TEXT",
           .help = "What the model remembers as its command line (default: this one)",
           .text = "What the model remembers as its command line, instead of this one: for programs that run "
                   "nn-train."},
          options::text(o.command_line));
  options::Group worker(list, "Training at a worker", options::Effect::local);
  worker.add(
      {.name = "at",
       .value = "ENDPOINT",
       .help = "Train there: tcp://HOST:PORT, tls://HOST:PORT, unix:/PATH, ssh://HOST, exec:COMMAND",
       .text = "Have an nn-worker(1) with --train do the work on its device.\n"
               "The rows are read here and sent there; the log and the model come back, the same bytes "
               "as here.\n"
               "The checkpoint stays there, named after the model or by --checkpoint, which is then a "
               "name and no path.\n"
               "A signal, a lost connection and the end of the worker save it, and --resume goes on "
               "from it, at the same worker or another one with the same folder.\n"
               "One network is trained; --valid must be a fraction, --precision is for the worker's "
               "device, and --device, --lr-find and --snapshots cannot be used."},
      options::parsed(o.at, nn::net::parse_endpoint, options::Kind::endpoint));
  options::append(list, nn::net::option_list(o.access, "Training at a worker"));
  options::append(list, nn::format::option_list(o.train.source, false));
  return list;
}

void print_rates(const nn::train::TrainOptions& o) {
  const std::vector<nn::train::RatePoint> points = nn::train::find_rate(o);
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
std::string job_of(const nn::train::TrainOptions& o) {
  if (!o.checkpoint.empty()) return o.checkpoint;
  const std::string name = o.output.substr(o.output.rfind('/') + 1);
  return name == "-" ? "model" : name;
}

void train_at_worker(const nn::cli::Parsed& given, const Options& all) {
  const nn::train::TrainOptions& o = all.train;
  nn::train::check_options(o);
  if (all.find_rate) nn::fail_usage("--lr-find computes here, not with --at");
  if (o.snapshots || o.folds > 0 || nn::train::members_of(o).size() > 1)
    nn::fail_usage("--at trains one network, to one model");
  if (!o.valid.file.empty()) nn::fail_usage("--valid: with --at a fraction of the rows, not a file");
  if (o.keep_checkpoint || o.allow_changes || o.require_checkpoint)
    nn::fail_usage(
        "--keep-checkpoint, --allow-changes and --resume=require are for training here, not with --at");
  if (!o.tensorboard.empty() || !o.plot.empty())
    nn::fail_usage("--tensorboard and --plot are for training here, not with --at");
  if (given.has("device")) nn::fail_usage("--device: with --at the worker's is used");
  nn::FilesOfRun files{.read = nn::format::input_files(o.source), .written = {o.output, o.log}};
  if (o.from != o.output) files.read.push_back(o.from);
  nn::refuse_overwriting(files);
  nn::client::RemoteTraining remote;
  remote.endpoint = *all.at;
  remote.access = all.access;
  remote.max_frame = o.source.limits.max_frame;
  remote.arguments = given.arguments(options::may_travel);
  remote.command_line = o.command_line;
  remote.job = job_of(o);
  remote.resume = o.resume;
  remote.from = o.from;
  remote.epochs = o.epochs;
  remote.output = o.output;
  remote.log = o.log;
  remote.metrics = o.metrics;
  nn::format::SourceOptions source = o.source;
  source.y_is_needed = true;
  if (!o.from.empty()) nn::train::read_as_start(nn::model::inspect_model(o.from, true).model, source);
  nn::client::train_remote(nn::format::open_source(source), remote);
}

// nn-sweep gives its trials a descriptor for their metrics, and one where it says what is to stop; -1: it
// doesn't.
int descriptor_in(const char* variable) {
  const char* number = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): before any thread
  if (number == nullptr || *number == '\0') return -1;
  const auto fd = nn::find_integer(number);
  if (!fd || *fd < 0 || *fd > INT_MAX || ::fcntl(static_cast<int>(*fd), F_GETFD) < 0)
    nn::fail_usage("{}={} is no descriptor", variable, nn::printable(number));
  return static_cast<int>(*fd);
}

void run(const nn::cli::Parsed& given, Options& all) {
  nn::train::TrainOptions& o = all.train;
  nn::train::tell_idle_options(o, [&](std::string_view name) { return given.has(name); });
  if (all.find_rate && !all.at && (o.folds > 0 || !o.plot.empty() || !o.log.empty() || !o.output.empty()))
    nn::fail_usage("--lr-find only prints losses; leave -o, --log, --plot and --folds out");
  if (all.find_rate && !all.at) return print_rates(nn::train::members_of(o).front());
  if (o.output.empty()) nn::fail_usage("-o, --output is missing: where the model goes");
  o.command_line = all.command_line.empty() ? given.lasting_command_line() : all.command_line;
  const int metrics = descriptor_in("NN_SWEEP_FD");
  if (metrics >= 0) o.metrics = fmt::format("/dev/fd/{}", metrics);
  o.control = descriptor_in("NN_SWEEP_CONTROL_FD");
  nn::stop_on_hangup();
  if (all.at) return train_at_worker(given, all);
  nn::train::train(o);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const nn::cli::Command tool{
      .name = "nn-train",
      .summary = "train a neural network on one device",
      .options = option_list(o),
      .arguments = {nn::format::input_argument(o.train.source)},
      .example =
          "nn-train train.arrows --layers 64,32 --standardize --epochs 60 --seed 1 --device cpu:0 -o m1.nn"};
  return nn::cli::run_tool(argc, argv, tool, [&](const nn::cli::Parsed& given) { run(given, o); });
}
