// nn-eval: labelled predictions to figures. The work is in lib/evaluate.
#include <fmt/ranges.h>

#include "base/file.hpp"
#include "base/overwrite.hpp"
#include "cli/output.hpp"
#include "cli/tool.hpp"
#include "evaluate/comparison.hpp"
#include "evaluate/evaluate.hpp"
#include "format/options.hpp"
#include "options/fields.hpp"

namespace {

namespace options = nn::options;

struct Options {
  nn::format::SourceOptions source;
  nn::evaluate::EvaluateOptions evaluate;
  std::string output = "-";
  bool json = false;
};

options::List json_option(bool& json) {
  options::List list;
  options::Group group(list, "Figures", options::Effect::output);
  group.add({.name = "json",
             .help = "One JSON object on one line",
             .text = "Print one JSON object on one line, with all digits, and `null` where a figure is not "
                     "defined."},
            options::flag(json));
  return list;
}

options::List option_list(Options& o) {
  options::List list = json_option(o.json);
  options::append(list, nn::evaluate::option_list(o.evaluate));
  options::append(list, nn::cli::output_file(o.output));
  options::append(list, nn::format::option_list(o.source, false));
  return list;
}

std::string evaluated(const Options& o) {
  const auto source = nn::format::open_source(o.source);
  nn::evaluate::Evaluation evaluation(source->schema(), o.evaluate);
  while (const auto batch = source->next()) evaluation.add(*batch);
  evaluation.finish();
  return o.json ? evaluation.json() : evaluation.text();
}

std::string name_of(const std::vector<std::string>& inputs) {
  if (inputs.empty() || inputs[0] == "-") return "standard input";
  return fmt::format("{}", fmt::join(inputs, " "));
}

std::string compared(const Options& o) {
  nn::format::SourceOptions other = o.source;
  other.inputs = {o.evaluate.against};
  const auto first = nn::format::open_source(o.source), second = nn::format::open_source(other);
  nn::evaluate::Comparison comparison({first->schema(), name_of(o.source.inputs)},
                                      {second->schema(), name_of(other.inputs)}, o.evaluate);
  while (const auto batch = first->next()) comparison.add_first(*batch);
  while (const auto batch = second->next()) comparison.add_second(*batch);
  comparison.finish();
  return o.json ? comparison.json() : comparison.text();
}

void run(const Options& o) {
  std::vector<std::string> read = nn::format::input_files(o.source);
  read.push_back(o.evaluate.against);
  nn::refuse_overwriting({.read = std::move(read), .written = {o.output}});
  const std::string figures = o.evaluate.against.empty() ? evaluated(o) : compared(o);
  nn::OutputFile file(o.output);
  file.write(figures);
  file.commit();
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  o.source.says_names = false;
  const nn::cli::Command tool{
      .name = "nn-eval",
      .summary = "figures of labelled predictions: accuracy, log loss, AUC, calibration, RMSE",
      .options = option_list(o),
      .arguments = {nn::format::input_argument(o.source)},
      .example = "nn-predict -m m1.nn test.arrows | nn-eval --json"};
  return nn::cli::run_tool(argc, argv, tool, [&](const nn::cli::Parsed&) { run(o); });
}
