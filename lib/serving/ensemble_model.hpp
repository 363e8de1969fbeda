// A version of a model that is an ensemble of others.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ensemble/combination.hpp"
#include "ensemble/stack.hpp"
#include "serving/late_servable.hpp"
#include "serving/local_model.hpp"

namespace nn::serving {

// Members compute at the same time, each on its device, and are combined by the rules of lib/ensemble: to the
// last digit what predict_in_graph() answers. A request says who took part (Request::took_part, by
// members()). One that fails, isn't there, or is late, is left out while the quorum has answered.
// Thread-safe.
class EnsembleModel : public Servable {
 public:
  struct Member {
    std::string name;
    double weight = 1;
    std::shared_ptr<Servable> servable;
    std::string where = {};                        // for people: its device, or its endpoints
    std::shared_ptr<LateServable> late = nullptr;  // the same servable, of one that is computed elsewhere
  };
  struct Options {
    ensemble::Combination combination = {};
    std::size_t quorum = 0;                 // of members; 0: all
    std::chrono::milliseconds deadline{0};  // 0: all are waited for
    backend::Device stack_device = {};      // of the model of a combination that has one
  };

  // Of members that are there, or were waited for long enough. Data errors for members that answer different
  // things, or want different things by one name, and for a combination that doesn't fit them; unavailable
  // where fewer than the quorum are there. A stacking model is loaded; errors as ensemble::Stack has them.
  EnsembleModel(std::string name, std::uint64_t version, std::vector<Member> members, const Options& options);
  ~EnsembleModel() override;

  // Of all members and the stacking model, separated by commas; "-" for one that wasn't there.
  const std::string& digest() const override { return digest_; }
  const predict::PredictionKind& kind() const override { return stack_ ? stack_->kind() : member_kind_; }
  std::shared_ptr<const Schema> inputs() const override { return inputs_; }
  std::shared_ptr<const Schema> outputs() const override { return outputs_; }
  BoundTable bind(const Schema& table) const override;

  bool submit(std::shared_ptr<Request> request) override;
  // The longest of its members', or that of those that are waited for at the deadline.
  std::chrono::microseconds predicted_wait(std::int64_t rows,
                                           Priority priority = Priority::normal) const override;
  bool is_crowded() const override;  // a member is
  // Fewer members than the quorum are there.
  std::optional<Error> absence() const override;
  LoadReport report() const override;
  std::uint64_t bytes() const override;
  std::span<const std::string> members() const override { return names_; }

  // Of the members that it has loaded, and the stacking model; before requests come.
  std::optional<std::chrono::nanoseconds> try_step(std::int64_t rows) override;
  void warm_up(const WarmUp& options);

 private:
  class Gathering;
  class Alarms;
  // How a member has done.
  struct Tally {
    std::atomic<std::uint64_t> answered{0}, failed{0}, late{0};
    std::atomic<bool> well{true};  // the last time
    mutable std::mutex mutex;      // of the rest
    std::string fault;             // the last
  };
  // The answer, and who has the last word about classes that are equal, of whole.labels.
  void combine(Request& whole, std::span<const float* const> outputs, std::span<const double> weights,
               float* out);
  void note_answer(std::size_t member);
  void note_absence(std::size_t member, Request* request);

  std::vector<Member> members_;
  std::vector<double> weights_;
  std::vector<std::string> names_;
  std::unique_ptr<Tally[]> tallies_;  // of each member
  std::atomic<std::uint64_t> incomplete_{0};
  ensemble::Rule rule_ = ensemble::Rule::mean;
  std::size_t quorum_;
  std::chrono::milliseconds deadline_;
  std::string digest_;
  predict::PredictionKind member_kind_;
  std::optional<ensemble::Stack> stack_;
  std::mutex stack_mutex_;          // of computing with it
  std::int64_t stack_rows_ = 1024;  // at once
  std::uint64_t stack_weight_bytes_ = 0, stack_step_bytes_ = 0;
  std::shared_ptr<const Schema> inputs_, outputs_;
  std::unique_ptr<Alarms> alarms_;  // where there is a deadline
};

}  // namespace nn::serving
