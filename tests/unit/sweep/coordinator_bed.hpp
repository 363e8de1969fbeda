// A coordinator with a study on a disk of memory, and hands that only note what they are told.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../study/fake_file.hpp"
#include "sweep/coordinator.hpp"

namespace nn::sweep {

struct Hands : Executor {
  struct Begun {
    std::string host;
    StartTrial trial;
  };
  std::vector<Begun> begun;
  std::vector<std::pair<std::uint32_t, int>> signals;
  void start(const std::string& host, const StartTrial& trial) override { begun.push_back({host, trial}); }
  std::vector<std::pair<std::string, std::string>> sought;
  void find(const std::string& host, const FindFile& file) override { sought.emplace_back(host, file.path); }
  void send_signal(const std::string& /*host*/, const SignalTrial& signal) override {
    signals.emplace_back(signal.trial, signal.signal);
  }
  std::vector<std::pair<std::uint32_t, std::string>> told;
  void tell(const std::string& /*host*/, const ControlTrial& control) override {
    told.emplace_back(control.trial, control.line);
  }
};

struct Notes : Observation {
  std::vector<std::string> sentences;
  std::vector<std::uint32_t> order;
  void ended(const study::Trial& trial, bool /*is_best*/) override { order.push_back(trial.number); }
  void said(const std::string& sentence) override { sentences.push_back(sentence); }
};

// A study on a disk of memory, and a coordinator with two slots.
struct Bed {
  test::Folder folder;
  test::ManualClock clock;
  test::FakeDisk disk;
  double wall_s = 0;  // that trials say they took
  Plan plan;
  Hands hands;
  Notes notes;
  std::string journal = folder / "s.jsonl";
  study::Presence presence{journal, clock};
  std::optional<study::Study> study;
  std::optional<study::Observer> others;
  std::optional<Coordinator> coordinator;

  Bed() {
    plan.command = Template({"train", "{x}"});
    plan.objectives = {{"loss", study::Direction::minimize}};
    plan.folder = journal + ".d";
    plan.trials = 4;
  }
  void start(const std::vector<Slot>& slots = {{"", "cpu:0", 0}, {"", "cpu:1", 0}}) {
    study::Opening opening;
    opening.objectives = plan.objectives;
    opening.header = study::Header{.version = "1", .space = {"x=uniform:0:1"}, .seed = 3};
    study::Study::How how;
    how.worker = presence.id();
    how.patience = test::patience(clock);
    how.open = [this] { return std::make_unique<test::FakeFile>(disk); };
    study.emplace(journal, opening, how);
    others.emplace(journal, true, clock);
    const auto propose = [](const search::Space&, const search::History&, std::uint64_t,
                            RandomStream& random) {
      return std::optional(search::Proposal{{random.uniform()}, search::SamplerKind::random});
    };
    coordinator.emplace(*study, presence, *others, plan, propose, hands, clock, notes);
    coordinator->add_slots(slots);
    coordinator->work();
  }
  // What runs: begun, and not ended.
  void report(std::uint32_t trial, std::int64_t step, double loss, const std::string& host = "") {
    TrialReport said{trial, {}};
    said.report.step = step;
    said.report.metrics["loss"] = loss;
    coordinator->take(host, said);
  }
  void end(std::uint32_t trial, std::optional<int> status = 0, const std::string& host = "") {
    TrialEnded ended;
    ended.trial = trial;
    ended.status = status;
    ended.wall_s = wall_s;
    if (!status) ended.error = "train: No such file or directory";
    end(std::move(ended), host);
  }
  void end(TrialEnded ended, const std::string& host = "") {
    coordinator->take(host, std::move(ended));
    coordinator->work();
  }
  void good(std::uint32_t trial, double loss = 0.5) {
    report(trial, 0, loss);
    end(trial);
  }
  void pass(Clock::duration time) {
    clock.advance(time);
    coordinator->work();
  }
  const study::Trial& trial(std::uint32_t number) const { return study->log().trials[number]; }
  std::size_t count(study::State state) const { return study->log().count(state); }
};

}  // namespace nn::sweep
