// Several who watch a run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sweep/coordinator.hpp"

namespace nn::sweep {

// Tells each of them, in their order. They outlive it.
class Observers : public Observation {
 public:
  void add(Observation& observation) { all_.push_back(&observation); }

  void began(const study::Trial& trial) override {
    for (Observation* one : all_) one->began(trial);
  }
  void reported(const study::Trial& trial, const study::Report& report, std::string_view metrics) override {
    for (Observation* one : all_) one->reported(trial, report, metrics);
  }
  void ended(const study::Trial& trial, bool is_best) override {
    for (Observation* one : all_) one->ended(trial, is_best);
  }
  void failed(const study::Trial& trial, const std::string& tail) override {
    for (Observation* one : all_) one->failed(trial, tail);
  }
  void paused(const study::Trial& trial) override {
    for (Observation* one : all_) one->paused(trial);
  }
  void said(const std::string& sentence) override {
    for (Observation* one : all_) one->said(sentence);
  }
  // As often as who wants it first.
  Clock::duration look_every() const override {
    for (const Observation* one : all_) {
      if (one->look_every() != Clock::duration{}) return one->look_every();
    }
    return {};
  }
  void look(const std::vector<SlotView>& slots, const RunResult& so_far) override {
    for (Observation* one : all_) one->look(slots, so_far);
  }

 private:
  std::vector<Observation*> all_;
};

}  // namespace nn::sweep
