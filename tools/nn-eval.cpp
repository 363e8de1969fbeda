// nn-eval: labelled predictions to figures. The work is in lib/evaluate.
#include "base/file.hpp"
#include "base/overwrite.hpp"
#include "cli/output.hpp"
#include "cli/tool.hpp"
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

void run(const Options& o) {
  nn::refuse_overwriting({.read = nn::format::input_files(o.source), .written = {o.output}});
  const auto source = nn::format::open_source(o.source);
  nn::evaluate::Evaluation evaluation(source->schema(), o.evaluate);
  while (const auto batch = source->next()) evaluation.add(*batch);
  evaluation.finish();
  nn::OutputFile file(o.output);
  file.write(o.json ? evaluation.json() : evaluation.text());
  file.commit();
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const nn::cli::Command tool{
      .name = "nn-eval",
      .summary = "figures of labelled predictions: accuracy, log loss, AUC, calibration, RMSE",
      .options = option_list(o),
      .arguments = {nn::format::input_argument(o.source)},
      .example = "nn-predict -m m1.nn test.arrows | nn-eval --json"};
  return nn::cli::run_tool(argc, argv, tool, [&](const nn::cli::Parsed&) { run(o); });
}
