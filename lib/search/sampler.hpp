// Samplers propose what to try next. They are functions of the space, the history and a stream of random
// numbers: the same of them is the same proposal.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/enum_names.hpp"
#include "base/random.hpp"
#include "search/history.hpp"
#include "search/space.hpp"

namespace nn::search {

enum class SamplerKind : std::uint8_t { automatic, random, grid, sobol, tpe, gp, cmaes };
const EnumNames<SamplerKind>& enum_names(SamplerKind);

// How tpe tells good trials from bad ones, and how wide its kernels are.
enum class TpeVariant : std::uint8_t {
  optuna,    // as Optuna 5: the best tenth; older trials weigh less
  watanabe,  // as arXiv 2304.11127 advises: the best 0.15, which weigh by how good they are, and wider
             // kernels
};
const EnumNames<TpeVariant>& enum_names(TpeVariant);

struct SamplerOptions {
  SamplerKind kind = SamplerKind::automatic;
  TpeVariant tpe = TpeVariant::optuna;
  std::uint64_t seed = 0;         // of what a whole search shares, such as the scrambling of Sobol points
  std::size_t startup = 10;       // trials that are drawn without a model
  std::size_t grid_points = 0;    // of a parameter that has no grid of its own; 0: it is an error
  bool allow_duplicates = false;  // of trials that ended or run
};

struct Proposal {
  Point point;
  SamplerKind by = SamplerKind::random;  // never automatic
};

// Nothing where there is no point left that is neither tried nor forbidden.
// `number` is the trial's, and `random` its own stream: RandomStream(seed, RandomUse::propose, number).
// `so_far` counts the trials that were proposed before, whatever became of them: the place in a sequence.
// A grid has its points in an order, and each trial the one at its place there, or the next that is free;
// others fall back on what is free by chance where all that they would like is taken or forbidden. Usage
// errors where the sampler can't search such a space, Data where what is forbidden leaves too little to be
// found.
std::optional<Proposal> propose(const SamplerOptions& options, const Space& space, const History& history,
                                std::uint64_t so_far, RandomStream& random);

}  // namespace nn::search
