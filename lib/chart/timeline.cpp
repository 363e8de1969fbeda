#include "chart/timeline.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>
#include <string_view>

namespace nn::chart {
namespace {

// "cuda:2" before "cuda:10".
bool by_name(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      const auto number = [&](std::string_view text, std::size_t& at) {
        while (at < text.size() && text[at] == '0') ++at;
        const std::size_t begin = at;
        while (at < text.size() && digit(text[at])) ++at;
        return text.substr(begin, at - begin);
      };
      const std::string_view m = number(a, i), n = number(b, j);
      if (m.size() != n.size()) return m.size() < n.size();
      if (m != n) return m < n;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

struct Pause {
  double begin, end;
};

// Between the end of all that ran and the next beginning.
std::vector<Pause> pauses_of(const std::vector<Stretch>& by_beginning) {
  std::vector<double> lengths;
  lengths.reserve(by_beginning.size());
  for (const Stretch& s : by_beginning) lengths.push_back(s.end_s - s.begin_s);
  std::nth_element(lengths.begin(), lengths.begin() + static_cast<std::ptrdiff_t>(lengths.size() / 2),
                   lengths.end());
  constexpr double usual_trials = 10, least_s = 60;
  const double longest_wait = std::max(usual_trials * lengths[lengths.size() / 2], least_s);
  std::vector<Pause> pauses;
  double last = by_beginning.front().end_s;
  for (const Stretch& s : by_beginning) {
    if (s.begin_s - last > longest_wait) pauses.push_back({last, s.begin_s});
    last = std::max(last, s.end_s);
  }
  return pauses;
}

}  // namespace

Timeline timeline_of(const Results& results) {
  Timeline timeline;
  std::vector<Stretch> all;
  std::vector<SlotTime> slots(results.slots.size());
  for (const Result& trial : results.trials) {
    if (!std::isfinite(trial.begin_s) || !std::isfinite(trial.end_s)) continue;
    all.push_back(
        {trial.begin_s, trial.end_s, trial.is_part() ? study::State::pruned : trial.state, trial.number});
  }
  if (all.empty()) return timeline;
  const auto earlier = [](const Stretch& a, const Stretch& b) { return a.begin_s < b.begin_s; };
  std::stable_sort(all.begin(), all.end(), earlier);
  const std::vector<Pause> pauses = pauses_of(all);
  std::vector<double> cut_before{0};  // seconds that the pauses up to each take together
  for (const Pause& pause : pauses) cut_before.push_back(cut_before.back() + pause.end - pause.begin);
  const double first = all.front().begin_s;
  const auto without_pauses = [&](double seconds) {
    const auto after = std::upper_bound(pauses.begin(), pauses.end(), seconds,
                                        [](double value, const Pause& p) { return value < p.end; });
    return seconds - first - cut_before[static_cast<std::size_t>(after - pauses.begin())];
  };
  for (const Pause& pause : pauses) timeline.cuts.push_back(without_pauses(pause.end));
  timeline.pauses = pauses.size();
  timeline.pause_seconds = cut_before.back();
  for (std::size_t s = 0; s < slots.size(); ++s) slots[s].name = results.slots[s];
  for (const Result& trial : results.trials) {
    if (!std::isfinite(trial.begin_s) || !std::isfinite(trial.end_s)) continue;
    const Stretch stretch{without_pauses(trial.begin_s), without_pauses(trial.end_s),
                          trial.is_part() ? study::State::pruned : trial.state, trial.number};
    timeline.seconds = std::max(timeline.seconds, stretch.end_s);
    slots[trial.slot].stretches.push_back(stretch);
  }
  double busy = 0;
  for (SlotTime& slot : slots) {
    std::stable_sort(slot.stretches.begin(), slot.stretches.end(), earlier);
    // Times of several trials on one slot count once.
    double taken = 0, until = 0;
    for (const Stretch& s : slot.stretches) {
      taken += std::max(0.0, s.end_s - std::max(s.begin_s, until));
      until = std::max(until, s.end_s);
    }
    slot.busy = timeline.seconds > 0 ? taken / timeline.seconds : 0;
    busy += slot.busy;
  }
  timeline.busy = busy / static_cast<double>(slots.size());
  std::stable_sort(slots.begin(), slots.end(),
                   [](const SlotTime& a, const SlotTime& b) { return by_name(a.name, b.name); });
  timeline.slots = std::move(slots);
  return timeline;
}

}  // namespace nn::chart
