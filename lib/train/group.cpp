#include "train/group.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"

namespace nn::train {
namespace {

LoaderOptions loader_options(const TrainOptions& options, const RunContext& context, bool kept) {
  LoaderOptions loader;
  loader.kept = kept;
  loader.batch = options.batch;
  loader.parts = options.accumulate;
  loader.seed = options.members.share_batches ? options.order_seed : options.seed;
  loader.augmentation = options.augmentation;
  if (options.augmentation.empty()) return loader;
  loader.image = context.plan.ops.front().in;
  if (loader.image.pixels() == 1 && context.model.network.input.size() < 2)
    fail_usage("--augment is for images, but a row is {} numbers", context.model.network.inputs());
  return loader;
}

}  // namespace

bool RunContext::stopping() const {
  return stop_requested() != 0 || (threads != nullptr && threads->stopping());
}

std::int64_t number_of(const TrainOptions& options) { return std::max<std::int64_t>(options.member, 1); }

std::size_t index_of(const TrainOptions& options) {
  return options.member > 0 ? static_cast<std::size_t>(options.member - 1) : 0;
}

TrainingGroup::TrainingGroup(const RunContext& context, backend::Backend& backend, Members members)
    : context_(context),
      members_(std::move(members)),
      batch_(members_.front()->options().batch),
      next_(members_.size()),
      losses_(members_.size()) {
  std::vector<backend::ProgramOptions> options;
  std::vector<const float*> parameters;
  for (const auto& member : members_) {
    options.push_back(program_options(member->options(), context.data.train));
    parameters.push_back(member->parameters());
  }
  program_ = backend.compile(context.plan, options, parameters);
  const Dataset& data = context.data.train;
  const bool kept =
      members_.front()->options().augmentation.empty() && program_->keep(data.examples(0, data.rows));
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (loaders_.empty() || !members_[m]->options().members.share_batches)
      loaders_.push_back(
          std::make_unique<BatchLoader>(data, loader_options(members_[m]->options(), context, kept)));
    members_[m]->attach(*program_, m);
    program_->set_active(m, is_active(m));
  }
}

const Member* TrainingGroup::lead() const {
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (is_active(m)) return members_[m].get();
  }
  return nullptr;
}

// One of several members that fails leaves the others alone.
template <typename F>
void TrainingGroup::attempt(std::size_t m, F f) {
  if (members_[m] == nullptr) return;
  Member& member = *members_[m];
  try {
    f(member);
  } catch (const Error& error) {
    if (!context_.several || error.kind() != ErrorKind::data) throw;
    print_message(
        fmt::format("member {} ({}): {}", member.options().member, member.options().output, error.what()));
    context_.log.member_failed(member.options().member, error);
    program_->set_active(m, false);
    members_[m].reset();
  }
}

// Those that are to train no more, as whoever started the run says.
void TrainingGroup::abandon_stopped() {
  for_each_active([&](std::size_t m) {
    if (!context_.control.is_stopped(number_of(members_[m]->options()))) return;
    members_[m]->abandon();
    program_->set_active(m, false);
  });
}

void TrainingGroup::run_epoch() {
  abandon_stopped();
  if (done()) return;
  const model::TrainingState& at = lead()->state();
  for (const auto& loader : loaders_) loader->begin(at.epoch, at.batch);
  for_each_active([&](std::size_t m) {
    members_[m]->begin_epoch();
    losses_[m] = members_[m]->state().epoch_loss;
  });
  program_->start_losses(losses_);
  const auto waited = [&] {
    double seconds = 0;
    for (const auto& loader : loaders_) seconds += loader->waited_s();
    return seconds;
  };
  const double waited_before = waited();
  bool time_left = true;
  while (time_left && !done() && step()) time_left = save_and_check_time();
  read_losses();
  end_epoch(waited() - waited_before, !time_left);
}

// False at the epoch's end.
bool TrainingGroup::step() {
  std::span<const backend::Examples> parts;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    next_[m] = {};
    if (!is_active(m)) continue;
    if (parts.empty() || loaders_.size() > 1) parts = loader_of(m).next();
    if (parts.empty()) return false;
    next_[m] = members_[m]->next(parts);
  }
  program_->train_step(next_);
  bool logs = false;
  for_each_active([&](std::size_t m) {
    members_[m]->step_done(next_[m].parts);
    logs |= members_[m]->logs_step();
  });
  if (++unread_ >= program_->steps_between_losses() || logs) read_losses();
  if (logs) for_each_active([&](std::size_t m) { members_[m]->log_step(); });
  return true;
}

void TrainingGroup::read_losses() {
  if (std::exchange(unread_, 0) == 0) return;
  program_->read_losses(losses_);
  for_each_active([&](std::size_t m) { attempt(m, [&](Member& member) { member.set_loss(losses_[m]); }); });
}

// Checkpoints that are due; false when time is up.
bool TrainingGroup::save_and_check_time() {
  const auto now = std::chrono::steady_clock::now();
  bool time_left = true;
  abandon_stopped();
  for_each_active([&](std::size_t m) {
    const TrainOptions& options = members_[m]->options();
    context_.progress.add(*members_[m], now);
    if (members_[m]->save_due()) {
      read_losses();
      if (!is_active(m)) return;
      members_[m]->save();
    }
    if (options.stop_after_s > 0 && members_[m]->elapsed_s() >= options.stop_after_s) time_left = false;
  });
  if (context_.stopping()) throw Interrupted{};
  return time_left;
}

std::vector<DatasetFigures> TrainingGroup::validate() {
  const TrainingData& data = context_.data;
  if (!data.valid) return {};
  return evaluate(*program_, *data.valid, context_.model.target, context_.plan.answers(), batch_);
}

void TrainingGroup::end_epoch(double waited_s, bool last) {
  std::vector<std::size_t> active;
  for_each_active([&](std::size_t m) { active.push_back(m); });
  if (active.empty()) return;
  program_->exchange_average();
  const std::vector<DatasetFigures> valid = validate();
  for (const std::size_t m : active) {
    attempt(m, [&](Member& member) {
      if (last) member.stop();
      member.end_epoch(waited_s, valid.empty() ? nullptr : &valid[m]);
    });
  }
  program_->exchange_average();
  for (const std::size_t m : active) {
    if (members_[m] == nullptr) continue;
    if (members_[m]->epoch_save_due()) members_[m]->save();
    program_->set_active(m, is_active(m));
  }
}

void TrainingGroup::save() {
  read_losses();
  for (const auto& member : members_) {
    if (member != nullptr && !member->abandoned()) member->save();
  }
}

std::string TrainingGroup::save_epoch_start() {
  std::string kept;
  for (const auto& member : members_) {
    if (member != nullptr && !member->abandoned()) kept += member->save_epoch_start();
  }
  return kept;
}

void TrainingGroup::finish(std::vector<model::Model>& models) {
  std::vector<std::vector<float>> results(members_.size());
  std::vector<DatasetFigures> valid;
  bool any_best = false;
  program_->exchange_average();
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (members_[m] == nullptr || members_[m]->abandoned()) continue;
    results[m] = members_[m]->result();
    const bool best = members_[m]->has_best();
    program_->set_active(m, best);
    if (best) program_->write_parameters(m, results[m]);
    any_best |= best;
  }
  if (any_best) valid = validate();
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (members_[m] != nullptr && members_[m]->abandoned()) continue;
    attempt(m, [&](Member& member) {
      models[index_of(member.options())] = member.finish(results[m], valid.empty() ? nullptr : &valid[m]);
    });
  }
}

}  // namespace nn::train
