// Population based training (Jaderberg et al., arXiv 1711.09846): members train side by side; at each
// interval one of the worst goes on from the checkpoint of one of the best, with other parameters near its
// own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/random.hpp"
#include "search/pruner.hpp"
#include "search/space.hpp"

namespace nn::search {

// A member's latest generation: its trial, and its score at its last interval; less is better, NaN: none yet.
// They may have come differently far: nobody is waited for.
struct Member {
  std::uint32_t trial = 0;
  double score = std::numeric_limits<double>::quiet_NaN();
};

// How a member stands among those with a score, and whom it goes on from.
struct Standing {
  std::size_t place = 0, count = 0;   // from 1, of all with a score
  std::size_t quantile = 0;           // how many at each end are replaced or copied
  std::optional<std::size_t> copied;  // the member that takes its place; nothing: it goes on itself
};

// At the end of an interval. The worst ceil(quantile * n) of n members, at most half of them, are replaced,
// each by one of as many best ones, which are equally likely.
Standing exploited(const std::vector<Member>& members, std::size_t member, double quantile,
                   RandomStream& random);
// Who takes the place of one that failed, drawn in the same way; nothing where no other has a score.
std::optional<std::size_t> successor(const std::vector<Member>& members, std::size_t failed, double quantile,
                                     RandomStream& random);

// A point near the copied member's: each number by 1.2 or 0.8 times, within its range, on a grid by one step
// at least, an ordinal's to a neighbour; a choice stays; and of each, with the probability `resample`, any of
// its distribution. Parameters that come with another choice are drawn. Where 100 of them are forbidden,
// nothing.
std::optional<Point> explored(const Space& space, const Point& point, double resample, RandomStream& random);

// "0.93 is the 9th of 12 at step 40; the worst 3 go on as one of the best 3".
std::string to_string(const Standing& standing, double score, std::int64_t step);

}  // namespace nn::search
