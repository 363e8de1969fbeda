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

void add_figures(options::List& list, Options& all) {
  nn::evaluate::EvaluateOptions& o = all.evaluate;
  options::Group group(list, "Figures", options::Effect::output);
  group.add({.name = "json",
             .help = "One JSON object on one line",
             .text = "Print one JSON object on one line, with all digits, and `null` where a figure is not "
                     "defined."},
            options::flag(all.json));
  group.add({.name = "per-class",
             .help = "Precision, recall, F1 and support of each class",
             .text = "Also precision, recall and F1 of each class."},
            options::flag(o.per_class));
  group.add({.name = "confusion",
             .help = "The confusion matrix",
             .text = "Also how often each class was answered for each class of `y`."},
            options::flag(o.confusion));
  group.add({.name = "calibration",
             .help = "Confidence and accuracy in 15 bins",
             .text = "Also confidence and accuracy in each of the 15 bins."},
            options::flag(o.calibration));
  group.add({.name = "auc",
             .help = "Area under the ROC curve; keeps all probabilities in memory",
             .text = "Also the area under the ROC curve: of the second of two classes, or the mean over the "
                     "classes, each against the rest; equal probabilities count half.\n"
                     "Every probability is kept in memory, 4 bytes each."},
            options::flag(o.auc));
  group.add({.name = "top-k",
             .value = "K",
             .help = "Share of rows whose class is among the K most probable",
             .text = "Also the share of rows whose class is among the *k* most probable, of equal ones those "
                     "that stand first."},
            options::count(o.top_k, 1));
  group.add({.name = "classes",
             .value = "NAME[,...]",
             .help = "Names of the probabilities, where the input does not say",
             .text = "Which classes the probabilities are of, in their order, where the input doesn't say: "
                     "tables from CSV.\nBy default they are integers from 0."},
            options::columns(o.classes));
}

options::List option_list(Options& o) {
  options::List list;
  add_figures(list, o);
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
