#include "train/group.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"

namespace nn::train {
namespace {

StepOptions step_options(const TrainOptions& options, const Common& common, bool kept) {
  StepOptions steps;
  steps.kept = kept;
  steps.batch = options.batch;
  steps.parts = options.accumulate;
  steps.seed = options.seed;
  if (options.members.share_batches) steps.seed -= index_of(options);  // the first one's
  steps.augmentation = options.augmentation;
  if (options.augmentation.empty()) return steps;
  steps.image = common.plan.ops.front().in;
  if (steps.image.pixels() == 1 && common.model.network.input.size() < 2)
    fail_usage("--augment is for images, but a row is {} numbers", common.model.network.inputs());
  return steps;
}

}  // namespace

bool Common::stopping() const { return stop_requested() != 0 || (threads != nullptr && threads->stopping()); }

std::size_t index_of(const TrainOptions& options) {
  return options.member > 0 ? static_cast<std::size_t>(options.member - 1) : 0;
}

Crew::Crew(const Common& common, backend::Backend& backend, Members members)
    : common_(common),
      members_(std::move(members)),
      batch_(members_.front()->options().batch),
      next_(members_.size()),
      losses_(members_.size()) {
  std::vector<backend::ProgramOptions> options;
  std::vector<const float*> parameters;
  for (const auto& member : members_) {
    options.push_back(program_options(member->options(), common.data.train));
    parameters.push_back(member->parameters());
  }
  program_ = backend.compile(common.plan, options, parameters);
  const Dataset& data = common.data.train;
  const bool kept =
      members_.front()->options().augmentation.empty() && program_->keep(data.examples(0, data.rows));
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (steps_.empty() || !members_[m]->options().members.share_batches)
      steps_.push_back(std::make_unique<Steps>(data, step_options(members_[m]->options(), common, kept)));
    members_[m]->attach(*program_, m);
    program_->set_active(m, works(m));
  }
}

const Member* Crew::lead() const {
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (works(m)) return members_[m].get();
  }
  return nullptr;
}

// Where there are several members, one that fails leaves the others alone.
template <typename F>
void Crew::attempt(std::size_t m, F f) {
  if (members_[m] == nullptr) return;
  Member& member = *members_[m];
  try {
    f(member);
  } catch (const Error& error) {
    if (!common_.several || error.kind() != ErrorKind::data) throw;
    print_error(
        fmt::format("member {} ({}): {}", member.options().member, member.options().output, error.what()));
    common_.log.member_failed(member.options().member, error);
    program_->set_active(m, false);
    members_[m].reset();
  }
}

void Crew::run_epoch() {
  const model::TrainingState& at = lead()->state();
  for (const auto& steps : steps_) steps->begin(at.epoch, at.batch);
  for_working([&](std::size_t m) {
    members_[m]->begin_epoch();
    losses_[m] = members_[m]->state().epoch_loss;
  });
  program_->start_losses(losses_);
  const auto waited = [&] {
    double seconds = 0;
    for (const auto& steps : steps_) seconds += steps->waited_s();
    return seconds;
  };
  const double waited_before = waited();
  bool time_left = true;
  while (time_left && !done() && step()) time_left = in_time();
  read_losses();
  end_epoch(waited() - waited_before, !time_left);
}

// False at the epoch's end.
bool Crew::step() {
  std::span<const backend::Examples> parts;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    next_[m] = {};
    if (!works(m)) continue;
    if (parts.empty() || steps_.size() > 1) parts = steps_of(m).next();
    if (parts.empty()) return false;
    next_[m] = members_[m]->next(parts);
  }
  program_->train_step(next_);
  bool logs = false;
  for_working([&](std::size_t m) {
    members_[m]->took(next_[m].parts);
    logs |= members_[m]->logs_step();
  });
  if (++unread_ >= program_->steps_between_losses() || logs) read_losses();
  if (logs) for_working([&](std::size_t m) { members_[m]->log_step(); });
  return true;
}

void Crew::read_losses() {
  if (std::exchange(unread_, 0) == 0) return;
  program_->read_losses(losses_);
  for_working([&](std::size_t m) { attempt(m, [&](Member& member) { member.set_loss(losses_[m]); }); });
}

// Checkpoints that are due; false when time is up.
bool Crew::in_time() {
  const auto now = std::chrono::steady_clock::now();
  bool in_time = true;
  for_working([&](std::size_t m) {
    const TrainOptions& options = members_[m]->options();
    common_.progress.add(static_cast<std::uint64_t>(options.batch * options.accumulate), *members_[m], now);
    if (members_[m]->save_due()) {
      read_losses();
      if (!works(m)) return;
      members_[m]->save();
    }
    if (options.stop_after_s > 0 && members_[m]->elapsed_s() >= options.stop_after_s) in_time = false;
  });
  if (common_.stopping()) throw Interrupted{};
  return in_time;
}

std::vector<DatasetFigures> Crew::validate() {
  const TrainingData& data = common_.data;
  if (!data.valid) return {};
  return evaluate(*program_, *data.valid, data.target, common_.plan.outputs, batch_);
}

void Crew::end_epoch(double waited_s, bool last) {
  std::vector<std::size_t> at_work;
  for_working([&](std::size_t m) { at_work.push_back(m); });
  if (at_work.empty()) return;
  program_->exchange_average();
  const std::vector<DatasetFigures> valid = validate();
  for (const std::size_t m : at_work) {
    attempt(m, [&](Member& member) {
      if (last) member.stop();
      member.end_epoch(waited_s, valid.empty() ? nullptr : &valid[m]);
    });
  }
  program_->exchange_average();
  for (const std::size_t m : at_work) {
    if (members_[m] == nullptr) continue;
    if (members_[m]->epoch_save_due()) members_[m]->save();
    program_->set_active(m, works(m));
  }
}

void Crew::save() {
  read_losses();
  for (const auto& member : members_) {
    if (member != nullptr) member->save();
  }
}

std::string Crew::save_good() {
  std::string kept;
  for (const auto& member : members_) {
    if (member != nullptr) kept += member->save_good();
  }
  return kept;
}

void Crew::finish(std::vector<model::Model>& models) {
  std::vector<std::vector<float>> results(members_.size());
  std::vector<DatasetFigures> valid;
  bool any_best = false;
  program_->exchange_average();
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (members_[m] == nullptr) continue;
    results[m] = members_[m]->result();
    const bool best = members_[m]->has_best();
    program_->set_active(m, best);
    if (best) program_->write_parameters(m, results[m]);
    any_best |= best;
  }
  if (any_best) valid = validate();
  for (std::size_t m = 0; m < members_.size(); ++m) {
    attempt(m, [&](Member& member) {
      models[index_of(member.options())] = member.finish(results[m], valid.empty() ? nullptr : &valid[m]);
    });
  }
}

}  // namespace nn::train
