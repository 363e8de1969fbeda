// nn-eval: labelled predictions to figures. The work is in lib/ensemble.
#include "base/file.hpp"
#include "base/parse.hpp"
#include "cli/options.hpp"
#include "cli/tool.hpp"
#include "evaluate/evaluate.hpp"

namespace {

struct Options {
  nn::format::SourceOptions source;
  nn::evaluate::EvaluateOptions evaluate;
  std::string output = "-";
  bool json = false;
};

std::int64_t parse_top(std::string_view text) {
  const std::int64_t k = nn::parse_integer(text);
  if (k < 1) nn::fail_usage("{}: at least 1", k);
  return k;
}

void setup(CLI::App& app, Options& options) {
  nn::evaluate::EvaluateOptions& o = options.evaluate;
  nn::cli::add_source_options(app, options.source, false);
  constexpr auto group = "Figures";
  app.add_flag("--json", options.json, "One JSON object on one line")->group(group);
  app.add_flag("--per-class", o.per_class, "Precision, recall, F1 and support of each class")->group(group);
  app.add_flag("--confusion", o.confusion, "The confusion matrix")->group(group);
  app.add_flag("--auc", o.auc, "Area under the ROC curve; keeps all probabilities in memory")->group(group);
  app.add_flag("--calibration", o.calibration, "Confidence and accuracy in 15 bins")->group(group);
  nn::cli::add_parsed(app, "--top-k", o.top_k, parse_top,
                      "Share of rows whose class is among the K most probable")
      ->type_name("K")
      ->group(group);
  app.add_option("--classes", o.classes, "Names of the probabilities, where the input does not say")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME,...")
      ->group(group);
  app.add_option("-o,--output", options.output, "Where to write (default: standard output)")
      ->type_name("FILE")
      ->group("Output");
}

void run(const Options& options) {
  const auto source = nn::format::open_source(options.source);
  nn::evaluate::Evaluation evaluation(source->schema(), options.evaluate);
  while (const auto batch = source->next()) evaluation.add(*batch);
  evaluation.finish();
  nn::OutputFile file(options.output);
  file.write(options.json ? evaluation.json() : evaluation.text());
  file.commit();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  return nn::cli::run_tool(
      argc, argv,
      {"nn-eval", "figures of labelled predictions: accuracy, log loss, AUC, calibration, RMSE",
       "nn-predict -m m1.nn test.arrows | nn-eval --json"},
      [&](CLI::App& app) { setup(app, options); }, [&] { run(options); });
}
