#include "simulator.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <memory>
#include <queue>
#include <utility>
#include <variant>

#include "../study/fake_file.hpp"
#include "base/error.hpp"
#include "base/numbers.hpp"

namespace nn::test {
namespace {

using sweep::FromAgent;
using sweep::SignalTrial;
using sweep::StartTrial;
using sweep::TrialEnded;
using sweep::TrialReport;

double processor_s() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Clock::duration duration_of(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

// Agents whose trials do nothing but end, and the queue of what they will say.
class Agents : public sweep::Executor {
 public:
  struct Message {
    Clock::time_point at;
    std::uint64_t order;  // among those of one time
    std::uint32_t trial, life;
    std::string host, line;
    bool is_report, is_end;
  };

  Agents(const Simulation& simulation, const ManualClock& clock) : simulation_(simulation), clock_(clock) {}

  void start(const std::string& host, const StartTrial& trial) override {
    (void)to_line(sweep::ToAgent(trial));  // as an agent gets it
    begun_.emplace_back(host, trial);
  }
  void send_signal(const std::string& host, const SignalTrial& signal) override {
    (void)to_line(sweep::ToAgent(signal));
    signals_.emplace_back(host, signal);
  }

  // What was begun and told since the last call, on the clock as it is now.
  void follow() {
    for (auto& [host, trial] : std::exchange(begun_, {})) {
      const bool waits = trial.after && (runs(*trial.after) || waits_itself(*trial.after));
      if (waits) {
        const std::uint32_t after = *trial.after;
        waiting_[after] = {host, std::move(trial)};
      } else {
        live(host, trial, clock_.now());
      }
    }
    for (const auto& [host, signal] : std::exchange(signals_, {})) end_early(host, signal);
  }
  // The earliest that still counts; null where nothing runs.
  const Message* next() {
    while (!queue_.empty() && queue_.top().life != lives_[queue_.top().trial]) queue_.pop();
    return queue_.empty() ? nullptr : &queue_.top();
  }
  Message take() {
    Message message = queue_.top();
    queue_.pop();
    if (!message.is_end) return message;
    ++lives_[message.trial];
    const auto begun = running_.extract(message.trial);
    if (!begun) return message;  // it waited, and was told to end
    spans_.emplace_back(begun.mapped(), message.at);
    // An agent doesn't wait for the coordinator with what is there.
    if (const auto next = waiting_.extract(message.trial))
      live(next.mapped().first, next.mapped().second, message.at);
    return message;
  }
  // How many have begun, and when the last new one did.
  std::size_t begun() const { return begun_count_; }
  Clock::time_point last_begin() const { return last_begin_; }
  // Seconds of all trials together until then.
  double busy_s(Clock::time_point until) const {
    Clock::duration busy{};
    for (const auto& [begin, end] : spans_) busy += std::max(std::min(end, until) - begin, Clock::duration{});
    for (const auto& [trial, begin] : running_) busy += std::max(until - begin, Clock::duration{});
    return std::chrono::duration<double>(busy).count();
  }

 private:
  struct Later {
    bool operator()(const Message& a, const Message& b) const {
      return std::pair(a.at, a.order) > std::pair(b.at, b.order);
    }
  };

  bool runs(std::uint32_t trial) const { return running_.contains(trial); }
  bool waits_itself(std::uint32_t trial) const {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [&](const auto& entry) { return entry.second.second.trial == trial; });
  }
  void live(const std::string& host, const StartTrial& trial, Clock::time_point now) {
    if (trial.trial >= lives_.size()) lives_.resize(trial.trial + std::size_t{1});
    running_[trial.trial] = now;
    if (!trial.from) last_begin_ = std::max(last_begin_, now);
    ++begun_count_;
    const bool is_stage = !trial.checkpoint.empty();
    RandomStream random(simulation_.seed, RandomUse::shuffle,
                        std::uint64_t{trial.trial} << 16U | (is_stage ? 0 : lives_[trial.trial]));
    SimulatedTrial life = simulation_.trial(trial, random);
    if (is_stage) cut(life, trial);
    for (std::size_t k = 0; k < life.values.size(); ++k) {
      TrialReport said{trial.trial, {}};
      said.report.step = life.first_step + static_cast<std::int64_t>(k);
      said.report.metrics["value"] = life.values[k];
      const double share = static_cast<double>(k + 1) / static_cast<double>(life.values.size());
      say(host, trial.trial, now + duration_of(life.seconds * share), FromAgent(said));
    }
    TrialEnded ended;
    ended.trial = trial.trial;
    ended.status = life.status << 8;
    ended.wall_s = life.seconds;
    if (is_stage) ended.checkpoint = study::Checkpoint{.path = trial.checkpoint};
    say(host, trial.trial, now + duration_of(life.seconds), FromAgent(ended));
  }
  // Leaves what is behind its checkpoint, up to its budget.
  static void cut(SimulatedTrial& life, const StartTrial& stage) {
    const auto at = [&](double step) { return life.values.begin() + static_cast<std::ptrdiff_t>(step); };
    const double from = stage.from ? stage.from->budget : 0, until = parse_number(stage.words.back());
    life.seconds *= (until - from) / static_cast<double>(life.values.size());
    life.first_step += static_cast<std::int64_t>(from);
    life.values = {at(from), at(until)};
  }
  void end_early(const std::string& host, const SignalTrial& signal) {
    TrialEnded ended;
    ended.trial = signal.trial;
    ended.status = signal.signal;
    const auto waits = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& entry) {
      return entry.second.second.trial == signal.trial;
    });
    if (waits != waiting_.end()) {
      waiting_.erase(waits);
      if (signal.trial >= lives_.size()) lives_.resize(signal.trial + std::size_t{1});
      return say(host, signal.trial, clock_.now(), FromAgent(ended));
    }
    if (!runs(signal.trial)) return;  // it has ended meanwhile
    ++lives_[signal.trial];           // nothing of what it would have said
    say(host, signal.trial, clock_.now() + duration_of(simulation_.grace_s), FromAgent(ended));
  }
  void say(const std::string& host, std::uint32_t trial, Clock::time_point at, const FromAgent& message) {
    queue_.push({at, order_++, trial, lives_[trial], host, to_line(message),
                 std::holds_alternative<TrialReport>(message), std::holds_alternative<TrialEnded>(message)});
  }

  const Simulation& simulation_;
  const ManualClock& clock_;
  std::vector<std::pair<std::string, StartTrial>> begun_;
  std::vector<std::pair<std::string, SignalTrial>> signals_;
  std::priority_queue<Message, std::vector<Message>, Later> queue_;
  std::vector<std::uint32_t> lives_;                    // by trial: what is of an earlier one is said no more
  std::map<std::uint32_t, Clock::time_point> running_;  // when they began
  std::map<std::uint32_t, std::pair<std::string, StartTrial>>
      waiting_;                                                         // by the trial after which they begin
  std::vector<std::pair<Clock::time_point, Clock::time_point>> spans_;  // of those that have ended
  std::uint64_t order_ = 0;
  std::size_t begun_count_ = 0;
  Clock::time_point last_begin_{};
};

std::vector<sweep::Slot> slots_of(const Simulation& simulation) {
  std::vector<sweep::Slot> slots;
  for (std::size_t i = 0; i < simulation.slots; ++i) {
    slots.push_back({"h" + std::to_string(i / simulation.slots_of_host),
                     "cpu:" + std::to_string(i % simulation.slots_of_host), 0});
  }
  return slots;
}

sweep::Plan plan_of(const Simulation& simulation, const search::Space& space, const std::string& journal) {
  sweep::Plan plan;
  std::vector<std::string> words = {"trial"};
  for (const search::Parameter& parameter : space.parameters()) words.push_back('{' + parameter.name + '}');
  plan.pruner = search::PrunerSpec::parse(simulation.pruner);
  plan.pruner.settle();
  if (plan.pruner.kind == search::PrunerKind::promotion) words.emplace_back("{budget}");
  plan.command = sweep::Template(words);
  plan.objectives = {{"value", simulation.direction}};
  plan.sampler = simulation.sampler;
  plan.folder = journal + ".d";
  plan.trials = simulation.trials;
  return plan;
}

}  // namespace

SimulationResult simulate(const Simulation& simulation) {
  const Folder folder;
  const std::string path = folder / "s.jsonl";
  ManualClock clock;
  FakeDisk disk;
  const search::Space space = search::Space::parse(simulation.space);
  const sweep::Plan plan = plan_of(simulation, space, path);
  study::Presence presence(path, clock);
  study::Opening opening;
  opening.objectives = plan.objectives;
  opening.header = study::Header{.version = "simulated", .space = simulation.space, .seed = simulation.seed};
  study::Study::How how;
  how.worker = "simulated:1:b:1:r";  // the same each time, unlike that of `presence`
  how.patience = patience(clock);
  how.open = [&] { return std::make_unique<FakeFile>(disk); };
  study::Study study(path, opening, how);
  study::Observer others(path, true, clock);
  Agents agents(simulation, clock);
  sweep::Observation nobody;
  sweep::Coordinator coordinator(study, presence, others, plan, sweep::propose_by(plan.sampler), agents,
                                 clock, nobody);

  SimulationResult result;
  double processor_until_last = 0;
  const Clock::time_point start = clock.now();
  const auto work = [&](const auto& action) {
    const double before_s = processor_s();
    const std::size_t syncs = disk.syncs, begun = agents.begun();
    action();
    const double took_s = processor_s() - before_s;
    result.processor_s += took_s;
    const double charged_s = (simulation.charge_processor ? took_s : 0) +
                             simulation.sync_s * static_cast<double>(disk.syncs - syncs);
    if (charged_s > 0) clock.advance(duration_of(charged_s));
    agents.follow();
    if (agents.begun() > begun) processor_until_last = result.processor_s;
  };
  work([&] { coordinator.add_slots(slots_of(simulation)); });
  for (;;) {
    Clock::time_point due;
    work([&] { due = coordinator.work(); });
    if (coordinator.is_over()) break;
    const Agents::Message* next = agents.next();
    const Clock::time_point until = next != nullptr ? std::min(due, next->at) : due;
    if (until == Clock::time_point::max())
      fail(ErrorKind::internal, "nothing runs, and nothing is waited for");
    if (until > clock.now()) clock.advance(until - clock.now());
    for (next = agents.next(); next != nullptr && next->at <= clock.now(); next = agents.next()) {
      const Agents::Message message = agents.take();
      result.steps += message.is_report ? 1 : 0;
      work([&] { coordinator.take(message.host, sweep::parse_from_agent(message.line)); });
    }
  }
  const double window_s = std::chrono::duration<double>(agents.last_begin() - start).count();
  if (window_s > 0) {
    result.utilisation =
        agents.busy_s(agents.last_begin()) / window_s / static_cast<double>(simulation.slots);
    result.cores = processor_until_last / window_s;
  }
  result.run = coordinator.result();
  result.virtual_s = std::chrono::duration<double>(clock.now() - start).count();
  result.syncs = disk.syncs;
  result.journal = std::move(disk.bytes);
  for (const study::Trial& trial : study.log().trials) {
    result.trials.push_back({trial.state, trial.values, trial.attempt});
  }
  return result;
}

double lognormal_s(RandomStream& random, double mean_s, double sigma) {
  return mean_s * std::exp(sigma * random.normal() - sigma * sigma / 2);
}

double pareto_s(RandomStream& random, double mean_s, double shape) {
  constexpr double longest = 1000;  // of the shortest
  // The mean of what is cut off there: integral of the tail.
  const double mean = 1 + (1 - std::pow(longest, 1 - shape)) / (shape - 1);
  return mean_s / mean * std::min(longest, std::pow(1 - random.uniform(), -1 / shape));
}

}  // namespace nn::test
