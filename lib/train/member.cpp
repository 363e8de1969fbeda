#include "train/member.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/log.hpp"
#include "train/metrics.hpp"
#include "train/steps.hpp"

namespace nn {
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
  StepOptions steps;
  steps.batch = options.batch;
  steps.parts = options.accumulate;
  return {steps.steps_per_epoch(data.rows), options.epochs};
}

// While it lives, a program has its moving average for parameters.
class Averaged {
 public:
  explicit Averaged(Program& program) : program_(program) { program_.exchange_average(); }
  ~Averaged() { program_.exchange_average(); }
  Averaged(const Averaged&) = delete;
  Averaged& operator=(const Averaged&) = delete;

 private:
  Program& program_;
};

}  // namespace

std::unique_ptr<Program> compile_for_training(Backend& backend, const Plan& plan, const TrainOptions& options,
                                              const Dataset& data) {
  const auto parameters = aligned_floats(plan.parameter_count);
  initialise(plan, options.seed, {parameters.get(), static_cast<std::size_t>(plan.parameter_count)});
  ProgramOptions program;
  program.batch = options.batch;
  program.training = true;
  program.optimizer = options.optimizer;
  program.l2 = options.l2;
  program.clip_norm = options.clip_norm;
  program.label_smoothing = options.label_smoothing;
  program.ema = options.ema;
  program.parts = options.accumulate;
  program.seed = options.seed;
  program.byte_values = data.byte_values;
  program.precision = options.precision;
  return backend.compile(plan, program, parameters.get());
}

double weight_of(const Examples& examples) {
  if (examples.weights == nullptr) return static_cast<double>(examples.rows);
  double weight = 0;
  for (std::int64_t r = 0; r < examples.rows; ++r) weight += static_cast<double>(examples.weights[r]);
  return weight;
}

Member::Member(TrainOptions options, const TrainingData& data, Model model, Backend& backend,
               TrainingLog& log)
    : options_(std::move(options)),
      data_(data),
      model_(std::move(model)),
      plan_(lower(model_.network, model_.loss)),
      length_(length_of(options_, data.train)),
      checkpoint_path_(options_.checkpoint.empty() ? options_.output + ".ckpt" : options_.checkpoint),
      program_(compile_for_training(backend, plan_, options_, data.train)),
      log_(log),
      start_(Clock::now()),
      saved_(start_) {
  state_.options = resume_key(options_) + " net=" + to_string(model_.network);
}

void Member::restore(const Checkpoint& checkpoint) {
  if (checkpoint.state.options != state_.options) {
    fail_data("{}: the checkpoint is of another run: it has [{}], this one [{}]", checkpoint_path_,
              checkpoint.state.options, state_.options);
  }
  if (checkpoint.model.provenance.data_digest != data_.digest) {
    fail_data("{}: the checkpoint is of another run: the training rows differ", checkpoint_path_);
  }
  if (static_cast<std::int64_t>(checkpoint.state.optimizer_state.size()) != program_->state_size()) {
    fail_data("{}: the checkpoint is of another run: its optimizer state has another size", checkpoint_path_);
  }
  state_ = checkpoint.state;
  elapsed_before_s_ = state_.elapsed_s;
  program_->write_parameters(
      {checkpoint.model.parameters.get(), static_cast<std::size_t>(plan_.parameter_count)});
  program_->write_state(state_.optimizer_state);
  done_ = state_.epoch >= options_.epochs ||
          (options_.early_stopping > 0 && state_.epochs_without_gain >= options_.early_stopping);
}

double Member::elapsed_s() const {
  return elapsed_before_s_ + std::chrono::duration<double>(Clock::now() - start_).count();
}

double Member::loss() const { return state_.epoch_weight > 0 ? state_.epoch_loss / state_.epoch_weight : 0; }

double Member::learning_rate() const {
  const double base = options_.learning_rate.value_or(default_learning_rate(options_.optimizer.kind));
  return rate_at(options_.schedule, options_.warmup, base, state_.step, length_);
}

void Member::begin_epoch() { good_ = snapshot(); }

void Member::step(std::span<const Examples> parts) {
  rate_ = learning_rate();
  const double loss = program_->train_step(parts, rate_, state_.step);
  if (!std::isfinite(loss)) fail_not_finite("the loss");
  state_.epoch_loss += loss;
  for (const Examples& part : parts) state_.epoch_weight += weight_of(part);
  ++state_.step;
  ++state_.batch;
  if (options_.log_every > 0 && state_.step % options_.log_every == 0) log_step();
}

void Member::end_epoch(double waited_s) {
  figures_ = {{"loss", loss()}};
  double score = loss();
  if (data_.valid) {
    const Figures valid = validate();
    score = valid.front().second;
    if (!std::isfinite(score)) fail_not_finite("the validation loss");
    figures_.insert(figures_.end(), valid.begin(), valid.end());
  }
  LogRecord record{state_.step, state_.epoch + 1, options_.member, figures_};
  const double elapsed = elapsed_s(), took = std::max(elapsed - good_.state.elapsed_s, 1e-9);
  const auto steps = static_cast<double>(state_.step - good_.state.step);
  record.figures.emplace_back("lr", rate_);
  record.figures.emplace_back("rows_per_s",
                              steps * static_cast<double>(options_.batch * options_.accumulate) / took);
  record.figures.emplace_back("data_wait", waited_s / took);
  record.figures.emplace_back("elapsed_s", elapsed);
  log_.write(record);

  if (options_.early_stopping > 0) {
    if (keep_best(score)) {
      state_.epochs_without_gain = 0;
    } else if (++state_.epochs_without_gain >= options_.early_stopping) {
      done_ = true;
    }
  }
  ++state_.epoch;
  state_.batch = 0;
  state_.epoch_loss = state_.epoch_weight = 0;
  if (state_.epoch >= options_.epochs) done_ = true;
  if (options_.snapshots) save_cycle();
  const auto every = options_.checkpoint_every.epochs;
  if (!done_ && every > 0 && state_.epoch % every == 0) save();
}

Member::Figures Member::validate() {
  const Averaged averaged(*program_);
  const DatasetFigures valid = evaluate(*program_, *data_.valid, data_.target, plan_.outputs, options_.batch);
  Figures figures = {{"val_loss", valid.loss}};
  for (const auto& [name, value] : valid.figures) figures.emplace_back("val_" + name, value);
  return figures;
}

// The moving average, or the parameters where there is none.
std::vector<float> Member::parameters_to_use() {
  const Averaged averaged(*program_);
  std::vector<float> parameters(static_cast<std::size_t>(plan_.parameter_count));
  program_->read_parameters(parameters);
  return parameters;
}

bool Member::keep_best(double score) {
  if (!state_.best_parameters.empty() && score >= state_.best_score) return false;
  state_.best_parameters = parameters_to_use();
  state_.best_score = score;
  state_.best_epoch = state_.epoch;
  return true;
}

void Member::log_step() {
  log_.write({state_.step,
              state_.epoch + 1,
              options_.member,
              {{"loss", loss()}, {"lr", rate_}, {"elapsed_s", elapsed_s()}}});
}

// The network at the end of a cycle is a member of an ensemble (Huang et al. 2017).
void Member::save_cycle() {
  const std::int64_t cycle = cycle_ending(options_.schedule, state_.epoch, options_.epochs);
  if (cycle == 0) return;
  Model model = model_;
  model.parameters = aligned_copy(parameters_to_use());
  model.provenance.metrics.emplace_back("epochs", static_cast<double>(state_.epoch));
  model.provenance.metrics.insert(model.provenance.metrics.end(), figures_.begin(), figures_.end());
  save_model(numbered_path(options_.output, fmt::format("cycle{}", cycle)), model);
}

Member::Snapshot Member::snapshot() const {
  Snapshot now{state_, std::vector<float>(static_cast<std::size_t>(plan_.parameter_count))};
  now.state.elapsed_s = elapsed_s();
  now.state.optimizer_state.resize(static_cast<std::size_t>(program_->state_size()));
  program_->read_parameters(now.parameters);
  program_->read_state(now.state.optimizer_state);
  return now;
}

void Member::save(const Snapshot& snapshot) {
  Model model = model_;
  model.parameters = aligned_copy(snapshot.parameters);
  save_checkpoint(checkpoint_path_, model, snapshot.state);
  saved_ = Clock::now();
}

void Member::save() { save(snapshot()); }

void Member::save_when_due() {
  const double every = options_.checkpoint_every.seconds;
  if (every > 0 && std::chrono::duration<double>(Clock::now() - saved_).count() >= every) save();
}

void Member::fail_not_finite(std::string_view what) {
  std::string kept;
  if (good_.state.step > 0) {
    save(good_);
    kept = fmt::format("; {} has the state after epoch {}", checkpoint_path_, good_.state.epoch);
  }
  fail_data(
      "{} is not a number any more in epoch {}, step {}, with --lr {}: try a lower --lr, --clip-norm 1 or "
      "--standardize{}",
      what, state_.epoch + 1, state_.step + 1, rate_, kept);
}

Model Member::finish() {
  const bool best = !state_.best_parameters.empty();
  const std::vector<float> parameters = best ? state_.best_parameters : parameters_to_use();
  if (!std::all_of(parameters.begin(), parameters.end(), [](float p) { return std::isfinite(p); })) {
    fail_not_finite("a weight");
  }
  Model model = model_;
  model.parameters = aligned_copy(parameters);
  auto& metrics = model.provenance.metrics;
  metrics.emplace_back("epochs", static_cast<double>(best ? state_.best_epoch + 1 : state_.epoch));
  if (!best) {
    metrics.insert(metrics.end(), figures_.begin(), figures_.end());
  } else if (data_.valid) {
    program_->write_parameters(parameters);
    const DatasetFigures valid =
        evaluate(*program_, *data_.valid, data_.target, plan_.outputs, options_.batch);
    metrics.emplace_back("val_loss", valid.loss);
    for (const auto& [name, value] : valid.figures) metrics.emplace_back("val_" + name, value);
  }
  return model;
}

}  // namespace nn
