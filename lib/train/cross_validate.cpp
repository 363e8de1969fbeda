#include "train/cross_validate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/numbered_path.hpp"
#include "format/sink.hpp"
#include "predict/predictor.hpp"
#include "train/dataset.hpp"
#include "train/files.hpp"
#include "train/start.hpp"
#include "train/summary.hpp"
#include "train/trainer.hpp"

namespace nn::train {
namespace {

// Answers of rows in any order, written in that of the rows.
class OutOfFold {
 public:
  explicit OutOfFold(const Rows& rows) : rows_(rows) {}

  // What `model` answers for the rows of a fold, `held_out`.
  void add(const std::string& path, const model::Model& model, const backend::Device& device,
           const Rows& held_out, const std::vector<std::size_t>& fold_of, std::size_t fold) {
    predict::Predictor predictor(path, model, device);
    kind_ = predictor.kind();
    const auto width = static_cast<std::size_t>(kind_.width());
    values_.resize(static_cast<std::size_t>(rows_.count) * width);
    const model::BoundEncoder bound = predictor.bind(*rows_.schema);
    std::size_t place = 0;  // the fold's rows stand in the order of all
    for (const Batch& batch : held_out.batches) {
      std::vector<float> out(static_cast<std::size_t>(batch.rows) * width);
      const predict::PredictorInput input{&bound, &batch};
      predictor.predict({&input, 1}, out.data());
      for (auto from = out.begin(); from != out.end(); from += static_cast<std::ptrdiff_t>(width), ++place) {
        while (fold_of[place] != fold) ++place;
        std::copy_n(from, width, values_.begin() + static_cast<std::ptrdiff_t>(place * width));
      }
    }
  }

  void write(const std::string& path) const {
    const predict::PredictionBuilder builder(kind_, *rows_.schema, false, {});
    OutputFile file(path);
    const auto sink = format::open_sink(format::OutputFormat::automatic, file, *builder.schema());
    auto from = values_.begin();
    for (const Batch& batch : rows_.batches) {
      const std::int64_t count = batch.rows * kind_.width();
      Buffer values(static_cast<std::size_t>(count) * sizeof(float));
      std::copy_n(from, count, values.as<float>());
      from += count;
      sink->write(builder.build(batch, std::move(values), nullptr, nullptr));
    }
    sink->finish();
    file.commit();
  }

 private:
  const Rows& rows_;
  predict::PredictionKind kind_;
  std::vector<float> values_;  // [rows, width]
};

// Mean and standard deviation of each figure over the folds.
std::vector<FoldFigure> figures_of(const std::vector<MemberCourse>& courses) {
  std::vector<FoldFigure> figures;
  const auto count = static_cast<double>(courses.size());
  for (const auto& [name, first] : courses.front().metrics) {
    if (!name.starts_with("val_")) continue;
    FoldFigure& figure = figures.emplace_back(FoldFigure{name, 0, 0});
    const auto value_of = [&](const MemberCourse& course) {
      const auto found =
          std::ranges::find(course.metrics, figure.name, &std::pair<std::string, double>::first);
      return found == course.metrics.end() ? std::nan("") : found->second;
    };
    for (const MemberCourse& course : courses) figure.mean += value_of(course) / count;
    for (const MemberCourse& course : courses)
      figure.deviation += std::pow(value_of(course) - figure.mean, 2);
    figure.deviation = std::sqrt(figure.deviation / (count - 1));
  }
  return figures;
}

// "5 folds: val_loss 0.2 ± 0.01, …".
std::string text_of(const RunFigures& run) {
  std::string text;
  for (const FoldFigure& figure : run.folds) {
    text += fmt::format("{} {} {:.4g} ± {:.2g}", text.empty() ? "" : ",", figure.name, figure.mean,
                        figure.deviation);
  }
  return fmt::format("{} folds:{}", run.members, text);
}

}  // namespace

std::vector<TrainOptions> folds_of(const TrainOptions& options) {
  const std::vector<TrainOptions> single = members_of(options);
  if (single.size() > 1) fail_usage("--folds is for one network: each fold is a member already");
  if (options.output == "-") fail_usage("several models can't go to standard output; name a file with -o");
  std::vector<TrainOptions> folds;
  for (std::size_t k = 0; k < options.folds; ++k) {
    TrainOptions& one = folds.emplace_back(single.front());
    const std::string number = std::to_string(k + 1);
    one.member = static_cast<std::int64_t>(k + 1);
    one.output = numbered_path(options.output, number);
    if (!options.checkpoint.empty()) one.checkpoint = numbered_path(options.checkpoint, number);
  }
  return folds;
}

void cross_validate(const TrainOptions& options, const std::vector<TrainOptions>& folds,
                    const Network& network, const std::shared_ptr<const model::Model>& start,
                    TrainingLog& log, RunFigures& run) {
  check_outputs(folds);
  if (!options.oof.empty()) {
    format::format_of_name(options.oof);  // refuses names that say nothing, before all the work
    probe_output(options.oof);
  }
  const Rows rows = read_rows(options.source);
  const std::vector<std::size_t> fold_of = assign_folds(rows, folds.size(), options.valid_seed);
  OutOfFold answers(rows);
  for (std::size_t k = 0; k < folds.size(); ++k) {
    const Rows held_out = rows_in(rows, fold_of, k);
    const TrainingData data = [&] {
      try {
        return training_data(options, network, start, rows_outside(rows, fold_of, k), held_out, &rows);
      } catch (const Error& error) {
        throw error.within(fmt::format("the rows outside of fold {}", k + 1));
      }
    }();
    std::vector<model::Model> trained =
        train_members({folds[k]}, data, untrained(folds[k], network, data), log, run);
    model::Model& model = trained[k];
    if (model.parameters == nullptr) fail_data("fold {} has no model", k + 1);
    model::save_model(folds[k].output, model);
    MemberCourse& course = run.courses[k];
    course.metrics = model.provenance.metrics;
    log.member_finished(folds[k].member, course);
    print_summary(summary_of(folds[k], course, model.provenance, baseline_of(data)));
    if (!options.oof.empty()) answers.add(folds[k].output, model, options.device, held_out, fold_of, k);
    const auto& own = run.own_checkpoints[k];
    if (own && !options.keep_checkpoint) remove_own(checkpoint_of(folds[k]), *own);
    ++run.models;
  }
  if (!options.oof.empty()) answers.write(options.oof);
  run.folds = figures_of(run.courses);
  print_summary(text_of(run));
  if (!options.keep_checkpoint) run.checkpoint.clear();
}

}  // namespace nn::train
