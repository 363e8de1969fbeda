// The last stage of an ensemble: members' outputs in, one batch of predictions out. The
// same for in-graph and between-graph ensembles.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/device.hpp"
#include "ensemble/combination.hpp"
#include "ensemble/rules.hpp"
#include "ensemble/stack.hpp"
#include "predict/predictions.hpp"
#include "tensor/batch.hpp"

namespace nn::ensemble {

struct CombinerOptions {
  Combination combination;
  std::optional<Uncertainty> uncertainty;
  backend::Device device;  // of a stacking model
  std::size_t members = 1;
  bool weighted = false;  // some member has a weight other than 1: what `automatic` looks at
};

// One thread.
class Combiner {
 public:
  // `source` is the schema of the rows: id and y pass through. Usage errors when a rule
  // or an uncertainty doesn't fit what the members answer; a stacking model is loaded.
  Combiner(const predict::PredictionKind& members, const CombinerOptions& options, const Schema& source,
           Metadata metadata);
  ~Combiner();
  const std::shared_ptr<const Schema>& schema() const;

  // outputs[m] is [rows, width] of member m, in order, with one weight each; all members
  // of the ensemble where the combination needs all, at least one otherwise.
  Batch combine(const Batch& source, std::span<const float* const> outputs, std::span<const double> weights);

 private:
  Buffer combined(std::int64_t rows, std::span<const float* const> outputs,
                  std::span<const double> weights) const;
  Batch stacked(const Batch& source, std::span<const float* const> outputs);
  Batch concatenated(const Batch& source, std::span<const float* const> outputs) const;
  const float* uncertainty_of(std::int64_t rows, std::span<const float* const> outputs, const float* result);

  predict::PredictionKind members_;
  Combination combination_;
  std::optional<Uncertainty> uncertainty_;
  std::optional<Stack> stack_;
  std::unique_ptr<predict::PredictionBuilder> builder_;  // null for concat
  std::shared_ptr<const Schema> features_;               // concat
  std::vector<std::size_t> passed_;                      // concat
  Buffer uncertainties_, answers_;
};

}  // namespace nn::ensemble
