// nn-eval: labelled predictions to figures. The work is in lib/evaluate.
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/numbers.hpp"
#include "base/overwrite.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "cli/tool.hpp"
#include "evaluate/comparison.hpp"
#include "evaluate/evaluate.hpp"
#include "evaluate/importance.hpp"
#include "format/options.hpp"
#include "format/reading.hpp"
#include "options/fields.hpp"
#include "predict/as_learned.hpp"

namespace {

namespace options = nn::options;

struct Options {
  nn::format::SourceOptions source;
  nn::evaluate::EvaluateOptions evaluate;
  std::string output = "-";
  std::string plot;  // empty: no pictures
  bool json = false;
  bool importance = false;
  std::string model;
  std::int64_t repeats = 5;
};

options::List importance_options(Options& o) {
  options::List list;
  options::Group group(list, "Importance", options::Effect::output);
  group.add(
      {.name = "importance",
       .help = "Of a model's columns: how much worse it answers when their values change places",
       .text =
           "Permutation importance: how much the accuracy, or R² of numbers, falls when the values of a "
           "column change places among the rows, the most important column first.\n"
           "The input is then a table as nn-predict takes it, with y, and --model the model; texts are read "
           "as the model's table was.\n"
           "Elements of vectors are columns, images are taken as a whole.\n"
           "Columns that say the same hide each other's importance.\n"
           "The rows are kept in memory.",
       .excludes = "against"},
      options::flag(o.importance));
  group.add({.name = "model",
             .letter = 'm',
             .value = "MODEL",
             .help = "The model of --importance",
             .text = "The model of --importance."},
            options::file(o.model, options::model_files));
  group.add({.name = "repeats",
             .value = "N",
             .help = "Permutations of each column (default: {default})",
             .text = "Permutations of each column, by --seed; default {default}.\n"
                     "The figure is their mean, and behind it stands their standard deviation."},
            options::count(o.repeats, 1, 10000));
  return list;
}

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

options::List plot_option(std::string& plot) {
  options::List list;
  options::Group group(list, "Output", options::Effect::output);
  group.add({.name = "plot",
             .value = "FILE",
             .help = "Pictures as a page of HTML in one file; '-' draws them with characters",
             .text = "Also pictures: the confusion with the most confused pairs, ROC, precision and recall, "
                     "calibration; of numbers predictions and residuals.\n"
                     "*file* becomes a page of HTML with all in it, which needs no script and nothing from "
                     "elsewhere, and appears complete or not at all.\n"
                     "With `-` the pictures are drawn with characters, below the figures.\n"
                     "Rows are kept in memory, 8 bytes for each probability or number.",
             .excludes = "against"},
            options::file(plot, ".html"));
  return list;
}

options::List option_list(Options& o) {
  options::List list = json_option(o.json);
  options::append(list, nn::evaluate::option_list(o.evaluate));
  options::append(list, nn::cli::output_file(o.output));
  options::append(list, plot_option(o.plot));
  options::append(list, importance_options(o));
  options::append(list, nn::format::option_list(o.source, false));
  return list;
}

std::string name_of(const std::vector<std::string>& inputs) {
  if (inputs.empty() || inputs[0] == "-") return "standard input";
  return fmt::format("{}", fmt::join(inputs, " "));
}

// Names such as 01 are none of numbers: columns of text are then read as what they are.
bool has_numbered_texts(const std::vector<std::string>& names) {
  return std::ranges::any_of(names, [](const std::string& name) {
    const auto number = nn::find_integer(name);
    return number && std::to_string(*number) != name;
  });
}

std::string evaluated(const Options& o) {
  nn::format::SourceOptions table = o.source;
  if (has_numbered_texts(o.evaluate.classes)) {
    nn::Schema texts;
    for (const char* name : {"label", "y"})
      texts.fields.push_back({name, nn::DType::category, {}, true, {}, {}});
    nn::format::take_columns(table, texts);
  }
  const auto source = nn::format::open_source(table);
  nn::evaluate::Evaluation evaluation(source->schema(), o.evaluate, !o.plot.empty());
  while (const auto batch = source->next()) evaluation.add(*batch);
  evaluation.finish();
  std::string figures = o.json ? evaluation.json() : evaluation.text();
  if (o.plot == "-") return figures + evaluation.pictures(nn::cli::help_width());
  if (!o.plot.empty()) nn::write_file(o.plot, evaluation.page("Evaluation of " + name_of(o.source.inputs)));
  return figures;
}

std::string compared(const Options& o) {
  nn::format::SourceOptions other = o.source;
  other.inputs = {o.evaluate.against};
  if (o.source.inputs == other.inputs && o.evaluate.against != "-")
    nn::warn("--against is the same file, and so has no difference");
  const auto first = nn::format::open_source(o.source), second = nn::format::open_source(other);
  nn::evaluate::Comparison comparison({first->schema(), name_of(o.source.inputs)},
                                      {second->schema(), name_of(other.inputs)}, o.evaluate);
  while (const auto batch = first->next()) comparison.add_first(*batch);
  while (const auto batch = second->next()) comparison.add_second(*batch);
  comparison.finish();
  return o.json ? comparison.json() : comparison.text();
}

std::string importance(const Options& o) {
  if (o.model.empty()) nn::fail_usage("--importance is of a model: name it with -m MODEL");
  nn::format::SourceOptions table = o.source;
  nn::predict::read_as_learned(o.model, table);
  nn::predict::Predictor model(o.model, {});
  const auto source = nn::format::open_source(table);
  const auto importance = nn::evaluate::importance_of(model, *source, o.repeats, o.evaluate.seed);
  return o.json ? importance.json() : importance.text();
}

void run(const Options& o) {
  std::vector<std::string> read = nn::format::input_files(o.source);
  read.push_back(o.evaluate.against);
  read.push_back(o.model);
  if (!o.importance && !o.model.empty())
    nn::fail_usage("-m, --model is for --importance; nn-predict predicts");
  if (o.importance && !o.plot.empty()) nn::fail_usage("--importance has no pictures; leave --plot out");
  if (o.importance && (o.evaluate.asks_for_more() || o.evaluate.confidence || o.evaluate.threshold))
    nn::fail_usage("--importance looks at accuracy or R² alone, and goes with no other figures");
  nn::refuse_overwriting({.read = std::move(read), .written = {o.output, o.plot}});
  if (!o.plot.empty() && o.plot != "-" && !o.plot.ends_with(".html"))
    nn::fail_usage("--plot writes a page: name it FILE.html, or '-' for characters");
  if (o.plot == "-" && o.json)
    nn::fail_usage("--plot - draws with characters below a table: give it a file beside --json");
  const std::string figures = o.importance                 ? importance(o)
                              : o.evaluate.against.empty() ? evaluated(o)
                                                           : compared(o);
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
