// nn-predict: rows through one model, or through an ensemble in one process or at workers. The work
// is in lib/ensemble and lib/client.
#include "base/overwrite.hpp"
#include "cli/output.hpp"
#include "cli/tool.hpp"
#include "client/remote_predict.hpp"
#include "ensemble/in_graph.hpp"
#include "format/options.hpp"
#include "options/fields.hpp"
#include "predict/as_learned.hpp"

namespace {

namespace options = nn::options;

struct Options {
  nn::format::SourceOptions source;
  std::vector<std::string> models;
  std::int64_t batch = 0;  // 0: not given
  nn::ensemble::InGraphOptions predict;
  nn::client::RemoteOptions remote;
  nn::cli::OutputOptions output;
};

void add_model_options(options::List& list, Options& o) {
  options::Group group(list, "Models", options::Effect::output);
  group.add(
      {.name = "model",
       .letter = 'm',
       .value = "MODEL[@DEVICE][*WEIGHT]",
       .help = "A model, its device and its weight; several are an ensemble; with --at, a worker's model "
               "NAME[/VERSION|:LABEL] (repeatable)",
       .text = "A model that nn-train(1) made, the device to run it on, and its weight for the rule "
               "`weighted`.\nMay be given several times.\n"
               "With --at, the name of one of the workers' models, and the version: `digits`, "
               "`digits/3`, `digits:stable`; not needed where they have only one."},
      options::members(o.models));
  group.add(
      {.name = "rule",
       .value = "RULE",
       .help = "How members are combined: mean, weighted, vote, geometric, median, rank, max, trimmed, "
               "stack:MODEL, concat (default: mean, or weighted)",
       .text = "How members are combined: `mean`, `weighted`, `vote`, `geometric`, `median`, `rank`, "
               "`max`, for numbers `mean`, `weighted`, `median`, `trimmed`, for both `stack:`*model* and "
               "`concat`.\nnn-aggregate(1) describes them.\n"
               "The default is `weighted` where some member has a weight, and `mean` otherwise."},
      options::parsed(o.remote.combination, nn::ensemble::parse_combination, options::Kind::text,
                      nn::ensemble::combination_names()));
  group.add(
      {.name = "uncertainty",
       .value = "KIND",
       .help = "Adds a column: entropy, variance, std, mutual-information",
       .text = "Adds a column `uncertainty`: `entropy`, `variance`, `std` or `mutual-information`, as in "
               "nn-aggregate(1)."},
      options::choice(o.predict.uncertainty));
  group.add({.name = "device",
             .value = "DEVICE",
             .help = "Of models that name none",
             .text = "Where models without a device of their own run.\n"
                     "By default a single model takes all cores that the process may use, and the members of "
                     "an ensemble take an even share of them each."},
            options::parsed(o.predict.device, nn::backend::parse_device, options::Kind::device));
  group.add({.name = "precision",
             .value = "NAME",
             .help = "Of the products of weights and inputs: float32, tf32 (CUDA), bf16 (default: {default})",
             .text = "`float32` (the default), or `bf16`: weights and inputs of each product are rounded to "
                     "bfloat16 (8 bits of mantissa) and summed in 32 bits.\n"
                     "CPUs with AVX512-BF16 have instructions for it; on others it only halves the weights "
                     "that are read.\n"
                     "CUDA devices also have `tf32`, products of numbers with 10 bits of mantissa."},
            options::choice(o.predict.precision));
  group.add({.name = "batch",
             .value = "N",
             .help = "Rows of a step; results do not depend on it (default: 1024; of a request to a worker, "
                     "about 1M)",
             .text = "The most rows of one step; 1024 by default.\n"
                     "With --at, the most rows of a request, by default as many as take about a megabyte.\n"
                     "Larger batches of the input are cut.\nResults do not depend on it."},
            options::count(o.batch, 1, 1 << 20));
}

options::List option_list(Options& o) {
  options::List list;
  add_model_options(list, o);
  options::append(list, nn::client::option_list(o.remote));
  options::append(list, nn::cli::option_list(o.output));
  options::append(list, nn::format::option_list(o.source, false));
  return list;
}

nn::FilesOfRun files_of(const Options& o) {
  nn::FilesOfRun files{.read = nn::format::input_files(o.source), .written = {o.output.path}};
  if (o.remote.combination) files.read.push_back(o.remote.combination->model);
  return files;
}

std::unique_ptr<nn::BatchSource> predict_here(Options& o) {
  if (o.models.empty()) nn::fail_usage("-m, --model is missing: what to predict with");
  const nn::client::RemoteOptions& r = o.remote;
  if (r.quorum || r.deadline.count() > 0 || r.hedge.count() > 0 || !r.access.token_file.empty()) {
    nn::fail_usage(
        "--quorum, --deadline, --hedge and --token-file are for workers; name them with --at ENDPOINT");
  }
  try {
    for (const std::string& text : o.models) o.predict.members.push_back(nn::predict::parse_member(text));
  } catch (const nn::Error& error) {
    throw error.within("--model");
  }
  nn::FilesOfRun files = files_of(o);
  for (const nn::predict::Member& member : o.predict.members) files.read.push_back(member.model);
  nn::refuse_overwriting(files);
  if (o.batch > 0) o.predict.batch = o.batch;
  for (const nn::predict::Member& member : o.predict.members)
    nn::predict::read_as_learned(member.model, o.source);
  o.predict.combination = r.combination.value_or(nn::ensemble::Combination{});
  o.source.says_names = false;
  return nn::ensemble::predict_in_graph(nn::format::open_source(o.source), o.predict);
}

std::unique_ptr<nn::BatchSource> predict_there(Options& o) {
  if (o.models.size() > 1) {
    nn::fail_usage(
        "with --at, one model: -m NAME[/VERSION|:LABEL]; the members of an ensemble are endpoints");
  }
  const auto& combination = o.remote.combination;
  if (o.predict.device && !(combination && !combination->model.empty())) {
    nn::fail_usage("with --at, --device is of a stack:MODEL only; workers have their own");
  }
  if (o.predict.precision != nn::backend::Precision::float32) {
    nn::fail_usage("with --at, --precision is a worker's own option");
  }
  nn::refuse_overwriting(files_of(o));
  if (!o.models.empty()) o.remote.model = o.models[0];
  o.remote.uncertainty = o.predict.uncertainty;
  o.remote.batch = o.batch;
  o.remote.max_frame = o.source.limits.max_frame;
  if (o.predict.device) o.remote.device = *o.predict.device;
  o.source.says_names = false;
  if (nn::format::may_be_text(o.source)) nn::client::take_table_of_workers(o.source, o.remote);
  return nn::client::predict_remote(nn::format::open_source(o.source), o.remote);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const nn::cli::Command tool{
      .name = "nn-predict",
      .summary = "predict with a neural network, or with an ensemble of them",
      .options = option_list(o),
      .arguments = {nn::format::input_argument(o.source)},
      .example = "nn-predict -m m1.nn@cpu:0 -m m2.nn@cpu:1 --rule mean test.arrows | nn-eval"};
  return nn::cli::run_tool(argc, argv, tool, [&](const nn::cli::Parsed&) {
    nn::cli::write_output(o.remote.endpoints.empty() ? predict_here(o) : predict_there(o), o.output,
                          o.source.limits);
  });
}
