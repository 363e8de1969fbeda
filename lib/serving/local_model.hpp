// A version of a model on this process's device.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "predict/predictor.hpp"
#include "serving/local_servable.hpp"

namespace nn::serving {

struct WarmUp {
  std::int64_t rows = 1024;  // the most that a step will have
  // The cores that are to be spared no work while steps are tried out, where the device's own have other
  // things to do.
  std::optional<backend::Device> elsewhere = {};
};

class LocalModel : public LocalServable {
 public:
  // Loads the file. Errors as predict::Predictor has them.
  LocalModel(std::string name, std::uint64_t version, const std::string& path, const backend::Device& device,
             backend::Precision precision, Batcher* batcher);
  // A model that was loaded from there, whose weights others may have as well: there is one copy of them on
  // the CPU's side.
  LocalModel(std::string name, std::uint64_t version, const std::string& path, model::Model model,
             const backend::Device& device, backend::Precision precision, Batcher* batcher);

  const std::string& digest() const override { return predictor_.digest(); }
  const predict::PredictionKind& kind() const override { return predictor_.kind(); }
  std::shared_ptr<const Schema> inputs() const override { return inputs_; }
  std::shared_ptr<const Schema> outputs() const override { return outputs_; }
  const table::Reading* reading() const override { return &reading_; }
  BoundTable bind(const Schema& table) const override { return {.encoder = predictor_.bind(table)}; }
  std::int64_t work_per_row() const override { return predictor_.work_per_row(); }
  void compute(std::span<const predict::PredictorInput> inputs, float* out) override;
  LoadReport report() const override;

  std::optional<std::chrono::nanoseconds> try_step(std::int64_t rows) override;

  // Computes steps of rows that mean nothing, of each power of two of rows up to that many, so that the first
  // requests don't pay for it, and measures them. In the thread that loads, which is pinned to the device
  // or elsewhere afterwards.
  void warm_up(const WarmUp& options);
  void warm_up(std::int64_t rows) { warm_up(WarmUp{.rows = rows}); }

 private:
  void tell_unknown(const std::vector<std::size_t>& columns) const;

  table::Reading reading_;
  predict::Predictor predictor_;
  bool one_thread_;
  std::int64_t tried_rows_ = 0;  // the most of a step in warm-up
  std::shared_ptr<const Schema> inputs_, outputs_;
};

}  // namespace nn::serving
