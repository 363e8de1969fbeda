#include "train/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/signals.hpp"

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

std::unique_ptr<Program> compile(Backend& backend, const Plan& plan, const TrainOptions& options) {
  const auto parameters = aligned_floats(plan.parameter_count);
  initialise(plan, options.seed, {parameters.get(), static_cast<std::size_t>(plan.parameter_count)});
  ProgramOptions program;
  program.batch = options.batch;
  program.training = true;
  program.optimizer = options.optimizer;
  program.l2 = options.l2;
  program.clip_norm = options.clip_norm;
  program.seed = options.seed;
  return backend.compile(plan, program, parameters.get());
}

}  // namespace

Trainer::Trainer(const TrainOptions& options, const TrainingData& data, Model model)
    : options_(options),
      data_(data),
      model_(std::move(model)),
      plan_(lower(model_.network, model_.loss)),
      learning_rate_(options.learning_rate.value_or(default_learning_rate(options.optimizer.kind))),
      backend_(open_backend(options.device)),
      program_(compile(*backend_, plan_, options)),
      gatherer_(data.train, options.batch),
      log_(options.log, options.resume),
      progress_("rows", options.epochs * static_cast<std::uint64_t>(data.train.rows)),
      start_(Clock::now()),
      saved_(start_) {
  state_.options = resume_key(options) + " net=" + to_string(model_.network);
}

void Trainer::restore(const Checkpoint& checkpoint) {
  if (checkpoint.state.options != state_.options) {
    fail_data("{}: the checkpoint is of another run: it has [{}], this one [{}]", checkpoint_path(),
              checkpoint.state.options, state_.options);
  }
  if (checkpoint.model.provenance.data_digest != data_.digest) {
    fail_data("{}: the checkpoint is of another run: the training rows differ", checkpoint_path());
  }
  if (static_cast<std::int64_t>(checkpoint.state.optimizer_state.size()) != program_->state_size()) {
    fail_data("{}: the checkpoint is of another run: its optimizer state has another size",
              checkpoint_path());
  }
  state_ = checkpoint.state;
  elapsed_before_s_ = state_.elapsed_s;
  program_->write_parameters(
      {checkpoint.model.parameters.get(), static_cast<std::size_t>(plan_.parameter_count)});
  program_->write_state(state_.optimizer_state);
}

double Trainer::elapsed_s() const {
  return elapsed_before_s_ + std::chrono::duration<double>(Clock::now() - start_).count();
}

bool Trainer::out_of_time() const {
  return options_.stop_after_s > 0 && elapsed_s() >= options_.stop_after_s;
}

void Trainer::run() {
  done_ = state_.epoch >= options_.epochs ||
          (options_.early_stopping > 0 && state_.epochs_without_gain >= options_.early_stopping);
  while (!done_) run_epoch();
  progress_.clear();
}

void Trainer::run_epoch() {
  good_ = snapshot();
  std::vector<std::uint32_t> order(static_cast<std::size_t>(data_.train.rows));
  RandomStream random(options_.seed, RandomUse::shuffle, state_.epoch);
  shuffle_indices(order, random);
  const auto batch = static_cast<std::size_t>(options_.batch);
  for (std::size_t first = state_.batch * batch; first < order.size(); first += batch) {
    const std::size_t count = std::min(batch, order.size() - first);
    if (!train_batch(std::span(order).subspan(first, count))) break;
  }
  if (!done_ || state_.batch > 0) end_epoch();
}

// False when time is up.
bool Trainer::train_batch(std::span<const std::uint32_t> rows) {
  const Examples examples = gatherer_.gather(rows);
  const double loss = program_->train_step(examples, learning_rate_, state_.step);
  if (!std::isfinite(loss)) fail_not_finite("the loss");
  double weight = static_cast<double>(examples.rows);
  if (examples.weights != nullptr) {
    weight = 0;
    for (std::int64_t r = 0; r < examples.rows; ++r) weight += static_cast<double>(examples.weights[r]);
  }
  state_.epoch_loss += loss;
  state_.epoch_weight += weight;
  ++state_.step;
  ++state_.batch;
  if (options_.log_every > 0 && state_.step % options_.log_every == 0) log_step();
  if (stop_requested() != 0) stop_for_signal();
  const std::uint64_t done = state_.epoch * static_cast<std::uint64_t>(data_.train.rows) +
                             state_.batch * static_cast<std::uint64_t>(options_.batch);
  progress_.update(done, fmt::format("epoch {}/{}  loss {:.4f}", state_.epoch + 1, options_.epochs,
                                     state_.epoch_loss / state_.epoch_weight));
  save_when_due();
  if (!out_of_time()) return true;
  done_ = true;
  return false;
}

void Trainer::end_epoch() {
  const double loss = state_.epoch_weight > 0 ? state_.epoch_loss / state_.epoch_weight : 0;
  figures_ = {{"loss", loss}};
  double score = loss;
  if (data_.valid) {
    const DatasetFigures valid = evaluate(*program_, *data_.valid, data_.target, plan_.outputs, options_.batch);
    if (!std::isfinite(valid.loss)) fail_not_finite("the validation loss");
    score = valid.loss;
    figures_.emplace_back("val_loss", valid.loss);
    for (const auto& [name, value] : valid.figures) figures_.emplace_back("val_" + name, value);
  }
  LogRecord record{state_.step, state_.epoch + 1, figures_};
  const double elapsed = elapsed_s();
  record.figures.emplace_back("lr", learning_rate_);
  record.figures.emplace_back("rows_per_s", static_cast<double>(state_.step - good_.state.step) *
                                                static_cast<double>(options_.batch) /
                                                std::max(elapsed - good_.state.elapsed_s, 1e-9));
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
  const auto every = options_.checkpoint_every.epochs;
  if (!done_ && every > 0 && state_.epoch % every == 0) save(snapshot(), checkpoint_path());
}

bool Trainer::keep_best(double score) {
  if (!state_.best_parameters.empty() && score >= state_.best_score) return false;
  state_.best_parameters.resize(static_cast<std::size_t>(plan_.parameter_count));
  program_->read_parameters(state_.best_parameters);
  state_.best_score = score;
  state_.best_epoch = state_.epoch;
  return true;
}

void Trainer::log_step() {
  log_.write({state_.step,
              state_.epoch + 1,
              {{"loss", state_.epoch_loss / state_.epoch_weight},
               {"lr", learning_rate_},
               {"elapsed_s", elapsed_s()}}});
}

Trainer::Snapshot Trainer::snapshot() const {
  Snapshot now{state_, std::vector<float>(static_cast<std::size_t>(plan_.parameter_count))};
  now.state.elapsed_s = elapsed_s();
  now.state.optimizer_state.resize(static_cast<std::size_t>(program_->state_size()));
  program_->read_parameters(now.parameters);
  program_->read_state(now.state.optimizer_state);
  return now;
}

std::string Trainer::checkpoint_path() const {
  return options_.checkpoint.empty() ? options_.output + ".ckpt" : options_.checkpoint;
}

void Trainer::save(const Snapshot& snapshot, const std::string& path) {
  Model model = model_;
  model.parameters = aligned_copy(snapshot.parameters);
  save_checkpoint(path, model, snapshot.state);
  saved_ = Clock::now();
}

void Trainer::save_when_due() {
  const double every = options_.checkpoint_every.seconds;
  if (every > 0 && std::chrono::duration<double>(Clock::now() - saved_).count() >= every) {
    save(snapshot(), checkpoint_path());
  }
}

void Trainer::stop_for_signal() {
  progress_.clear();
  save(snapshot(), checkpoint_path());
  print_error(
      fmt::format("stopped in epoch {}; {} continues with --resume", state_.epoch + 1, checkpoint_path()));
  throw Interrupted{};
}

void Trainer::fail_not_finite(std::string_view what) {
  progress_.clear();
  std::string kept;
  if (good_.state.step > 0) {
    save(good_, checkpoint_path());
    kept = fmt::format("; {} has the state after epoch {}", checkpoint_path(), good_.state.epoch);
  }
  fail_data(
      "{} is not a number any more in epoch {}, step {}, with --lr {}: try a lower --lr, --clip-norm 1 or "
      "--standardize{}",
      what, state_.epoch + 1, state_.step + 1, learning_rate_, kept);
}

Model Trainer::finish() {
  const Snapshot now = snapshot();
  const bool best = !state_.best_parameters.empty();
  const std::vector<float>& parameters = best ? state_.best_parameters : now.parameters;
  if (!std::all_of(parameters.begin(), parameters.end(), [](float p) { return std::isfinite(p); })) {
    fail_not_finite("a weight");
  }
  Model model = model_;
  model.parameters = aligned_copy(parameters);
  model.provenance.metrics.emplace_back("epochs",
                                        static_cast<double>(best ? state_.best_epoch + 1 : state_.epoch));
  if (!best) {
    model.provenance.metrics.insert(model.provenance.metrics.end(), figures_.begin(), figures_.end());
    return model;
  }
  if (data_.valid) {
    program_->write_parameters(parameters);
    const DatasetFigures valid = evaluate(*program_, *data_.valid, data_.target, plan_.outputs, options_.batch);
    model.provenance.metrics.emplace_back("val_loss", valid.loss);
    for (const auto& [name, value] : valid.figures)
      model.provenance.metrics.emplace_back("val_" + name, value);
  }
  return model;
}

}  // namespace nn
