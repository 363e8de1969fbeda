#include "train/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/queue.hpp"
#include "base/signals.hpp"
#include "train/member.hpp"
#include "train/steps.hpp"

namespace nn {
namespace {

using Clock = std::chrono::steady_clock;

// The progress line of all members together.
class SharedProgress {
 public:
  explicit SharedProgress(std::uint64_t rows) : progress_("rows", rows) {}

  // After a step of `rows` rows of `member`, which is one of several of its kind.
  void add(std::uint64_t rows, const Member& member, Clock::time_point now) {
    done_ += rows;
    if (now < next_.load(std::memory_order_relaxed)) return;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return;
    next_ = now + std::chrono::milliseconds(100);
    const std::string which =
        member.options().member > 0 ? fmt::format("member {}  ", member.options().member) : "";
    progress_.update(done_, fmt::format("{}epoch {}/{}  loss {:.4f}", which, member.state().epoch + 1,
                                        member.options().epochs, member.loss()));
  }

 private:
  std::mutex mutex_;
  Progress progress_;
  std::atomic<std::uint64_t> done_{0};
  std::atomic<Clock::time_point> next_{Clock::time_point{}};
};

// What all members of a run have in common.
struct Common {
  const TrainingData& data;
  const Model& model;
  TrainingLog& log;
  SharedProgress& progress;
  bool several;
  const Coordinator* threads;  // null: there is one only
  bool stopping() const { return stop_requested() != 0 || (threads != nullptr && threads->stopping()); }
};

// Members that see the same batches: one, or all with --share-batches.
class Lane {
 public:
  Lane(const Common& common, const StepOptions& options)
      : common_(common), steps_(common.data.train, options), rows_(options.batch * options.parts) {}

  void add(std::unique_ptr<Member> member) { members_.push_back(std::move(member)); }
  std::vector<std::unique_ptr<Member>>& members() { return members_; }

  bool done() const {
    return std::all_of(members_.begin(), members_.end(),
                       [](const auto& m) { return m == nullptr || m->done(); });
  }
  std::uint64_t epoch() const { return lead().state().epoch; }

  // Members that go on must be at the same place.
  void check_together() const {
    for (const auto& member : members_) {
      if (member == nullptr || member->done()) continue;
      if (member->state().step != lead().state().step) {
        fail_data("{} and {} are not of the same moment; with --share-batches all go on together",
                  lead().checkpoint_path(), member->checkpoint_path());
      }
    }
  }

  void run_epoch() {
    const TrainingState& at = lead().state();
    steps_.begin(at.epoch, at.batch);
    std::vector<std::unique_ptr<Member>*> active;
    for (auto& member : members_) {
      if (member == nullptr || member->done()) continue;
      member->begin_epoch();
      active.push_back(&member);
    }
    const double waited_before = steps_.waited_s();
    for (auto parts = steps_.next(); !parts.empty(); parts = steps_.next()) {
      for (auto* member : active) attempt(*member, [&](Member& m) { m.step(parts); });
      if (!after_step(active)) break;
    }
    const double waited = steps_.waited_s() - waited_before;
    for (auto* member : active) {
      attempt(*member, [&](Member& m) { m.end_epoch(waited); });
    }
  }

  void save() {
    for (const auto& member : members_) {
      if (member != nullptr) member->save();
    }
  }

 private:
  // The first that is still at work.
  const Member& lead() const {
    for (const auto& member : members_) {
      if (member != nullptr && !member->done()) return *member;
    }
    fail(ErrorKind::internal, "a lane without members");
  }

  // Where there are several members, one that fails leaves the others alone.
  template <typename F>
  void attempt(std::unique_ptr<Member>& member, F f) {
    if (member == nullptr) return;
    try {
      f(*member);
    } catch (const Error& error) {
      if (!common_.several || error.kind() != ErrorKind::data) throw;
      print_error(fmt::format("member {} ({}): {}", member->options().member, member->options().output,
                              error.what()));
      member.reset();
    }
  }

  // False when time is up.
  bool after_step(const std::vector<std::unique_ptr<Member>*>& active) {
    const Clock::time_point now = Clock::now();
    bool in_time = true, any = false;
    for (auto* slot : active) {
      Member* member = slot->get();
      if (member == nullptr) continue;
      any = true;
      common_.progress.add(static_cast<std::uint64_t>(rows_), *member, now);
      member->save_when_due();
      const double limit = member->options().stop_after_s;
      if (limit > 0 && member->elapsed_s() >= limit) {
        member->stop();
        in_time = false;
      }
    }
    if (common_.stopping()) throw Interrupted{};
    return in_time && any;
  }

  const Common& common_;
  Steps steps_;
  std::int64_t rows_;
  std::vector<std::unique_ptr<Member>> members_;
};

std::size_t index_of(const TrainOptions& options) {
  return options.member > 0 ? static_cast<std::size_t>(options.member - 1) : 0;
}

StepOptions step_options(const TrainOptions& options, const Model& model) {
  StepOptions steps;
  steps.batch = options.batch;
  steps.parts = options.accumulate;
  steps.seed = options.seed;
  steps.augmentation = options.augmentation;
  if (!options.augmentation.empty()) steps.image = lower(model.network, model.loss).ops.front().in;
  if (!options.augmentation.empty() && steps.image.pixels() == 1 && model.network.input.size() < 2)
    fail_usage("--augment is for images, but a row is {} numbers", model.network.inputs());
  return steps;
}

void restore(Member& member) {
  if (const auto checkpoint = load_checkpoint(member.checkpoint_path())) {
    member.restore(*checkpoint);
    note("resumed from {}", member.checkpoint_path());
  } else {
    note("{}: no checkpoint, starting anew", member.checkpoint_path());
  }
}

// Trains some of the members in this thread, on one device; their models into `models`.
void train_group(const std::vector<const TrainOptions*>& group, const Device& device, const Common& common,
                 std::vector<Model>& models) {
  const auto backend = open_backend(device);
  std::vector<std::unique_ptr<Lane>> lanes;
  for (const TrainOptions* options : group) {
    const bool share = options->members.share_batches && !lanes.empty();
    if (!share) {
      StepOptions steps = step_options(*options, common.model);
      if (options->members.share_batches) steps.seed = options->seed - index_of(*options);  // the first one's
      lanes.push_back(std::make_unique<Lane>(common, steps));
    }
    Model model = common.model;
    model.provenance.seed = options->seed;
    auto member = std::make_unique<Member>(*options, common.data, std::move(model), *backend, common.log);
    if (options->resume) restore(*member);
    lanes.back()->add(std::move(member));
  }
  const auto save_all = [&] {
    for (const auto& lane : lanes) lane->save();
  };
  try {
    for (const auto& lane : lanes) {
      if (!lane->done()) lane->check_together();
    }
    for (;;) {
      // The lane that is furthest behind.
      Lane* next = nullptr;
      for (const auto& lane : lanes) {
        if (!lane->done() && (next == nullptr || lane->epoch() < next->epoch())) next = lane.get();
      }
      if (next == nullptr) break;
      next->run_epoch();
    }
  } catch (const Interrupted&) {
    save_all();
    if (!common.several) {
      const Member& member = *lanes.front()->members().front();
      print_error(fmt::format("stopped in epoch {}; {} continues with --resume", member.state().epoch + 1,
                              member.checkpoint_path()));
    }
    throw;
  }
  if (common.threads != nullptr) save_all();  // until those in the other threads are done as well
  for (const auto& lane : lanes) {
    for (const auto& member : lane->members()) {
      if (member == nullptr) continue;
      models[index_of(member->options())] = member->finish();
    }
  }
}

// A device for each thread: one where there is one member only, which has all its cores.
std::vector<Device> devices_for(const Device& device, std::size_t members) {
  const auto cores = device.cores.empty() ? process_cores() : device.cores;
  if (members == 1 || cores.size() == 1 || device.kind != Device::Kind::cpu) return {device};
  std::vector<Device> devices;
  for (std::size_t i = 0; i < std::min(members, cores.size()); ++i) {
    Device one;
    one.cores = {cores[i]};
    devices.push_back(one);
  }
  return devices;
}

}  // namespace

std::vector<Model> train_members(const std::vector<TrainOptions>& members, const TrainingData& data,
                                 const Model& model) {
  const TrainOptions& first = members.front();
  TrainingLog log(first.log, first.resume);
  SharedProgress progress(first.epochs * static_cast<std::uint64_t>(data.train.rows) * members.size());
  const std::vector<Device> devices = devices_for(first.device, members.size());
  Coordinator threads;
  const Common common{
      data, model, log, progress, members.size() > 1, devices.size() > 1 ? &threads : nullptr};
  std::vector<std::vector<const TrainOptions*>> groups(devices.size());
  for (std::size_t k = 0; k < members.size(); ++k) groups[k % groups.size()].push_back(&members[k]);
  std::vector<Model> models(members.size());
  if (groups.size() == 1) {
    train_group(groups[0], devices[0], common, models);
    return models;
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    threads.start([&, g] { train_group(groups[g], devices[g], common, models); });
  }
  threads.join();
  return models;
}

}  // namespace nn
