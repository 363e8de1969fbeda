// A version of a model that is an ensemble of others.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ensemble/ensemble_file.hpp"
#include "serving/replicated_model.hpp"

namespace nn::serving {

// Members compute at the same time, each on its device, and are combined by the rules of lib/ensemble: to the
// last digit what predict_in_graph() answers. A request says who took part (Request::took_part, by
// members()). One that fails, or is late, is left out while the quorum has answered. Thread-safe.
class EnsembleModel : public Servable {
 public:
  struct Member {
    std::string name;
    double weight = 1;
    std::shared_ptr<Servable> servable;
  };
  struct Options {
    ensemble::Combination combination = {};
    std::size_t quorum = 0;                 // of members; 0: all
    std::chrono::milliseconds deadline{0};  // 0: all are waited for
  };

  // Loads the members. One whose device isn't among the places is a data error; those that name none take
  // turns. Data errors for members that answer different things, or want different things by one name; others
  // as predict::Predictor has them.
  EnsembleModel(std::string name, std::uint64_t version, const ensemble::EnsembleFile& file,
                std::span<const Place> places, backend::Precision precision);
  // Of servables that are there.
  EnsembleModel(std::string name, std::uint64_t version, std::vector<Member> members, Options options);
  ~EnsembleModel() override;

  const std::string& digest() const override { return digest_; }
  const predict::PredictionKind& kind() const override { return members_.front().servable->kind(); }
  std::shared_ptr<const Schema> inputs() const override { return inputs_; }
  std::shared_ptr<const Schema> outputs() const override { return outputs_; }
  BoundTable bind(const Schema& table) const override;

  bool submit(std::shared_ptr<Request> request) override;
  // The longest of its members'.
  std::chrono::microseconds predicted_wait(std::int64_t rows,
                                           Priority priority = Priority::normal) const override;
  bool is_crowded() const override;  // a member is
  LoadReport report() const override;
  std::uint64_t bytes() const override;
  std::span<const std::string> members() const override { return names_; }

  // Of the members that it has loaded.
  void warm_up(const WarmUp& options);

 private:
  class Gathering;
  class Alarms;
  static std::vector<Member> open(const ensemble::EnsembleFile& file, std::span<const Place> places,
                                  backend::Precision precision);

  std::vector<Member> members_;
  std::vector<double> weights_;
  std::vector<std::string> names_;
  ensemble::Rule rule_ = ensemble::Rule::mean;
  std::size_t quorum_;
  std::chrono::milliseconds deadline_;
  std::string digest_;
  std::shared_ptr<const Schema> inputs_, outputs_;
  std::unique_ptr<Alarms> alarms_;  // where there is a deadline
};

}  // namespace nn::serving
