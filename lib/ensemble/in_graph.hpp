// In-graph ensembles: one process holds every member, each on its own device, and the
// aggregation. A single model is an ensemble of one, without threads of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "ensemble/combiner.hpp"
#include "predict/placement.hpp"
#include "tensor/batch.hpp"

namespace nn::ensemble {

struct InGraphOptions {
  std::vector<predict::Member> members;   // at least one
  std::optional<backend::Device> device;  // of members that name none
  Combination combination;
  std::optional<Uncertainty> uncertainty;
  backend::Precision precision = backend::Precision::float32;
  std::int64_t batch = 1024;  // most rows of one step; results don't depend on it
};

// Predictions of the rows of `source`, in order, in batches of at most options.batch
// rows. Several members compute at the same time and a bounded number of blocks ahead.
// Usage and data errors when models are missing, don't fit the table or differ in what
// they answer (both are named).
std::unique_ptr<BatchSource> predict_in_graph(std::unique_ptr<BatchSource> source,
                                              const InGraphOptions& options);

}  // namespace nn::ensemble
