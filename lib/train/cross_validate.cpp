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
#include "table/rows.hpp"
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
  explicit OutOfFold(const Rows& rows) : rows_(rows) {
    for (const Batch& batch : rows.batches) {
      firsts_.push_back(count_);
      count_ += static_cast<std::size_t>(batch.rows);
    }
  }

  // What `model` answers for the rows of a fold.
  void add(const std::string& path, const model::Model& model, const backend::Device& device,
           const std::vector<std::size_t>& fold_of, std::size_t fold) {
    predict::Predictor predictor(path, model, device);
    kind_ = predictor.kind();
    const auto width = static_cast<std::size_t>(kind_.width());
    values_.resize(count_ * width);
    const model::BoundEncoder bound = predictor.bind(*rows_.schema);
    for (std::size_t b = 0; b < rows_.batches.size(); ++b) {
      std::vector<std::int64_t> chosen;
      for (std::int64_t r = 0; r < rows_.batches[b].rows; ++r) {
        if (fold_of[firsts_[b] + static_cast<std::size_t>(r)] == fold) chosen.push_back(r);
      }
      if (chosen.empty()) continue;
      const Batch batch = table::take_rows(rows_.batches[b], chosen, 0);
      std::vector<float> out(chosen.size() * width);
      const predict::PredictorInput input{&bound, &batch};
      predictor.predict({&input, 1}, out.data());
      for (std::size_t i = 0; i < chosen.size(); ++i) {
        const std::size_t row = firsts_[b] + static_cast<std::size_t>(chosen[i]);
        std::copy_n(out.begin() + static_cast<std::ptrdiff_t>(i * width), width,
                    values_.begin() + static_cast<std::ptrdiff_t>(row * width));
      }
    }
  }

  void write(const std::string& path) const {
    const predict::PredictionBuilder builder(kind_, *rows_.schema, false, {});
    OutputFile file(path);
    const auto sink = format::open_sink(format::OutputFormat::automatic, file, *builder.schema());
    const auto width = static_cast<std::size_t>(kind_.width());
    for (std::size_t b = 0; b < rows_.batches.size(); ++b) {
      const Batch& batch = rows_.batches[b];
      const std::size_t count = static_cast<std::size_t>(batch.rows) * width;
      Buffer values(count * sizeof(float));
      std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(firsts_[b] * width), count,
                  values.as<float>());
      sink->write(builder.build(batch, std::move(values), nullptr, nullptr));
    }
    sink->finish();
    file.commit();
  }

 private:
  const Rows& rows_;
  std::vector<std::size_t> firsts_;  // of each batch
  std::size_t count_ = 0;
  predict::PredictionKind kind_;
  std::vector<float> values_;  // [rows, width]
};

// "5 folds: val_loss 0.2 ± 0.01, …": mean and standard deviation over the folds.
std::string figures_of(const std::vector<MemberCourse>& courses) {
  std::string text;
  for (const auto& [name, first] : courses.front().metrics) {
    if (!name.starts_with("val_")) continue;
    double sum = 0, squares = 0;
    const auto count = static_cast<double>(courses.size());
    const auto value_of = [&, &name = name](const MemberCourse& course) {
      const auto found = std::ranges::find(course.metrics, name, &std::pair<std::string, double>::first);
      return found == course.metrics.end() ? std::nan("") : found->second;
    };
    for (const MemberCourse& course : courses) sum += value_of(course);
    for (const MemberCourse& course : courses) squares += std::pow(value_of(course) - sum / count, 2);
    text += fmt::format("{} {} {:.4g} ± {:.2g}", text.empty() ? "" : ",", name, sum / count,
                        std::sqrt(squares / (count - 1)));
  }
  return fmt::format("{} folds:{}", courses.size(), text);
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
                    const Network& network, TrainingLog& log, RunFigures& run) {
  check_outputs(folds);
  if (!options.oof.empty()) probe_output(options.oof);
  const Rows rows = read_rows(options.source);
  const std::vector<std::size_t> fold_of = assign_folds(rows, folds.size(), options.valid_seed);
  OutOfFold answers(rows);
  for (std::size_t k = 0; k < folds.size(); ++k) {
    const TrainingData data =
        training_data(options, network, rows_outside(rows, fold_of, k), rows_in(rows, fold_of, k), &rows);
    std::vector<model::Model> trained =
        train_members({folds[k]}, data, untrained(folds[k], network, data), log, run);
    model::Model& model = trained[k];
    if (model.parameters == nullptr) fail_data("fold {} has no model", k + 1);
    model::save_model(folds[k].output, model);
    MemberCourse& course = run.courses[k];
    course.metrics = model.provenance.metrics;
    log.member_finished(folds[k].member, course);
    print_summary(summary_of(folds[k], course, model.provenance, baseline_of(data)));
    if (!options.oof.empty()) answers.add(folds[k].output, model, options.device, fold_of, k);
    const auto& own = run.own_checkpoints[k];
    if (own && !options.keep_checkpoint) remove_own(checkpoint_of(folds[k]), *own);
    ++run.models;
  }
  if (!options.oof.empty()) answers.write(options.oof);
  print_summary(figures_of(run.courses));
  if (!options.keep_checkpoint) run.checkpoint.clear();
}

}  // namespace nn::train
