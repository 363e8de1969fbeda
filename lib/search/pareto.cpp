#include "search/pareto.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

namespace nn::search {
namespace {

// Whether it is at least as good in all, which equal ones are of each other.
bool covers(const Losses& a, const Losses& b) {
  for (std::size_t o = 0; o < a.size(); ++o) {
    if (a[o] > b[o]) return false;
  }
  return true;
}

// Places of different trials by their values: none is dominated by one behind it.
std::vector<std::size_t> sorted_places(const std::vector<Losses>& trials) {
  std::vector<std::size_t> places(trials.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::stable_sort(places.begin(), places.end(),
                   [&](std::size_t a, std::size_t b) { return trials[a] < trials[b]; });
  places.erase(std::unique(places.begin(), places.end(),
                           [&](std::size_t a, std::size_t b) { return trials[a] == trials[b]; }),
               places.end());
  return places;
}

// Takes the front out of places in that order.
std::vector<std::size_t> take_front(const std::vector<Losses>& trials, std::vector<std::size_t>& places) {
  std::vector<std::size_t> front, rest;
  for (const std::size_t place : places) {
    // Of two objectives only the last of the front can be better in the second.
    const auto first = trials[place].size() <= 2 && !front.empty() ? front.end() - 1 : front.begin();
    const bool beaten =
        std::any_of(first, front.end(), [&](std::size_t f) { return covers(trials[f], trials[place]); });
    (beaten ? rest : front).push_back(place);
  }
  places = std::move(rest);
  return front;
}

double box(const Losses& trial, const Losses& reference) {
  double volume = 1;
  for (std::size_t o = 0; o < trial.size(); ++o) volume *= reference[o] - trial[o];
  return volume;
}

std::vector<Losses> front_of(const std::vector<Losses>& trials) {
  auto places = sorted_places(trials);
  std::vector<Losses> front;
  for (const std::size_t place : take_front(trials, places)) front.push_back(trials[place]);
  return front;
}

double area(const std::vector<Losses>& front, const Losses& reference) {
  double sum = 0, height = reference[1];
  for (const Losses& trial : front) {
    sum += (reference[0] - trial[0]) * (height - trial[1]);
    height = trial[1];
  }
  return sum;
}

// Slices of the first objective: between one trial and the next all up to here cover the same of the others.
double sliced(const std::vector<Losses>& front, const Losses& reference) {
  const Losses rest(reference.begin() + 1, reference.end());
  double sum = 0;
  std::vector<Losses> slice;
  for (std::size_t i = 0; i < front.size(); ++i) {
    slice.emplace_back(front[i].begin() + 1, front[i].end());
    const double end = i + 1 < front.size() ? front[i + 1][0] : reference[0];
    if (end > front[i][0]) sum += (end - front[i][0]) * hypervolume(slice, rest);
  }
  return sum;
}

}  // namespace

std::vector<std::size_t> domination_ranks(const std::vector<Losses>& trials, std::size_t enough) {
  auto places = sorted_places(trials);
  const std::size_t different = places.size();
  std::vector<std::size_t> sorted = places, ranks(trials.size());
  std::size_t rank = 0;
  for (; different - places.size() < std::min(enough, different); ++rank) {
    for (const std::size_t place : take_front(trials, places)) ranks[place] = rank;
  }
  for (const std::size_t place : places) ranks[place] = rank;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const auto equal = std::lower_bound(sorted.begin(), sorted.end(), i,
                                        [&](std::size_t a, std::size_t b) { return trials[a] < trials[b]; });
    ranks[i] = ranks[*equal];
  }
  return ranks;
}

std::vector<std::size_t> pareto_front(const std::vector<Losses>& trials) {
  const auto ranks = domination_ranks(trials, 1);
  std::vector<std::size_t> front;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (ranks[i] == 0) front.push_back(i);
  }
  return front;
}

double hypervolume(std::vector<Losses> trials, const Losses& reference) {
  trials.erase(std::remove_if(trials.begin(), trials.end(),
                              [&](const Losses& trial) { return !covers(trial, reference); }),
               trials.end());
  if (trials.empty()) return 0;
  const auto front = front_of(trials);
  if (reference.size() == 1) return reference[0] - front[0][0];
  return reference.size() == 2 ? area(front, reference) : sliced(front, reference);
}

std::vector<std::size_t> greatest_hypervolume(const std::vector<Losses>& trials, std::size_t count,
                                              const Losses& reference) {
  std::vector<std::size_t> left = sorted_places(trials), chosen;
  if (left.size() < count) {  // all that differ, and then the first of the others
    chosen = left;
    for (std::size_t i = 0; chosen.size() < count; ++i) {
      if (std::find(left.begin(), left.end(), i) == left.end()) chosen.push_back(i);
    }
    return chosen;
  }
  // What one adds never grows while others are chosen, so that what it added before says whether to look
  // again.
  std::vector<double> most;
  most.reserve(left.size());
  for (const std::size_t place : left) most.push_back(box(trials[place], reference));
  std::vector<bool> known(left.size(), true);
  std::vector<Losses> covered;
  double volume = 0;
  while (chosen.size() < count) {
    std::size_t best = 0;
    for (;;) {
      best = static_cast<std::size_t>(std::max_element(most.begin(), most.end()) - most.begin());
      if (known[best]) break;
      covered.push_back(trials[left[best]]);
      most[best] = hypervolume(covered, reference) - volume;
      covered.pop_back();
      known[best] = true;
    }
    volume += most[best];
    chosen.push_back(left[best]);
    covered.push_back(trials[left[best]]);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(best));
    most.erase(most.begin() + static_cast<std::ptrdiff_t>(best));
    known.assign(left.size(), false);
  }
  return chosen;
}

}  // namespace nn::search
