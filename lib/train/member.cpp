#include "train/member.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "backend/step.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/numbered_path.hpp"
#include "nn/initialise.hpp"
#include "train/batch_loader.hpp"
#include "train/run_key.hpp"
#include "train/warm_start.hpp"

namespace nn::train {
namespace {

std::shared_ptr<float> aligned_floats(std::int64_t count) {
  auto buffer = std::make_shared<Buffer>(static_cast<std::size_t>(count) * sizeof(float));
  return {buffer, buffer->as<float>()};
}

std::shared_ptr<const float> aligned_copy(std::span<const float> values) {
  auto copy = aligned_floats(static_cast<std::int64_t>(values.size()));
  std::copy(values.begin(), values.end(), copy.get());
  return copy;
}

RunLength length_of(const TrainOptions& options, const Dataset& data) {
  LoaderOptions steps;
  steps.batch = options.batch;
  steps.parts = options.accumulate;
  return {steps.steps_per_epoch(data.rows), options.epochs};
}

// Empty where there is one member only.
std::string options_of(const TrainOptions& options) {
  if (options.member == 0) return {};
  std::string json = "{";
  for (const auto& [name, value] : options.own_values) add_json(json, name, value);
  add_json(json, "seed", options.seed);
  return json + "}";
}

void append(const DatasetFigures& valid, std::vector<std::pair<std::string, double>>& figures) {
  figures.emplace_back("val_loss", valid.loss);
  for (const auto& [name, value] : valid.figures) figures.emplace_back("val_" + name, value);
}

}  // namespace

backend::ProgramOptions program_options(const TrainOptions& options, const Dataset& data) {
  backend::ProgramOptions program;
  program.batch = options.batch;
  program.training = true;
  program.optimizer = options.optimizer;
  program.l2 = options.l2;
  program.clip_norm = options.clip_norm;
  program.label_smoothing = options.label_smoothing;
  program.ema = options.ema;
  program.parts = options.accumulate;
  program.shared_batches = options.members.share_batches;
  program.seed = options.seed;
  program.byte_values = data.byte_values;
  program.precision = options.precision;
  return program;
}

std::shared_ptr<float> first_parameters(const Plan& plan, const TrainOptions& options,
                                        const model::Model* start) {
  auto parameters = aligned_floats(plan.parameter_count);
  const std::span<float> block(parameters.get(), static_cast<std::size_t>(plan.parameter_count));
  initialise(plan, options.seed, block, options.init);
  if (start != nullptr) copy_start(options, plan, *start, block);
  return parameters;
}

Member::Member(TrainOptions options, const TrainingData& data, model::Model model, const Plan& plan,
               TrainingLog& log)
    : options_(std::move(options)),
      data_(data),
      model_(std::move(model)),
      plan_(plan),
      length_(length_of(options_, data.train)),
      checkpoint_path_(options_.checkpoint.empty() ? options_.output + ".ckpt" : options_.checkpoint),
      start_parameters_(first_parameters(plan, options_, data.start.get())),
      log_(log),
      start_(Clock::now()),
      saved_(start_),
      own_options_(options_of(options_)) {
  state_.options = run_key(options_, model_.network, data_.valid_digest);
}

void Member::restore(const model::Checkpoint& checkpoint) {
  if (options_.allow_changes) {
    const std::string difference =
        difference_of_stages(checkpoint.state.options, options_, model_.network, checkpoint.state.batch == 0);
    if (!difference.empty()) {
      throw make_error(ErrorKind::usage, "a run can't go on from the checkpoint so: {}", difference)
          .within_file(checkpoint_path_);
    }
  }
  const std::string difference = options_.allow_changes
                                     ? std::string()
                                     : difference_of_runs(checkpoint.state.options, options_, model_.network);
  if (!difference.empty()) {
    Error error =
        data_error("the checkpoint is of another run: {}", difference).within_file(checkpoint_path_);
    const bool may_change =
        difference_of_stages(checkpoint.state.options, options_, model_.network, checkpoint.state.batch == 0)
            .empty();
    throw may_change ? std::move(error).advise("; --allow-changes goes on with these") : error;
  }
  if (checkpoint.model.provenance.data_digest != data_.digest) {
    throw data_error("the checkpoint is of another run: the training rows differ")
        .within_file(checkpoint_path_);
  }
  if (!is_of_valid_rows(checkpoint.state.options, data_.valid_digest)) {
    throw data_error("the checkpoint is of another run: the validation rows differ")
        .within_file(checkpoint_path_);
  }
  if (checkpoint.model.provenance.from_digest != model_.provenance.from_digest) {
    throw data_error("the checkpoint is of another run: it began with {}",
                     checkpoint.model.provenance.from_digest.empty()
                         ? "random weights"
                         : "the model " + checkpoint.model.provenance.from_digest)
        .within_file(checkpoint_path_);
  }
  const model::TrainingState& there = checkpoint.state;
  if (there.epoch > options_.epochs || (there.epoch == options_.epochs && there.batch > 0)) {
    throw make_error(ErrorKind::usage, "the run is in epoch {} already, and {} are asked for",
                     there.epoch + (there.batch > 0 ? 1 : 0), options_.epochs)
        .within_file(checkpoint_path_)
        .advise("; a run can't go back: give more --epochs, or begin anew without --resume");
  }
  state_ = checkpoint.state;
  state_.options = run_key(options_, model_.network, data_.valid_digest);  // however the checkpoint said it
  elapsed_before_s_ = state_.elapsed_s;
  start_parameters_ = checkpoint.model.parameters;
  own_checkpoint_ = checkpoint.stamp;
  resumed_ = true;
  done_ = state_.epoch >= options_.epochs ||
          (options_.early_stopping > 0 && state_.epochs_without_gain >= options_.early_stopping);
  if (done_) figures_ = checkpoint.model.provenance.metrics;
  ended_s_ = elapsed_before_s_;
}

void Member::repeat_figures() {
  if (done_ && !figures_.empty()) log_.repeat({state_.step, state_.epoch, options_.member, figures_});
}

void Member::abandon() {
  done_ = abandoned_ = true;
  if (own_checkpoint_) remove_own(checkpoint_path_, *std::exchange(own_checkpoint_, std::nullopt));
  log_.member_stopped(std::max<std::int64_t>(options_.member, 1), state_.epoch, state_.step);
}

void Member::attach(backend::Program& program, std::size_t index) {
  program_ = &program;
  index_ = index;
  start_parameters_ = nullptr;
  if (!resumed_) return;
  if (static_cast<std::int64_t>(state_.optimizer_state.size()) != program.state_size()) {
    throw data_error("the checkpoint is of another run: its optimizer state has another size")
        .within_file(checkpoint_path_);
  }
  program.write_state(index, state_.optimizer_state);
}

double Member::elapsed_s() const {
  return elapsed_before_s_ + std::chrono::duration<double>(Clock::now() - start_).count();
}

double Member::loss() const { return state_.epoch_weight > 0 ? state_.epoch_loss / state_.epoch_weight : 0; }

double Member::learning_rate() const {
  const double base = options_.learning_rate.value_or(default_learning_rate(options_.optimizer.kind));
  return rate_at(options_.schedule, options_.warmup, base, state_.step, length_) * state_.plateau.factor;
}

void Member::begin_epoch() {
  epoch_start_ = snapshot();
  epoch_rows_ = 0;
}

backend::Step Member::next(std::span<const backend::Examples> parts) {
  rate_ = learning_rate();
  return {parts, rate_, state_.step};
}

void Member::step_done(std::span<const backend::Examples> parts) {
  state_.epoch_weight += backend::weight_of(parts);
  for (const backend::Examples& part : parts) epoch_rows_ += part.rows;
  ++state_.step;
  ++state_.batch;
}

void Member::set_loss(double sum) {
  if (!std::isfinite(sum)) fail_not_finite("the loss", state_.step);
  state_.epoch_loss = sum;
}

void Member::end_epoch(double waited_s, const DatasetFigures* valid) {
  figures_ = {{"loss", loss()}};
  double score = loss();
  if (valid != nullptr) {
    score = valid->loss;
    if (!std::isfinite(score)) fail_not_finite("the validation loss", state_.step + 1);
    append(*valid, figures_);
  }
  LogRecord record{state_.step, state_.epoch + 1, options_.member, figures_, own_options_};
  const double elapsed = elapsed_s(), epoch_s = std::max(elapsed - epoch_start_.state.elapsed_s, 1e-9);
  record.figures.emplace_back("lr", rate_);
  record.figures.emplace_back("rows_per_s", static_cast<double>(epoch_rows_) / epoch_s);
  record.figures.emplace_back("data_wait", waited_s / epoch_s);
  record.figures.emplace_back("elapsed_s", elapsed);

  if (state_.step > warmup_steps(options_.warmup, length_)) observe(options_.schedule, score, state_.plateau);
  const bool is_best = note_best(score);
  if (options_.early_stopping > 0) {
    if (is_best) {
      state_.epochs_without_gain = 0;
    } else if (++state_.epochs_without_gain >= options_.early_stopping) {
      done_ = true;
    }
  }
  ++state_.epoch;
  state_.batch = 0;
  state_.epoch_loss = state_.epoch_weight = 0;
  if (state_.epoch >= options_.epochs) done_ = true;
  record.ends_epoch = true;
  record.done = done_;
  ended_s_ = elapsed;
  record.best_epoch = best_epoch();
  record.best_score = state_.best_score;
  log_.write(record);
  if (options_.snapshots) save_cycle();
}

std::vector<float> Member::current_parameters() const {
  std::vector<float> parameters(static_cast<std::size_t>(plan_.parameter_count));
  program_->read_parameters(index_, parameters);
  return parameters;
}

// Its weights are kept for early stopping. A checkpoint of a version that noted the best only then has zeros
// for it.
bool Member::note_best(double score) {
  const bool keeps = options_.early_stopping > 0;
  const bool known = keeps ? has_best() : state_.best_score != 0 || state_.best_epoch != 0;
  if (known && score >= state_.best_score) return false;
  if (keeps) state_.best_parameters = current_parameters();
  state_.best_score = score;
  state_.best_epoch = state_.epoch;
  return true;
}

void Member::log_step() {
  log_.write({state_.step,
              state_.epoch + 1,
              options_.member,
              {{"loss", loss()}, {"lr", rate_}, {"elapsed_s", elapsed_s()}},
              own_options_});
}

// The network at the end of a cycle is a member of an ensemble (Huang et al. 2017).
void Member::save_cycle() {
  const std::int64_t cycle = cycle_ending(options_.schedule, options_.warmup, state_.epoch, options_.epochs);
  if (cycle == 0) return;
  model::Model model = model_;
  model.parameters = aligned_copy(current_parameters());
  model.provenance.metrics.emplace_back("epochs", static_cast<double>(state_.epoch));
  model.provenance.metrics.insert(model.provenance.metrics.end(), figures_.begin(), figures_.end());
  model::save_model(numbered_path(options_.output, fmt::format("cycle{}", cycle)), model);
}

Member::Snapshot Member::snapshot() const {
  Snapshot now{state_, current_parameters()};
  now.state.elapsed_s = elapsed_s();
  now.state.optimizer_state.resize(static_cast<std::size_t>(program_->state_size()));
  program_->read_state(index_, now.state.optimizer_state);
  return now;
}

void Member::save(const Snapshot& snapshot) {
  model::Model model = model_;
  model.parameters = aligned_copy(snapshot.parameters);
  if (done_) model.provenance.metrics = figures_;  // nobody computes them again
  own_checkpoint_ = model::save_checkpoint(checkpoint_path_, model, snapshot.state);
  has_saved_ = true;
  saved_ = Clock::now();
}

void Member::save() { save(snapshot()); }

bool Member::save_due() const {
  const double every = options_.checkpoint_every.seconds;
  return every > 0 && std::chrono::duration<double>(Clock::now() - saved_).count() >= every;
}

bool Member::epoch_save_due() const {
  const auto every = options_.checkpoint_every.epochs;
  return !done_ && every > 0 && state_.epoch % every == 0;
}

std::string Member::save_epoch_start() {
  if (epoch_start_.state.step == 0) return {};
  save(epoch_start_);
  return fmt::format("; {} has the state after epoch {}", checkpoint_path_, epoch_start_.state.epoch);
}

void Member::fail_not_finite(std::string_view what, std::uint64_t step) {
  const std::string kept = save_epoch_start();
  throw data_error("{} is not a number any more in epoch {}, step {}", what, state_.epoch + 1, step)
      .advise_after(fmt::format(", with --lr {}", rate_), ": try a lower --lr{}{}",
                    options_.no_standardize ? ", no --no-standardize" : "",
                    options_.clip_norm > 0 ? kept : " or --clip-norm 1" + kept);
}

MemberCourse Member::course() const {
  MemberCourse course;
  course.epochs = state_.epoch;
  course.steps = state_.step;
  course.best_epoch = best_epoch();
  course.score = data_.valid ? "val_loss" : "loss";
  course.best_score = course.last_score = state_.best_score;
  for (const auto& [name, value] : figures_) {
    if (name == course.score && !has_best()) course.last_score = value;
  }
  course.elapsed_s = done_ ? ended_s_ : elapsed_s();
  course.options = own_options_;
  return course;
}

std::vector<float> Member::result() const {
  return has_best() ? state_.best_parameters : current_parameters();
}

model::Model Member::finish(std::span<const float> parameters, const DatasetFigures* valid) {
  if (!std::ranges::all_of(parameters, [](float p) { return std::isfinite(p); }))
    fail_not_finite("a weight", state_.step + 1);
  model::Model model = model_;
  model.parameters = aligned_copy(parameters);
  auto& metrics = model.provenance.metrics;
  metrics.emplace_back("epochs", static_cast<double>(has_best() ? state_.best_epoch + 1 : state_.epoch));
  if (!has_best()) {
    metrics.insert(metrics.end(), figures_.begin(), figures_.end());
  } else if (valid != nullptr) {
    append(*valid, metrics);
  } else {
    metrics.emplace_back("loss", state_.best_score);
  }
  return model;
}

}  // namespace nn::train
