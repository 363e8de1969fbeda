// nn-aggregate: prediction streams of several members to one. The work is in lib/ensemble.
#include "base/overwrite.hpp"
#include "cli/output.hpp"
#include "cli/tool.hpp"
#include "ensemble/aligned.hpp"
#include "format/options.hpp"
#include "options/fields.hpp"

namespace {

namespace options = nn::options;

struct Options {
  std::vector<std::string> inputs;
  nn::ensemble::AggregateOptions aggregate;
  nn::format::StreamLimits limits;
  nn::cli::OutputOptions output;
};

options::List option_list(Options& all) {
  nn::ensemble::AggregateOptions& o = all.aggregate;
  options::List list;
  options::Group group(list, "Members", options::Effect::output);
  group.add({.name = "rule",
             .value = "RULE",
             .help = "mean, weighted, vote, geometric, median, rank, max, trimmed, stack:MODEL, concat "
                     "(default: mean, or weighted)",
             .text = "How members are combined."},
            options::parsed(o.combination, nn::ensemble::parse_combination, options::Kind::text,
                            nn::ensemble::combination_names()));
  group.add(
      {.name = "weight",
       .value = "W,W,...",
       .help = "One a member (default: what the streams say)",
       .text = "The weights of the members, above 0, in their order.\n"
               "Otherwise a stream's own weight counts (`nn.weight`, from `model.nn*2`), and 1 where it "
               "has none."},
      options::parsed(o.weights, nn::ensemble::parse_weights));
  group.add(
      {.name = "uncertainty",
       .value = "KIND",
       .help = "Adds a column: entropy, variance, std, mutual-information",
       .text = "Adds a column `uncertainty`:\n"
               "- `entropy` :: of the combined probabilities, in nats: how undecided the answer is\n"
               "- `variance` :: over the members, the mean over classes or values\n"
               "- `std` :: the root of the variance, in the unit of the values: a standard deviation\n"
               "- `mutual-information` :: the entropy of the members' mean less the mean of their "
               "entropies, in nats: how far members that are sure of themselves contradict each other\n\n"
               "For numbers there are `variance` and `std`."},
      options::choice(o.uncertainty));
  group.add({.name = "quorum",
             .value = "N",
             .help = "Go on without members that fail while N are left",
             .text = "Go on without members that fail while *n* are left.\nBy default none may fail."},
            options::count(o.quorum, 1));
  group.add({.name = "device",
             .value = "DEVICE",
             .help = "Of a stacking model (default: {default})",
             .text = "Where a stacking model runs; by default on all cores."},
            options::parsed(o.device, nn::backend::parse_device, options::Kind::device));
  group.add({.name = "max-frame",
             .value = "BYTES",
             .help = "Limit for one message (default: {default})",
             .text = "The largest message that is taken; {default} by default.\n"
                     "'K', 'M' and 'G' are powers of 1024."},
            nn::format::max_frame_field(all.limits.max_frame));
  options::append(list, nn::cli::option_list(all.output));
  return list;
}

void run(const Options& o) {
  const std::size_t count = o.inputs.size();
  if (o.aggregate.quorum.value_or(1) > count) {
    nn::fail_usage("--quorum {} of {} members", *o.aggregate.quorum, count);
  }
  if (!o.aggregate.weights.empty() && o.aggregate.weights.size() != count) {
    nn::fail_usage("--weight: {} weights for {} members", o.aggregate.weights.size(), count);
  }
  nn::FilesOfRun files{.read = o.inputs, .written = {o.output.path}};
  files.read.push_back(o.aggregate.combination.model);
  nn::refuse_overwriting(files);
  std::vector<nn::ensemble::StreamMember> members;
  for (const std::string& input : o.inputs) {
    members.push_back({input, [input, limits = o.limits] {
                         return nn::format::read_stream(nn::format::open_bytes(input), limits);
                       }});
  }
  nn::cli::write_output(nn::ensemble::aggregate(std::move(members), o.aggregate), o.output, o.limits);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const nn::cli::Command tool{
      .name = "nn-aggregate",
      .summary = "combine the predictions of several networks, row by row",
      .options = option_list(o),
      .arguments = {options::argument("input", "INPUT",
                                      "Prediction streams, one a member; '-' is standard input",
                                      options::files(o.inputs, options::stream_files), true)},
      .example = "nn-aggregate --rule mean <(nn-predict -m m1.nn x.csv) <(ssh h2 nn-predict -m m2.nn x.csv)"};
  return nn::cli::run_tool(argc, argv, tool, [&](const nn::cli::Parsed&) { run(o); });
}
