// Several objectives at once: which trials nothing beats, and how much a set of them covers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nn::search {

// The values of one trial, less being better, without NaN or infinity. All of a set have as many.
using Losses = std::vector<double>;

// 0 for those that no other dominates, 1 for those that only these dominate, and so on. Equal ones have the
// same rank. Ranks are right until `enough` are ranked; all others have the next one. n log n for two
// objectives, and n times the size of a front for each front otherwise.
std::vector<std::size_t> domination_ranks(const std::vector<Losses>& trials, std::size_t enough);

// The places of those that no other dominates, in their order.
std::vector<std::size_t> pareto_front(const std::vector<Losses>& trials);

// The volume between `reference` and what dominates it. Of more than three objectives the time is exponential
// in their number. Trials that don't dominate the reference count for nothing.
double hypervolume(std::vector<Losses> trials, const Losses& reference);

// The places of `count` of them that cover much volume together, chosen one after the other, each time the
// one that adds most. REQUIRES: count <= trials.size().
std::vector<std::size_t> greatest_hypervolume(const std::vector<Losses>& trials, std::size_t count,
                                              const Losses& reference);

}  // namespace nn::search
