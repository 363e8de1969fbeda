#include "serve/counters.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <utility>

namespace nn::serve {

// Times are counted less one microsecond, so that 50 us are in the bucket that ends there, as Prometheus has
// it ("le").
std::size_t TimeBuckets::of(std::chrono::microseconds time) {
  const std::uint64_t value = time.count() > 0 ? static_cast<std::uint64_t>(time.count()) - 1 : 0;
  if (value < 16) return static_cast<std::size_t>(value);
  const auto power = static_cast<std::size_t>(std::bit_width(value) - 5);
  return std::min<std::size_t>(16 * power + static_cast<std::size_t>(value >> power), count - 1);
}

std::uint64_t TimeBuckets::end_us(std::size_t bucket) {
  if (bucket < 32) return bucket + 1;
  const std::size_t power = (bucket - 16) / 16;
  return static_cast<std::uint64_t>(bucket - 16 * power + 1) << power;
}

void TimeHistogram::add(std::chrono::microseconds time) {
  counts_[TimeBuckets::of(time)].add();
  if (time.count() > 0) sum_us_.add(static_cast<std::uint64_t>(time.count()));
}

void TimeCounts::add(const TimeHistogram& histogram) {
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    const std::uint64_t n = histogram.counts_[i].get();
    counts_[i] += n;
    count_ += n;
  }
  sum_us_ += histogram.sum_us_.get();
}

void TimeCounts::add(const TimeCounts& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_us_ += other.sum_us_;
}

TimeCounts TimeCounts::since(const TimeCounts& before) const {
  TimeCounts out;
  const auto less = [](std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; };
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    out.counts_[i] = less(counts_[i], before.counts_[i]);
    out.count_ += out.counts_[i];
  }
  out.sum_us_ = less(sum_us_, before.sum_us_);
  return out;
}

std::uint64_t TimeCounts::at_most_us(std::uint64_t us) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts_.size() && TimeBuckets::end_us(i) <= us; ++i) sum += counts_[i];
  return sum;
}

std::uint64_t TimeCounts::quantile_us(double q) const {
  if (count_ == 0) return 0;
  const double wanted = q * static_cast<double>(count_);
  std::uint64_t sum = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    sum += counts_[i];
    last = i;
    if (static_cast<double>(sum) >= wanted) break;
  }
  return TimeBuckets::end_us(last);
}

void Outcomes::count(Protocol protocol, bool grpc, int code, std::string_view route) {
  if (entries_.size() >= most) route = {};
  Entry* entry = entries_.find([&](const Entry& e) {
    const Outcome& has = e.outcome;
    return has.code == code && has.protocol == protocol && has.grpc == grpc && has.route == route;
  });
  if (entry == nullptr) entry = &entries_.add(Outcome{protocol, grpc, code, std::string(route)});
  entry->count.add();
}

void Outcomes::for_each(const std::function<void(const Outcome&, std::uint64_t)>& take) const {
  entries_.for_each([&](const Entry& entry) { take(entry.outcome, entry.count.get()); });
}

DeviceCounters& VersionCounters::device(std::string_view name) {
  DeviceCounters* found = devices.find([&](const DeviceCounters& has) { return has.device == name; });
  return found != nullptr ? *found : devices.add(name);
}

std::shared_ptr<VersionCounters> Counters::Thread::of(const std::string& model, std::uint64_t version) {
  const std::lock_guard lock(mutex_);
  const auto key = [](const VersionCounters& c) {
    return std::pair<const std::string&, std::uint64_t>(c.model, c.version);
  };
  const std::pair<const std::string&, std::uint64_t> wanted(model, version);
  const auto at = std::lower_bound(versions_.begin(), versions_.end(), wanted,
                                   [&](const auto& has, const auto& other) { return key(*has) < other; });
  if (at != versions_.end() && key(**at) == wanted) return *at;
  return *versions_.insert(at, std::make_shared<VersionCounters>(model, version));
}

Counters::Thread& Counters::add_thread() {
  const std::lock_guard lock(mutex_);
  threads_.push_back(std::make_unique<Thread>());
  return *threads_.back();
}

namespace {

void add_outcomes(std::vector<VersionTotals::Ended>& to, const Outcomes& from, std::uint64_t& sum) {
  from.for_each([&](const Outcome& outcome, std::uint64_t count) {
    sum += count;
    const auto at = std::find_if(to.begin(), to.end(), [&](const VersionTotals::Ended& has) {
      return has.outcome.code == outcome.code && has.outcome.protocol == outcome.protocol &&
             has.outcome.grpc == outcome.grpc && has.outcome.route == outcome.route;
    });
    if (at == to.end()) {
      to.push_back({outcome, count});
    } else {
      at->count += count;
    }
  });
}

void add_device(VersionTotals& to, const DeviceCounters& from) {
  auto at = std::find_if(to.devices.begin(), to.devices.end(),
                         [&](const VersionTotals::Device& has) { return has.device == from.device; });
  if (at == to.devices.end()) at = to.devices.insert(at, {from.device, 0, {}});
  const std::uint64_t rows = from.rows.get();
  TimeCounts compute;
  compute.add(from.compute);
  at->rows += rows;
  at->compute.add(compute);
  to.rows += rows;
  to.compute.add(compute);
}

// What ended is read before what began, so that there are never more of the former.
void add_version(VersionTotals& to, const VersionCounters& from) {
  add_outcomes(to.outcomes, from.outcomes, to.ended);
  to.started += from.started.get();
  to.cancelled += from.cancelled.get();
  to.parse_us += from.parse_us.get();
  to.write_us += from.write_us.get();
  to.failed += from.failed.get();
  to.failed_us += from.failed_us.get();
  to.last_ms = std::max(to.last_ms, from.last_ms.get());
  to.total.add(from.total);
  to.queue.add(from.queue);
  from.devices.for_each([&](const DeviceCounters& device) { add_device(to, device); });
}

void add_shed(ShedCounts& to, const std::array<Counter, shed_names.size()>& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i].get();
}

}  // namespace

std::vector<std::shared_ptr<VersionCounters>> Counters::Thread::versions() const {
  const std::lock_guard lock(mutex_);
  return versions_;
}

Totals Counters::totals() const {
  const std::lock_guard lock(mutex_);
  Totals out;
  std::map<Key, VersionTotals> versions;
  out.shed = forgotten_shed_;
  std::uint64_t ended = 0;
  for (const auto& thread : threads_) {
    add_outcomes(out.others, thread->others, ended);
    add_shed(out.shed[{}], thread->shed);
    for (const auto& counters : thread->versions()) {
      VersionTotals& to = versions[{counters->model, counters->version}];
      to.model = counters->model;
      to.version = counters->version;
      add_version(to, *counters);
      add_shed(out.shed[counters->model], counters->shed);
    }
  }
  out.versions.reserve(versions.size());
  for (auto& [key, version] : versions) out.versions.push_back(std::move(version));
  return out;
}

VersionTotals Counters::overall() const {
  const std::lock_guard lock(mutex_);
  VersionTotals out = forgotten_;
  for (const auto& thread : threads_) {
    add_outcomes(out.outcomes, thread->others, out.ended);
    for (const auto& counters : thread->versions()) add_version(out, *counters);
  }
  return out;
}

std::uint64_t Counters::under_way(const std::string& model, std::uint64_t version) const {
  const std::lock_guard lock(mutex_);
  VersionTotals sum;
  for (const auto& thread : threads_) {
    for (const auto& counters : thread->versions()) {
      if (counters->version != version || counters->model != model) continue;
      add_outcomes(sum.outcomes, counters->outcomes, sum.ended);
      sum.started += counters->started.get();
    }
  }
  return sum.under_way();
}

// Who keeps a version's counters may count, and be told of, at any time.
std::vector<Counters::Key> Counters::forgettable(const IsGone& is_gone, std::uint64_t oldest_ms,
                                                 std::size_t most) const {
  std::map<Key, std::uint64_t> last_ms;
  std::set<Key> kept;
  for (const auto& thread : threads_) {
    const std::lock_guard lock(thread->mutex_);
    for (const auto& counters : thread->versions_) {
      const Key key(counters->model, counters->version);
      if (counters.use_count() > 1) kept.insert(key);
      auto& last = last_ms[key];
      last = std::max(last, counters->last_ms.get());
    }
  }
  std::map<std::string, std::vector<std::pair<std::uint64_t, std::uint64_t>>>
      gone;  // of models: last, version
  for (const auto& [key, last] : last_ms) {
    if (!kept.contains(key) && is_gone(key.first, key.second)) gone[key.first].emplace_back(last, key.second);
  }
  std::vector<Key> out;
  for (auto& [model, versions] : gone) {
    std::sort(versions.rbegin(), versions.rend());
    for (std::size_t i = 0; i < versions.size(); ++i) {
      if (i >= most || versions[i].first < oldest_ms) out.emplace_back(model, versions[i].second);
    }
  }
  return out;
}

void Counters::forget(const IsGone& is_gone, std::uint64_t oldest_ms, std::size_t most) {
  const std::lock_guard lock(mutex_);
  const std::vector<Key> keys = forgettable(is_gone, oldest_ms, most);
  const std::set<Key> forgotten(keys.begin(), keys.end());
  if (forgotten.empty()) return;
  for (const auto& thread : threads_) {
    const std::lock_guard versions_lock(thread->mutex_);
    std::erase_if(thread->versions_, [&](const auto& counters) {
      if (counters.use_count() > 1 || !forgotten.contains({counters->model, counters->version})) return false;
      add_version(forgotten_, *counters);
      add_shed(forgotten_shed_[counters->model], counters->shed);
      return true;
    });
  }
}

}  // namespace nn::serve
