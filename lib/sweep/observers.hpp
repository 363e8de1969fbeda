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
  void paused(const study::Trial& trial) override {
    for (Observation* one : all_) one->paused(trial);
  }
  void said(const std::string& sentence) override {
    for (Observation* one : all_) one->said(sentence);
  }

 private:
  std::vector<Observation*> all_;
};

}  // namespace nn::sweep
