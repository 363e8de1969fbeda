// nn-model: looks at model files, converts and publishes them, and says which versions are live.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/overwrite.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"
#include "cli/tool.hpp"
#include "exchange/comparison.hpp"
#include "exchange/convert.hpp"
#include "options/fields.hpp"
#include "repository/ensemble_text.hpp"
#include "repository/ensemble_version.hpp"
#include "repository/labels.hpp"
#include "repository/model_name.hpp"
#include "repository/publish.hpp"
#include "repository/standing.hpp"
#include "traffic/model_traffic.hpp"
#include "traffic/plan.hpp"
#include "traffic/presence.hpp"

namespace {

namespace options = nn::options;

struct Options {
  bool json = false, full = false;
  std::string sort;  // the column; empty: as they were given
  std::vector<std::string> models;
  std::string input, output;
  nn::exchange::ConvertOptions convert;
  std::optional<std::uint64_t> version;
  std::string base;
  std::vector<nn::repository::Label> labels;
  std::vector<std::string> removed;  // labels
  bool force = false;
  std::optional<std::uint64_t> to;
  std::optional<std::size_t> keep;
  std::vector<nn::traffic::Arm> arms;
  std::optional<nn::traffic::Key> sticky;
  std::optional<nn::traffic::Shadow> shadow;
  bool clear = false;
  nn::traffic::Verdict verdict = nn::traffic::Verdict::progress;  // about the canary, by hand
};

options::List show_options(Options& o) {
  options::List list;
  options::Group group(list, "Output", options::Effect::output);
  group.add({.name = "json",
             .help = "As a JSON object, one a model",
             .text = "With `show`, print one JSON object a model."},
            options::flag(o.json));
  group.add(
      {.name = "sort",
       .value = "COLUMN",
       .help = "Several models by val_loss, lr, file …, the best first",
       .text = "With `show`, the order of several models: by a column of their table, such as `val_loss`; "
               "the best comes first, which is the highest accuracy, AUC, R2 or F1, and of all else the "
               "lowest; those without it come last."},
      options::text(o.sort,
                    {"file", "loss", "val_loss", "val_accuracy", "val_rmse", "val_mae", "epochs", "seed"}));
  group.add(
      {.name = "full",
       .help = "Several models one after the other, each as one alone is shown",
       .text = "With `show`, print all of each of several models, one after the other, instead of a table."},
      options::flag(o.full));
  return list;
}

// Names with commas between, or a file of them.
std::vector<std::string> parse_classes(std::string_view text) {
  constexpr std::size_t most_bytes = 1 << 20;
  const std::string path(text);
  std::error_code error;
  if (text.find(',') != std::string_view::npos || !std::filesystem::is_regular_file(path, error))
    return nn::split(text, ',');
  std::vector<std::string> names = nn::split(nn::read_text(path, most_bytes), '\n');
  if (!names.empty() && names.back().empty()) names.pop_back();
  return names;
}

options::List convert_options(Options& o) {
  options::List list;
  options::Group group(list, "ONNX", options::Effect::output);
  nn::onnx::ExportOptions& onnx = o.convert.onnx;
  group.add(
      {.name = "opset",
       .value = "N",
       .help = "The version of ONNX's operators (default: the lowest that does)",
       .text = "With `convert` to an .onnx file, the version of ONNX's operators, from 13 to 20; by default "
               "13, which old runtimes read as well, or 17 where there is layer_norm on vectors."},
      options::count(onnx.opset, nn::onnx::least_opset, nn::onnx::most_opset));
  group.add(
      {.name = "numeric",
       .help = "Only numbers and ONNX's own operators: categories as indices",
       .text =
           "With `convert` to an .onnx file, use only numbers and ONNX's own operators, as other runtimes "
           "than ONNX Runtime need it: a category is the index of its text in the model's list, and so "
           "is a label that is text."},
      options::flag(onnx.numeric));
  group.add(
      {.name = "layout",
       .value = "LAYOUT",
       .help = "The order of an image's values: nhwc (default) or nchw",
       .text = "With `convert` to an .onnx file, the order of an image's values in the input: `nhwc`, as "
               "tables have it, or `nchw`, channels first, which spares the graph a Transpose."},
      options::choice(onnx.layout));
  group.add(
      {.name = "input",
       .value = "FORM",
       .help = "What inputs are: float (default), double, matrix or uint8",
       .text = "With `convert` to an .onnx file, what its inputs are: `float`, one of float32 for each "
               "column; `double`, the same with float64, which loses no digits; `matrix`, all columns of "
               "numbers as one input x; `uint8`, a tensor of bytes."},
      options::choice(onnx.input));
  group.add({.name = "classes",
             .value = "A,B,…",
             .help = "What the classes of an .onnx file are called, or a file of them",
             .text = "With `convert` from an .onnx file, what the classes are called, in the order of its "
                     "outputs: names "
                     "with commas between, or a file with a name in each line. By default the file says it, "
                     "or they are "
                     "0, 1 and so on. It also says that outputs which nothing makes probabilities of are "
                     "logits of classes."},
            options::parsed(o.convert.import.classes, parse_classes, options::Kind::file));
  group.add(
      {.name = "loss",
       .value = "LOSS",
       .help = "What training goes on with: mse (default), mae or huber",
       .text =
           "With `convert` from an .onnx file of numbers, the loss that training goes on with; by default "
           "`mse`. Of classes it is cross-entropy."},
      options::parsed(o.convert.import.loss, nn::parse_loss_choice));
  return list;
}

options::List publish_options(Options& o) {
  options::List list;
  options::Group group(list, "Output", options::Effect::output);
  // Not --version, which prints the tool's.
  group.add({.name = "as",
             .value = "N",
             .help = "The version (default: the next)",
             .text = "With `publish`, the number of the version; by default the next after the highest.\n"
                     "A version that is there is not replaced."},
            options::parsed(o.version, nn::repository::parse_version));
  group.add(
      {.name = "force",
       .help = "Also a model that does not fit the live version",
       .text = "With `publish`, also put a model there that does not fit the live version, with a warning."},
      options::flag(o.force));
  return list;
}

options::List rollback_options(Options& o) {
  options::List list;
  options::Group group(list, "Output", options::Effect::output);
  group.add({.name = "to",
             .value = "N",
             .help = "The version (default: the good one before)",
             .text = "With `rollback`, the version that is live from then on; by default the newest good one "
                     "below the live one."},
            options::parsed(o.to, nn::repository::parse_version));
  return list;
}

options::List prune_options(Options& o) {
  options::List list;
  options::Group group(list, "Output", options::Effect::output);
  group.add({.name = "keep",
             .value = "N",
             .help = "How many of the newest good versions stay",
             .text = "With `prune`, how many of the newest good versions stay, at least 1."},
            options::count(o.keep, 1, 1'000'000));
  return list;
}

options::List label_options(Options& o) {
  options::List list;
  options::Group group(list, "Output", options::Effect::output);
  group.add({.name = "delete",
             .value = "NAME",
             .help = "Remove a label instead (repeatable)",
             .text = "With `label`, remove a label.\nMay be given several times."},
            options::each(o.removed, nn::repository::parse_label_name));
  return list;
}

options::List traffic_options(Options& o) {
  options::List list;
  options::Group group(list, "Output", options::Effect::output);
  group.add(
      {.name = "sticky",
       .value = "KEY",
       .help = "Who gets the same arm again: header:NAME, cookie:NAME, query:NAME, id, ip, input",
       .text =
           "With `traffic`, what of a request decides about its arm, as in nn-serve(1); `random`: nothing."},
      options::parsed(o.sticky, nn::traffic::parse_key, options::Kind::text,
                      {"header:", "cookie:", "set-cookie:", "query:", "id", "ip", "input", "random"}));
  group.add({.name = "shadow",
             .value = "ARM=PERCENT%",
             .help = "Run a share of the requests there as well, unseen",
             .text = "With `traffic`, run a share of the requests through an arm as well, as in canary=20%."},
            options::parsed(o.shadow, nn::traffic::parse_shadow));
  group.add({.name = "clear",
             .help = "Remove split and shadow",
             .text = "With `traffic`, remove split and shadow: all get the stable version."},
            options::flag(o.clear));
  return list;
}

nn::traffic::Verdict parse_hand(std::string_view word) {
  using nn::traffic::Verdict;
  for (const Verdict verdict : {Verdict::hold, Verdict::resume, Verdict::promote, Verdict::rollback}) {
    if (nn::traffic::enum_names(verdict).name_of(verdict) == word) return verdict;
  }
  nn::fail_unknown_name(word, "a decision", {"hold", "resume", "promote", "rollback"});
}

std::vector<nn::cli::Command> commands(Options& o) {
  // Arguments are not required here but in check(), which says more.
  const auto models =
      options::argument("MODEL", "MODEL", "Model files, checkpoints and ensembles (.toml); - is stdin",
                        options::files(o.models, ".nn .ckpt .toml"));
  const auto in = options::argument(
      "IN", "IN", "A .nn model, an .npz or .safetensors file that convert wrote, or an .onnx file",
      options::file(o.input, ".nn .npz .safetensors .onnx"));
  const auto out =
      options::argument("OUT", "OUT", "A file whose name ends in .nn, .npz, .safetensors, .onnx or .json",
                        options::file(o.output, ".nn .npz .safetensors .onnx .json"));
  const auto model = options::argument("MODEL", "MODEL", "A model file, or an ensemble's (.toml); - is stdin",
                                       options::file(o.input, ".nn .toml"));
  const auto base = options::argument("BASE", "BASE", "The repository's folder", options::folder(o.output));
  const auto labelled = options::argument("BASE", "BASE", "The repository's folder", options::folder(o.base));
  const auto labels =
      options::argument("NAME=VERSION", "NAME=VERSION", "Labels, and the versions to point to",
                        options::each(o.labels, nn::repository::parse_label));
  const auto arms =
      options::argument("ARM=WEIGHT", "ARM=WEIGHT", "Arms, and how much of the requests each gets",
                        options::each(o.arms, nn::traffic::parse_arm));
  const auto decision = options::argument(
      "DECISION", "DECISION", "hold, resume, promote or rollback",
      options::parsed(o.verdict, parse_hand, options::Kind::text, {"hold", "resume", "promote", "rollback"}));
  return {
      {.name = "show", .summary = "print what a model is", .options = show_options(o), .arguments = {models}},
      {.name = "verify",
       .summary = "read models whole and check their digests",
       .options = {},
       .arguments = {models}},
      {.name = "convert",
       .summary = "convert between .nn, .npz, .safetensors and .onnx, or describe as .json",
       .options = convert_options(o),
       .arguments = {in, out}},
      {.name = "publish",
       .summary = "put a model into a repository as a new version",
       .options = publish_options(o),
       .arguments = {model, base}},
      {.name = "label",
       .summary = "list, set and remove labels of a repository's versions",
       .options = label_options(o),
       .arguments = {labelled, labels}},
      {.name = "rollback",
       .summary = "make the version before live again",
       .options = rollback_options(o),
       .arguments = {labelled}},
      {.name = "prune",
       .summary = "remove old versions that nobody needs",
       .options = prune_options(o),
       .arguments = {labelled}},
      {.name = "traffic",
       .summary = "share out requests among versions",
       .options = traffic_options(o),
       .arguments = {labelled, arms}},
      {.name = "canary",
       .summary = "decide about the version that is being tried",
       .options = {},
       .arguments = {labelled, decision}}};
}

void check(std::string_view command, const Options& o) {
  if (command.empty()) {
    nn::fail_usage(
        "what is to be done? Say show, verify, convert, publish, label, rollback, prune, "
        "traffic or canary (try 'nn-model --help')");
  }
  if (command == "publish" && o.output.empty()) {
    nn::fail_usage("publish needs a MODEL and a BASE (try 'nn-model publish --help')");
  }
  if ((command == "label" || command == "rollback" || command == "prune" || command == "traffic" ||
       command == "canary") &&
      o.base.empty()) {
    nn::fail_usage("{0} needs a BASE (try 'nn-model {0} --help')", command);
  }
  if (command == "canary" && o.verdict == nn::traffic::Verdict::progress) {
    nn::fail_usage("canary needs one of hold, resume, promote, rollback (try 'nn-model canary --help')");
  }
  if (command == "prune" && !o.keep) nn::fail_usage("prune needs --keep N (try 'nn-model prune --help')");
  if (command == "convert" && o.output.empty()) {
    nn::fail_usage("convert needs two files, IN and OUT (try 'nn-model convert --help')");
  }
  if ((command == "show" || command == "verify") && o.models.empty()) {
    nn::fail_usage("no MODEL is named (try 'nn-model {} --help')", command);
  }
}

void print(std::string_view text) {
  nn::write_all(STDOUT_FILENO, std::as_bytes(std::span(text)), "standard output");
}

// A row for each: what differs, and what came of it.
// One that is no model keeps no other out of the table.
void compare(const Options& o) {
  std::vector<nn::exchange::ComparedModel> models;
  for (const std::string& path : o.models) {
    try {
      nn::exchange::ComparedModel model{path, {}};
      if (!nn::repository::is_ensemble(path)) model.file = nn::exchange::inspect_file(path);
      models.push_back(std::move(model));
    } catch (const nn::Error& error) {
      if (o.models.size() == 1) throw;
      nn::print_message(error.what());
    }
  }
  const std::size_t broken = o.models.size() - models.size();
  const auto tell = [&] {
    if (broken > 0) nn::fail_data("{} of {} files are no models", broken, o.models.size());
  };
  if (models.empty()) tell();
  if (!o.sort.empty()) nn::exchange::sort_models(models, o.sort);
  if (o.json) {
    for (const nn::exchange::ComparedModel& model : models)
      print(model.file ? nn::exchange::file_json(*model.file) : nn::repository::ensemble_json(model.path));
    return tell();
  }
  const bool on_terminal = ::isatty(STDOUT_FILENO) != 0;
  print(nn::exchange::comparison_text(models, on_terminal ? nn::terminal_size(STDOUT_FILENO).columns : 0));
  tell();
}

void show(const Options& o) {
  if (o.full && (o.json || !o.sort.empty())) nn::fail_usage("--full goes with neither --json nor --sort");
  if (!o.sort.empty() || (o.models.size() > 1 && !o.json && !o.full)) return compare(o);
  for (std::size_t i = 0; i < o.models.size(); ++i) {
    if (nn::repository::is_ensemble(o.models[i])) {
      print(o.json ? nn::repository::ensemble_json(o.models[i])
                   : (i == 0 ? "" : "\n") + nn::repository::ensemble_text(o.models[i]));
      continue;
    }
    const std::string text = nn::exchange::show_file(o.models[i], o.json);
    if (o.json) {
      print(text);
    } else {
      print(
          fmt::format("{}{:<12}{}\n{}", i == 0 ? "" : "\n", "file", nn::printable(o.models[i], 4096), text));
    }
  }
}

// All files are looked at, whatever is wrong with one of them.
void verify(const Options& o) {
  std::size_t broken = 0;
  for (const std::string& path : o.models) {
    try {
      std::string what = "ensemble";
      if (nn::repository::is_ensemble(path)) {
        nn::repository::interface_of(path, true);
      } else {
        what = nn::model::inspect_model(path, true).model.digest;
      }
      print(fmt::format("{}: ok {}\n", nn::printable(path, 4096), what));
    } catch (const nn::Error& error) {
      if (o.models.size() == 1) throw;
      nn::print_message(error.what());
      ++broken;
    }
  }
  if (broken > 0) nn::fail_data("{} of {} files are not good", broken, o.models.size());
}

// One wrong label keeps no other from the list.
void list_labels(const std::string& base) {
  const nn::repository::Labels labels = nn::repository::read_labels(base);
  std::string lines;
  for (const auto& [name, version] : labels.versions) lines += fmt::format("{} {}\n", name, version);
  print(lines);
  for (const auto& [name, error] : labels.wrong) nn::print_message(error.what());
  if (!labels.wrong.empty())
    nn::fail_data("{} of {} labels are not good", labels.wrong.size(),
                  labels.wrong.size() + labels.versions.size());
}

// Nothing is changed where one of the versions or labels isn't there.
void label(const Options& o) {
  if (o.labels.empty() && o.removed.empty()) return list_labels(o.base);
  nn::repository::change_labels(o.base, o.labels, o.removed);
}

void rollback(const Options& o) {
  const nn::repository::RolledBack done = nn::repository::roll_back(o.base, o.to);
  print(fmt::format("{}: version {} is live in place of {}\n", nn::printable(o.base, 4096), done.to,
                    done.from));
}

void prune(const Options& o) {
  for (const std::uint64_t version :
       nn::repository::prune(o.base, *o.keep, nn::traffic::needed_versions(nn::traffic::read_plan(o.base))))
    print(fmt::format("{}/{}\n", nn::printable(o.base, 4096), version));
}

// Whoever names what isn't there means something else, or has still to publish it or to set the label.
// Another model may be served from anywhere.
void check_there(const std::string& base, const nn::traffic::Target& target) {
  const auto why = nn::traffic::why_missing(base, target);
  if (!why) return;
  if (target.model.empty()) throw nn::Error(*why);
  nn::warn("{}; it must be served beside this one", why->what());
}

// What is not named stays as it is.
void traffic(const Options& o) {
  nn::traffic::TrafficPlan plan = nn::traffic::read_plan(o.base).value_or(nn::traffic::TrafficPlan{});
  if (o.arms.empty() && !o.sticky && !o.shadow && !o.clear) return print(nn::traffic::to_toml(plan));
  if (o.clear) {
    plan.arms.clear();
    plan.shadow.reset();
  }
  nn::traffic::check_arms(o.arms);
  if (!o.arms.empty()) plan.arms = o.arms;
  if (o.sticky) plan.key = *o.sticky;
  if (o.shadow) plan.shadow = o.shadow;
  if (plan.canary.automatic && (!plan.arms.empty() || plan.shadow)) {
    throw nn::data_error("a judge decides about the traffic, as auto = true says")
        .within_file(o.base + "/" + nn::traffic::plan_file);
  }
  for (const nn::traffic::Arm& arm : o.arms) check_there(o.base, arm.target);
  if (o.shadow) check_there(o.base, o.shadow->target);
  nn::traffic::write_plan(o.base, plan);
}

void canary(const Options& o) {
  const double now = std::chrono::duration<double>(nn::Clock::machine().date().time_since_epoch()).count();
  const std::uint64_t version = nn::traffic::decide_by_hand(o.base, o.verdict, now);
  print(fmt::format("{}: {} of version {}\n", nn::printable(o.base, 4096),
                    nn::traffic::enum_names(o.verdict).name_of(o.verdict), version));
}

void run(const nn::cli::Parsed& given, const Options& o) {
  const std::string_view command = given.subcommand() == nullptr ? "" : given.subcommand()->name;
  check(command, o);
  if (command == "show") show(o);
  if (command == "verify") verify(o);
  if (command == "convert") {
    nn::exchange::ConvertOptions how = o.convert;
    how.import.command_line = given.lasting_command_line();
    nn::refuse_overwriting({.read = {o.input}, .written = {o.output}});
    nn::exchange::convert_file(o.input, o.output, how);
  }
  if (command == "publish") {
    using nn::repository::Fit;
    const auto [base, wanted] = nn::repository::destination_of(o.output, o.version);
    if (base != o.output)
      nn::warn("{} is taken for version {} of {}", nn::printable(o.output), *wanted, base);
    const std::uint64_t version =
        nn::repository::publish_model(o.input, base, wanted, o.force ? Fit::warned : Fit::required);
    print(fmt::format("{}/{}\n", base, version));
  }
  if (command == "label") label(o);
  if (command == "rollback") rollback(o);
  if (command == "prune") prune(o);
  if (command == "traffic") traffic(o);
  if (command == "canary") canary(o);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const nn::cli::Command tool{.name = "nn-model",
                              .summary = "show, verify, convert, publish, label and roll back models",
                              .options = {},
                              .subcommands = commands(o),
                              .example = "nn-model convert m1.nn m1.npz && nn-model show m1.nn"};
  return nn::cli::run_tool(argc, argv, tool, [&](const nn::cli::Parsed& given) { run(given, o); });
}
