// The parts of a step that are the same on every device. Internal to the backends and the training loop.
#pragma once

#include <cstdint>
#include <span>

#include "backend/backend.hpp"
#include "base/error.hpp"
#include "nn/plan.hpp"

namespace nn::backend {

// Refuses options that the networks of a program can't have in different ways.
inline void check_alike(std::span<const ProgramOptions> members) {
  if (members.empty()) fail(ErrorKind::internal, "a program without networks");
  const ProgramOptions& first = members.front();
  for (ProgramOptions other : members) {
    other.l2 = first.l2;
    other.label_smoothing = first.label_smoothing;
    other.seed = first.seed;
    other.optimizer.weight_decay = first.optimizer.weight_decay;
    if (other != first) fail(ErrorKind::internal, "networks of a program with different options");
  }
}

// Sum of the weights of all rows of a step's parts, without weights 1 each.
template <typename Examples>
double weight_of(std::span<const Examples> parts) {
  const auto row = [](const Examples& e, std::int64_t i) -> std::int64_t {
    if constexpr (requires { e.chosen; }) return e.chosen != nullptr ? std::int64_t{e.chosen[i]} : i;
    return i;
  };
  double total = 0;
  for (const Examples& e : parts) {
    if (e.weights == nullptr) total += static_cast<double>(e.rows);
    for (std::int64_t i = 0; e.weights != nullptr && i < e.rows; ++i)
      total += static_cast<double>(e.weights[row(e, i)]);
  }
  return total;
}

// What a row's loss counts in a step: 1 / rows of all its parts. Weights are no part of it: divided by
// their sum, a step's rows would weigh as much in all as those of any other step, and rare ones lose theirs.
template <typename Examples>
double scale_of(std::span<const Examples> parts, const ProgramOptions& options) {
  if (parts.empty() || static_cast<std::int64_t>(parts.size()) > options.parts)
    fail(ErrorKind::internal, "{} parts in a step of {}", parts.size(), options.parts);
  std::int64_t rows = 0;
  for (const Examples& e : parts) rows += e.rows;
  return 1 / static_cast<double>(rows);
}

}  // namespace nn::backend
