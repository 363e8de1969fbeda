#include "table/sketches.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nn::table {

void DistinctCount::shrink() {
  std::sort(hashes_.begin(), hashes_.end());
  hashes_.erase(std::unique(hashes_.begin(), hashes_.end()), hashes_.end());
  if (hashes_.size() <= most_) return;
  full_ = true;
  hashes_.resize(most_);
  limit_ = hashes_.back();
}

std::int64_t DistinctCount::count() {
  shrink();
  if (!full_) return static_cast<std::int64_t>(hashes_.size());
  const double place = std::ldexp(static_cast<double>(hashes_[most_ - 1]) + 1, -64);
  return std::llround(static_cast<double>(most_ - 1) / place);
}

bool DistinctCount::exact() {
  shrink();
  return !full_;
}

void Quantiles::compact() {
  for (std::size_t level = 0; level < levels_.size() && levels_[level].size() >= size_; ++level) {
    if (level + 1 == levels_.size()) levels_.emplace_back();
    std::vector<double>& from = levels_[level];
    std::sort(from.begin(), from.end());
    for (std::size_t i = random_.below(2); i < from.size(); i += 2) levels_[level + 1].push_back(from[i]);
    from.clear();
  }
}

std::vector<double> Quantiles::at(const std::vector<double>& q) const {
  std::vector<std::pair<double, double>> values;  // and their weights
  double total = 0;
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    const double weight = std::ldexp(1.0, static_cast<int>(level));
    for (const double value : levels_[level]) values.emplace_back(value, weight);
    total += weight * static_cast<double>(levels_[level].size());
  }
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  std::vector<double> out;
  for (const double part : q) {
    if (exact()) {
      const double place = part * static_cast<double>(values.size() - 1);
      const auto low = static_cast<std::size_t>(place);
      const std::size_t high = std::min(low + 1, values.size() - 1);
      const double a = values[low].first, b = values[high].first;
      out.push_back(a == b ? a : a + (b - a) * (place - static_cast<double>(low)));
      continue;
    }
    double below = 0;
    std::size_t i = 0;
    while (i + 1 < values.size() && below + values[i].second <= part * total) below += values[i++].second;
    out.push_back(values[i].first);
  }
  return out;
}

void FrequentTexts::add(std::string_view text, std::uint64_t hash, std::int64_t times) {
  constexpr std::size_t longest = 200;
  if (const auto found = entries_.find(hash); found != entries_.end()) {
    found->second.count += times;
    return;
  }
  if (entries_.size() >= most_) purge();
  entries_.emplace(hash, Entry{std::string(text.substr(0, longest)), times + over_, over_});
}

// The rare half goes at once, so that looking for it takes constant time for each text. What was counted of
// them may have been of those that come in their place.
void FrequentTexts::purge() {
  std::vector<std::int64_t> counts;
  for (const auto& [hash, entry] : entries_) counts.push_back(entry.count);
  const auto middle = counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2);
  std::nth_element(counts.begin(), middle, counts.end());
  over_ = *middle;
  std::erase_if(entries_, [&](const auto& entry) { return entry.second.count <= over_; });
}

std::vector<FrequentTexts::Entry> FrequentTexts::top(std::size_t count) const {
  std::vector<Entry> out;
  for (const auto& [hash, entry] : entries_) out.push_back(entry);
  std::sort(out.begin(), out.end(), [](const Entry& a, const Entry& b) {
    return a.count != b.count ? a.count > b.count : a.text < b.text;
  });
  if (out.size() > count) out.resize(count);
  return out;
}

}  // namespace nn::table
