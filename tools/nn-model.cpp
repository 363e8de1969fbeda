// nn-model: looks at model files, converts and publishes them.
#include <fmt/format.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/parse.hpp"
#include "cli/options.hpp"
#include "cli/tool.hpp"
#include "exchange/convert.hpp"
#include "repository/publish.hpp"

namespace {

struct Options {
  bool show = false, verify = false, convert = false, publish = false;
  bool json = false;
  std::vector<std::string> models;
  std::string input, output;
  std::optional<std::uint64_t> version;
};

std::optional<std::uint64_t> parse_version(std::string_view text) {
  const std::int64_t version = nn::parse_integer(text);
  if (version < 1) nn::fail_usage("{}: versions are numbers from 1", version);
  return static_cast<std::uint64_t>(version);
}

void setup(CLI::App& app, Options& options) {
  // Not required here but in check(): a word that is no subcommand is then reported as such.
  app.require_subcommand(0, 1);
  app.fallthrough();  // --quiet and its like may stand behind the subcommand
  CLI::App* show = app.add_subcommand("show", "Print what a model is");
  show->add_option("MODEL", options.models, "Model files and checkpoints; - is stdin");
  show->add_flag("--json", options.json, "As a JSON object, one a model");
  CLI::App* verify = app.add_subcommand("verify", "Read models whole and check their digests");
  verify->add_option("MODEL", options.models, "Model files and checkpoints; - is stdin");
  CLI::App* convert = app.add_subcommand("convert", "Convert between .nn and .npz, or describe as .json");
  convert->add_option("IN", options.input, "A .nn model or an .npz archive that convert wrote");
  convert->add_option("OUT", options.output, "A file whose name ends in .nn, .npz or .json");
  CLI::App* publish = app.add_subcommand("publish", "Put a model into a repository as a new version");
  publish->add_option("MODEL", options.input, "A model file");
  publish->add_option("BASE", options.output, "The repository's folder");
  // Not --version, which prints the tool's.
  nn::cli::add_parsed(*publish, "--as", options.version, parse_version, "The version (default: the next)")
      ->type_name("N");
  show->callback([&] { options.show = true; });
  verify->callback([&] { options.verify = true; });
  convert->callback([&] { options.convert = true; });
  publish->callback([&] { options.publish = true; });
}

void check(const Options& options) {
  if (!options.show && !options.verify && !options.convert && !options.publish) {
    nn::fail_usage("what is to be done? Say show, verify, convert or publish (try 'nn-model --help')");
  }
  if (options.publish && options.output.empty()) {
    nn::fail_usage("publish needs a MODEL and a BASE (try 'nn-model publish --help')");
  }
  if (options.convert && options.output.empty()) {
    nn::fail_usage("convert needs two files, IN and OUT (try 'nn-model convert --help')");
  }
  if ((options.show || options.verify) && options.models.empty()) {
    nn::fail_usage("no MODEL is named (try 'nn-model {} --help')", options.show ? "show" : "verify");
  }
}

void print(std::string_view text) {
  nn::write_all(STDOUT_FILENO, std::as_bytes(std::span(text)), "standard output");
}

void show(const Options& options) {
  for (std::size_t i = 0; i < options.models.size(); ++i) {
    const nn::model::AnyModel file = nn::model::inspect_model(options.models[i], false);
    if (options.json) {
      print(nn::exchange::file_json(file));
    } else {
      print(fmt::format("{}{:<12}{}\n{}", i == 0 ? "" : "\n", "file", nn::printable(options.models[i], 4096),
                        nn::exchange::file_text(file)));
    }
  }
}

// All files are looked at, whatever is wrong with one of them.
void verify(const Options& options) {
  std::size_t broken = 0;
  for (const std::string& path : options.models) {
    try {
      print(fmt::format("{}: ok {}\n", nn::printable(path, 4096),
                        nn::model::inspect_model(path, true).model.digest));
    } catch (const nn::Error& error) {
      if (options.models.size() == 1) throw;
      nn::print_message(error.what());
      ++broken;
    }
  }
  if (broken > 0) nn::fail_data("{} of {} files are not good", broken, options.models.size());
}

void convert(const Options& options) {
  const bool from_archive = options.input.ends_with(".npz");
  const bool to_model = options.output.ends_with(".nn");
  const bool to_archive = options.output.ends_with(".npz");
  if (!to_model && !to_archive && !options.output.ends_with(".json")) {
    nn::fail_usage("{}: the name of the output must end in .nn, .npz or .json",
                   nn::printable(options.output, 4096));
  }
  nn::model::Model model =
      from_archive ? nn::exchange::load_npz(options.input) : nn::model::verify_model(options.input);
  if (to_model) {
    nn::model::save_model(options.output, model);
  } else if (to_archive) {
    nn::exchange::save_npz(options.output, model);
  } else {
    nn::write_file(options.output, nn::exchange::model_json(model));
  }
}

void run(const Options& options) {
  check(options);
  if (options.show) show(options);
  if (options.verify) verify(options);
  if (options.convert) convert(options);
  if (options.publish) {
    const std::uint64_t version =
        nn::repository::publish_model(options.input, options.output, options.version);
    print(fmt::format("{}/{}\n", options.output, version));
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  return nn::cli::run_tool(
      argc, argv,
      {"nn-model", "Show, verify, convert and publish models",
       "nn-model convert m1.nn m1.npz && nn-model show m1.nn"},
      [&](CLI::App& app) { setup(app, options); }, [&] { run(options); });
}
