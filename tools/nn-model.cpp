// nn-model: looks at model files, converts and publishes them, and labels versions.
#include <fmt/format.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/text.hpp"
#include "cli/tool.hpp"
#include "exchange/convert.hpp"
#include "options/fields.hpp"
#include "repository/labels.hpp"
#include "repository/model_name.hpp"
#include "repository/publish.hpp"

namespace {

namespace options = nn::options;

struct Options {
  bool json = false;
  std::vector<std::string> models;
  std::string input, output;
  std::optional<std::uint64_t> version;
  std::string base;
  std::vector<nn::repository::Label> labels;
  std::vector<std::string> removed;  // labels
};

options::List show_options(Options& o) {
  options::List list;
  options::Group group(list, "Output", options::Effect::output);
  group.add({.name = "json",
             .help = "As a JSON object, one a model",
             .text = "With `show`, print one JSON object a model."},
            options::flag(o.json));
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

std::vector<nn::cli::Command> commands(Options& o) {
  // Arguments are not required here but in check(), which says more.
  const auto models = options::argument("MODEL", "MODEL", "Model files and checkpoints; - is stdin",
                                        options::files(o.models, ".nn .ckpt"));
  const auto in = options::argument("IN", "IN", "A .nn model or an .npz archive that convert wrote",
                                    options::file(o.input, ".nn .npz"));
  const auto out = options::argument("OUT", "OUT", "A file whose name ends in .nn, .npz or .json",
                                     options::file(o.output, ".nn .npz .json"));
  const auto model = options::argument("MODEL", "MODEL", "A model file; - is stdin",
                                       options::file(o.input, options::model_files));
  const auto base = options::argument("BASE", "BASE", "The repository's folder", options::folder(o.output));
  const auto labelled = options::argument("BASE", "BASE", "The repository's folder", options::folder(o.base));
  const auto labels =
      options::argument("NAME=VERSION", "NAME=VERSION", "Labels, and the versions to point to",
                        options::each(o.labels, nn::repository::parse_label));
  return {
      {.name = "show", .summary = "print what a model is", .options = show_options(o), .arguments = {models}},
      {.name = "verify",
       .summary = "read models whole and check their digests",
       .options = {},
       .arguments = {models}},
      {.name = "convert",
       .summary = "convert between .nn and .npz, or describe as .json",
       .options = {},
       .arguments = {in, out}},
      {.name = "publish",
       .summary = "put a model into a repository as a new version",
       .options = publish_options(o),
       .arguments = {model, base}},
      {.name = "label",
       .summary = "list, set and remove labels of a repository's versions",
       .options = label_options(o),
       .arguments = {labelled, labels}}};
}

void check(std::string_view command, const Options& o) {
  if (command.empty()) {
    nn::fail_usage("what is to be done? Say show, verify, convert, publish or label (try 'nn-model --help')");
  }
  if (command == "publish" && o.output.empty()) {
    nn::fail_usage("publish needs a MODEL and a BASE (try 'nn-model publish --help')");
  }
  if (command == "label" && o.base.empty()) {
    nn::fail_usage("label needs a BASE (try 'nn-model label --help')");
  }
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

void show(const Options& o) {
  for (std::size_t i = 0; i < o.models.size(); ++i) {
    const nn::model::AnyModel file = nn::model::inspect_model(o.models[i], false);
    if (o.json) {
      print(nn::exchange::file_json(file));
    } else {
      print(fmt::format("{}{:<12}{}\n{}", i == 0 ? "" : "\n", "file", nn::printable(o.models[i], 4096),
                        nn::exchange::file_text(file)));
    }
  }
}

// All files are looked at, whatever is wrong with one of them.
void verify(const Options& o) {
  std::size_t broken = 0;
  for (const std::string& path : o.models) {
    try {
      print(fmt::format("{}: ok {}\n", nn::printable(path, 4096),
                        nn::model::inspect_model(path, true).model.digest));
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

void run(const nn::cli::Parsed& given, const Options& o) {
  const std::string_view command = given.subcommand() == nullptr ? "" : given.subcommand()->name;
  check(command, o);
  if (command == "show") show(o);
  if (command == "verify") verify(o);
  if (command == "convert") nn::exchange::convert_file(o.input, o.output);
  if (command == "publish") {
    const std::uint64_t version = nn::repository::publish_model(o.input, o.output, o.version);
    print(fmt::format("{}/{}\n", o.output, version));
  }
  if (command == "label") label(o);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const nn::cli::Command tool{.name = "nn-model",
                              .summary = "show, verify, convert, publish and label models",
                              .options = {},
                              .subcommands = commands(o),
                              .example = "nn-model convert m1.nn m1.npz && nn-model show m1.nn"};
  return nn::cli::run_tool(argc, argv, tool, [&](const nn::cli::Parsed& given) { run(given, o); });
}
