#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "evaluate/options.hpp"
#include "options/fields.hpp"

namespace nn::evaluate {
namespace {

// More than 0, less than 100.
double parse_confidence(std::string_view text) {
  if (text.starts_with("0.")) fail_usage("'{}' is less than 1 %; for 95 % write 95", printable(text));
  return parse_number_in(text, {.least = 0, .most = 100, .above = true, .below = true});
}

void add_tables(options::List& list, EvaluateOptions& o) {
  options::Group group(list, "Figures", options::Effect::output);
  group.add({.name = "per-class",
             .help = "Precision, recall, F1 and support of each class, and their means",
             .text = "Also precision, recall and F1 of each class, how many rows have it, and the means over "
                     "classes, plain (macro) and weighted by these rows."},
            options::flag(o.per_class));
  group.add(
      {.name = "confusion",
       .help = "The confusion matrix",
       .text = "Also how often each class was answered for each class of `y`; with weights of rows, JSON "
               "has their sums as well."},
      options::flag(o.confusion));
  group.add(
      {.name = "calibration",
       .help = "Confidence and accuracy in 15 bins",
       .text = "Also confidence and accuracy in each of the 15 bins; those without rows are left out of "
               "the table."},
      options::flag(o.calibration));
  group.add(
      {.name = "auc",
       .help = "Area under the ROC curve and average precision; keeps all probabilities in memory",
       .text = "Also the area under the ROC curve and the average precision: of the second of two classes, "
               "or the means over the classes, each against the rest; equal probabilities count half in "
               "the one, and are one threshold in the other.\n"
               "Every probability is kept in memory, 8 bytes each."},
      options::flag(o.auc));
  group.add({.name = "top-k",
             .value = "K",
             .help = "Share of rows whose class is among the K most probable",
             .text = "Also the share of rows whose class is among the *k* most probable, of equal ones those "
                     "that stand first."},
            options::count(o.top_k, 1));
  group.add(
      {.name = "thresholds",
       .help = "What thresholds of two classes come to: the best F1 and Youden's index",
       .text =
           "Also what answers come to that are the second of two classes from a probability on: at 0.1 "
           "to 0.9, at the threshold with the best F1 and at that with the best of Youden's index, which is "
           "the recall less the false positive rate.\n"
           "Keeps probabilities in memory as `--auc` does."},
      options::flag(o.thresholds));
  group.add(
      {.name = "quantiles",
       .help = "Median, 90, 95 and 99 % of the absolute errors; keeps them in memory",
       .text = "Also quantiles of the absolute errors of numbers: the median, and what 90, 95 and 99 % of "
               "them are within.\nEvery value is kept in memory, 16 bytes each."},
      options::flag(o.quantiles));
}

void add_answers(options::List& list, EvaluateOptions& o) {
  options::Group group(list, "Figures", options::Effect::output);
  group.add(
      {.name = "threshold",
       .value = "P",
       .help = "Of two classes, the second is answered from this probability on",
       .text = "The answer is the second of two classes where its probability is at least *p*, whatever "
               "the column `label` says."},
      options::parsed(o.threshold,
                      [](std::string_view text) { return parse_number_in(text, {.least = 0, .most = 1}); }));
  group.add(
      {.name = "uncertainty",
       .value = "COLUMN",
       .help = "The column that says how unsure an answer is (default: uncertainty)",
       .text = "The column that says how unsure an answer is; by default `uncertainty`, where the input has "
               "that, as with `--uncertainty` of nn-aggregate(1)."},
      options::column(o.uncertainty));
  group.add({.name = "classes",
             .value = "NAME[,...]",
             .help = "Names of the probabilities, where the input does not say",
             .text = "Which classes the probabilities are of, in their order, where the input doesn't say: "
                     "tables from CSV.\nBy default they are integers from 0."},
            options::columns(o.classes));
}

void add_comparison(options::List& list, EvaluateOptions& o) {
  options::Group group(list, "Comparison", options::Effect::output);
  group.add(
      {.name = "against",
       .value = "FILE",
       .help = "Compare with another model's predictions of the same rows: which one is better, and how sure",
       .text =
           "Compare the predictions of the inputs with those in *file*, which another model made of the same "
           "rows, and say which model is better and how sure that is.\n"
           "Rows are the same where the column `id` is, if both have one, and otherwise by their number; "
           "rows "
           "with another `y` are an error.\n"
           "Accuracies are compared by McNemar's exact test, of the rows that only one has right, and log "
           "losses "
           "or squared errors by the paired test of Student, row by row.\n"
           "A difference counts that would come about by chance less often than `--confidence` says, by "
           "default "
           "95 %."},
      options::file(o.against, options::data_files));
}

void add_intervals(options::List& list, EvaluateOptions& o) {
  options::Group group(list, "Intervals", options::Effect::output);
  group.add(
      {.name = "confidence",
       .value = "PERCENT",
       .help = "Intervals that hold the figures with this confidence, as 95; keeps rows in memory",
       .text =
           "An interval for each figure: the percentiles of what it is for rows that are drawn from "
           "these with replacement (bootstrap), without regard to classes.\n"
           "Baselines, the largest error, quantiles and figures of uncertainty have none, and that of the "
           "calibration error lies too high: draws repeat rows. With `--against`, the interval of the "
           "difference, by default of 95 %."},
      options::parsed(o.confidence, parse_confidence));
  group.add({.name = "resamples",
             .value = "N",
             .help = "How often rows are drawn for intervals (default: {default})",
             .text = "How often rows are drawn for the intervals; {default} by default."},
            options::count(o.resamples, 10, 1'000'000));
  group.add(
      {.name = "seed",
       .value = "N",
       .help = "Of these draws: the same number gives the same intervals (default: {default})",
       .text = "Where these draws begin: the same number gives the same intervals; {default} by default."},
      options::count(o.seed, 0));
}

}  // namespace

options::List option_list(EvaluateOptions& o) {
  options::List list;
  add_tables(list, o);
  add_answers(list, o);
  add_comparison(list, o);
  add_intervals(list, o);
  return list;
}

}  // namespace nn::evaluate
