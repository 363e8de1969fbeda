#include "train/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "backend/cpu_quota.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"
#include "train/group.hpp"
#include "train/warm_start.hpp"

namespace nn::train {
namespace {

void restore(Member& member, TrainingLog& log) {
  const std::string& path = member.checkpoint_path();
  if (const auto checkpoint = model::load_checkpoint(path)) {
    member.restore(*checkpoint);
    log.begun(member.options().member, path, &member.state());
    member.repeat_figures();
    note("resumed from {}", path);
  } else {
    log.begun(member.options().member, path, nullptr);
    note("{}: no checkpoint, starting anew", path);
  }
}

// Members that were in different places when their run was stopped can't share batches.
void check_together(const TrainingGroup::Members& members) {
  const Member* first = nullptr;
  for (const auto& member : members) {
    if (member->done()) continue;
    if (first == nullptr) first = member.get();
    if (member->state().step != first->state().step) {
      throw data_error("{} and {} are not of the same moment", first->checkpoint_path(),
                       member->checkpoint_path())
          .advise("; with --share-batches all go on together");
    }
  }
}

// Says which members are trained together: all that share batches; those in the same place where
// the device gains from it; else each is on its own, and its weights stay in the cache for an epoch.
std::vector<TrainingGroup::Members> groups_of(TrainingGroup::Members all, const backend::Backend& backend) {
  std::vector<TrainingGroup::Members> groups;
  for (auto& member : all) {
    const bool share = member->options().members.share_batches;
    const auto found = std::ranges::find_if(groups, [&](const TrainingGroup::Members& group) {
      return share || (backend.gains_from_members() && group.front()->state().step == member->state().step);
    });
    if (found != groups.end()) {
      found->push_back(std::move(member));
    } else {
      groups.emplace_back().push_back(std::move(member));
    }
  }
  if (!groups.empty() && groups.front().front()->options().members.share_batches)
    check_together(groups.front());
  return groups;
}

// Writes down how far the only member came when it goes out of scope.
class Recorder {
 public:
  Recorder(const std::vector<std::unique_ptr<TrainingGroup>>& groups, const RunContext& context,
           RunFigures& run)
      : groups_(groups), context_(context), run_(run) {}
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder() {
    if (context_.several || groups_.empty()) return;
    const Member& member = *groups_.front()->members().front();
    run_.courses[index_of(member.options())] = member.course();
    if (member.has_saved()) run_.checkpoint = member.checkpoint_path();
  }

 private:
  const std::vector<std::unique_ptr<TrainingGroup>>& groups_;
  const RunContext& context_;
  RunFigures& run_;
};

// Trains some of the members in this thread, on one device; their models into `models`.
void train_group(const std::vector<const TrainOptions*>& member_options, const backend::Device& device,
                 const RunContext& context, std::vector<model::Model>& models, RunFigures& run) {
  const auto backend = backend::open_backend(device);
  TrainingGroup::Members all;
  for (const TrainOptions* options : member_options) {
    model::Model model = context.model;
    model.provenance.seed = options->seed;
    model.provenance.options = options->own_values;
    all.push_back(
        std::make_unique<Member>(*options, context.data, std::move(model), context.plan, context.log));
    if (context.control.is_stopped(number_of(*options))) {
      all.back()->abandon();
    } else if (options->resume) {
      restore(*all.back(), context.log);
      context.progress.resumed(*all.back());
    }
  }
  std::vector<std::unique_ptr<TrainingGroup>> groups;
  const Recorder recorder(groups, context, run);
  for (auto& members : groups_of(std::move(all), *backend))
    groups.push_back(std::make_unique<TrainingGroup>(context, *backend, std::move(members)));
  const auto save_all = [&] {
    for (const auto& group : groups) group->save();
  };
  try {
    for (;;) {
      // The group that is furthest behind.
      TrainingGroup* next = nullptr;
      for (const auto& group : groups) {
        if (!group->done() && (next == nullptr || group->epoch() < next->epoch())) next = group.get();
      }
      if (next == nullptr) break;
      next->run_epoch();
    }
    // Other threads may still be interrupted, and this group must then be resumable.
    if (context.threads != nullptr || member_options.front()->keep_checkpoint) save_all();
    for (const auto& group : groups) {
      for (const auto& member : group->members()) {
        if (member == nullptr) continue;
        run.courses[index_of(member->options())] = member->course();
        run.own_checkpoints[index_of(member->options())] = member->own_checkpoint();
        run.stopped[index_of(member->options())] = member->abandoned();
      }
      group->finish(models);
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::device) throw;
    std::string kept;
    for (const auto& group : groups) kept += group->save_epoch_start();
    if (kept.empty()) throw;
    throw error.advise("{}, for --resume", kept);
  } catch (const Interrupted&) {
    save_all();
    if (!context.several) {
      const Member& member = *groups.front()->members().front();
      print_message(fmt::format("stopped in epoch {}; {} continues with --resume", member.state().epoch + 1,
                                member.checkpoint_path()));
    }
    throw;
  }
}

// A device for each thread: one where there is one member only, which has all its cores.
std::vector<backend::Device> devices_for(const backend::Device& device, std::size_t members) {
  const auto cores = device.cores.empty() ? backend::process_cores() : device.cores;
  if (members == 1 || cores.size() == 1 || device.kind != backend::Device::Kind::cpu) return {device};
  std::vector<backend::Device> devices;
  for (std::size_t i = 0; i < std::min({members, cores.size(), backend::cores_at_once()}); ++i) {
    backend::Device one;
    one.cores = {cores[i]};
    devices.push_back(one);
  }
  return devices;
}

}  // namespace

std::vector<model::Model> train_members(const std::vector<TrainOptions>& members, const TrainingData& data,
                                        const model::Model& model, TrainingLog& log, RunFigures& run) {
  const TrainOptions& first = members.front();
  LoaderOptions steps;
  steps.batch = first.batch;
  steps.parts = first.accumulate;
  SharedProgress progress(members, data.train.rows, steps.steps_per_epoch(data.train.rows));
  const Observing observing(log, progress);
  const std::vector<backend::Device> devices = devices_for(first.device, members.size());
  Control control(first.control);
  Coordinator threads;
  const Plan plan = training_plan(first, model);
  const RunContext context{
      data, model, plan, log, progress, control, members.size() > 1, devices.size() > 1 ? &threads : nullptr};
  std::vector<std::vector<const TrainOptions*>> groups(devices.size());
  for (std::size_t k = 0; k < members.size(); ++k) groups[k % groups.size()].push_back(&members[k]);
  const std::size_t count = index_of(members.back()) + 1;  // more than there are, of a fold
  std::vector<model::Model> models(count);
  run.own_checkpoints.resize(count);
  run.stopped.resize(count);
  run.courses.resize(count);
  if (groups.size() == 1) {
    train_group(groups[0], devices[0], context, models, run);
    return models;
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    threads.start([&, g] { train_group(groups[g], devices[g], context, models, run); });
  }
  threads.join();
  return models;
}

}  // namespace nn::train
