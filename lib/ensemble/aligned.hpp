// Between-graph ensembles: prediction streams of several members, brought together row
// by row and aggregated.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ensemble/combiner.hpp"
#include "tensor/batch.hpp"
#include "tensor/read_ahead.hpp"

namespace nn::ensemble {

struct StreamMember {
  std::string name;      // for messages: the file as given
  ReadAhead::Open open;  // called in a thread of its own
};

struct AggregateOptions {
  Combination combination;
  std::optional<Uncertainty> uncertainty;
  backend::Device device;             // of a stacking model
  std::optional<std::size_t> quorum;  // members that suffice; none: all must answer
  std::vector<double> weights;        // one a member; empty: nn.weight of each stream, else 1
};

// Predictions of the rows that the members agree on, in their order. Waits until every
// member's schema is there or has failed.
//
// Members answer the same rows (Batch::first_row and offset) in the same order, of the
// same kind and classes, with the same y and id where they have them. One that doesn't, ends
// while others go on, or fails, is named in a data error; with a quorum in a warning
// that names the row, and the others go on while they are enough. Who deviates is
// decided by the majority; in a tie the lower row is right, then the earlier member.
// A stream that ends is never right against one that goes on: rows do not get lost.
// id and y come from the first member that has them.
std::unique_ptr<BatchSource> aggregate(std::vector<StreamMember> members, const AggregateOptions& options);

}  // namespace nn::ensemble
