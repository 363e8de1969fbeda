// Counters of requests, kept by the threads that answer them, so that no request waits for a lock or for
// another's cache line. For this module only.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/route.hpp"

namespace nn::serve {

// One thread adds, any thread reads.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.store(get() + n, std::memory_order_relaxed); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Buckets of times: 16 for each power of two of microseconds, so that the ends of buckets are wrong by 1/16
// at most, and 50 us, 100 us, 200 us and so on are ends of some.
class TimeBuckets {
 public:
  static constexpr std::size_t count = 352;  // up to 33 s; the last one has all beyond
  static std::size_t of(std::chrono::microseconds time);
  static std::uint64_t end_us(std::size_t bucket);  // that itself is in it
};

class TimeHistogram {
 public:
  void add(std::chrono::microseconds time);

 private:
  friend class TimeCounts;
  std::array<Counter, TimeBuckets::count> counts_;
  Counter sum_us_;
};

// A histogram's counts at one moment, or the sum of several.
class TimeCounts {
 public:
  void add(const TimeHistogram& histogram);
  void add(const TimeCounts& other);
  // What has come since an earlier moment.
  TimeCounts since(const TimeCounts& before) const;
  std::uint64_t count() const { return count_; }
  std::uint64_t sum_us() const { return sum_us_; }
  std::uint64_t at_most_us(std::uint64_t us) const;  // how many; us is an end of a bucket
  // Upper end of the bucket with the q-th part of all times below it; 0 without any.
  std::uint64_t quantile_us(double q) const;
  std::uint64_t in_bucket(std::size_t bucket) const { return counts_[bucket]; }

 private:
  std::array<std::uint64_t, TimeBuckets::count> counts_{};
  std::uint64_t count_ = 0, sum_us_ = 0;
};

// Things by what they are of, made as they come; they stay. One thread adds, any thread reads.
template <typename T>
class GrowingList {
 public:
  GrowingList() = default;
  GrowingList(const GrowingList&) = delete;
  GrowingList& operator=(const GrowingList&) = delete;
  ~GrowingList() {
    for (Node* node = first_.load(); node != nullptr;) delete std::exchange(node, node->next.load());
  }
  // The first that is; null without one.
  template <typename Is>
  T* find(const Is& is) {
    for (Node* node = first_.load(std::memory_order_relaxed); node != nullptr;
         node = node->next.load(std::memory_order_relaxed)) {
      if (is(node->value)) return &node->value;
    }
    return nullptr;
  }
  template <typename... Args>
  T& add(Args&&... args) {
    auto* node = new Node(std::forward<Args>(args)...);
    (last_ == nullptr ? first_ : last_->next).store(node, std::memory_order_release);
    last_ = node;
    ++size_;
    return node->value;
  }
  std::size_t size() const { return size_; }  // the thread's that adds
  template <typename Take>
  void for_each(const Take& take) const {
    for (const Node* node = first_.load(std::memory_order_acquire); node != nullptr;
         node = node->next.load(std::memory_order_acquire)) {
      take(node->value);
    }
  }

 private:
  struct Node {
    template <typename... Args>
    explicit Node(Args&&... args) : value(std::forward<Args>(args)...) {}
    T value;
    std::atomic<Node*> next{nullptr};
  };
  std::atomic<Node*> first_{nullptr};
  Node* last_ = nullptr;
  std::size_t size_ = 0;
};

// How requests ended, by protocol, route (an experiment's arm) and code: HTTP's status, or gRPC's.
struct Outcome {
  Protocol protocol = Protocol::plain;
  bool grpc = false;
  int code = 0;
  std::string route;
};

// One thread counts, any thread reads. Counting again allocates nothing.
class Outcomes {
 public:
  void count(Protocol protocol, bool grpc, int code, std::string_view route);
  void for_each(const std::function<void(const Outcome&, std::uint64_t)>& take) const;

 private:
  static constexpr std::size_t most = 256;  // entries; whatever comes then has no route
  struct Entry {
    explicit Entry(Outcome its) : outcome(std::move(its)) {}
    const Outcome outcome;
    Counter count;
  };
  GrowingList<Entry> entries_;
};

// Of the requests that a device has answered.
struct DeviceCounters {
  explicit DeviceCounters(std::string_view name) : device(name) {}
  const std::string device;  // empty: not known here
  Counter rows;
  TimeHistogram compute;
};

enum class Shed : std::uint8_t { queue, deadline, memory, connections };
inline constexpr std::array<std::string_view, 4> shed_names{"queue", "deadline", "memory", "connections"};
using ShedCounts = std::array<std::uint64_t, shed_names.size()>;

// A thread's counters of a version.
struct VersionCounters {
  VersionCounters(std::string model_name, std::uint64_t number)
      : model(std::move(model_name)), version(number) {}
  const std::string model;
  const std::uint64_t version;
  Counter started, cancelled;
  std::array<Counter, shed_names.size()> shed;
  // Of requests that were answered.
  TimeHistogram total, queue;
  Counter parse_us, write_us;
  Counter failed, failed_us;
  Counter last_ms;  // set() to the time of the last answer, since 1970
  Outcomes outcomes;
  // Allocates nothing for a device that was there before.
  DeviceCounters& device(std::string_view name);
  GrowingList<DeviceCounters> devices;
};

// A version's counters, of all threads.
struct VersionTotals {
  std::string model;
  std::uint64_t version = 0;
  std::uint64_t started = 0, ended = 0, rows = 0, cancelled = 0, parse_us = 0, write_us = 0, failed = 0,
                failed_us = 0, last_ms = 0;
  TimeCounts total, queue, compute;
  struct Ended {
    Outcome outcome;
    std::uint64_t count = 0;
  };
  std::vector<Ended> outcomes;
  struct Device {
    std::string device;
    std::uint64_t rows = 0;
    TimeCounts compute;
  };
  std::vector<Device> devices;  // whose sums `rows` and `compute` are
  std::uint64_t under_way() const { return started > ended ? started - ended : 0; }
};

struct Totals {
  std::vector<VersionTotals> versions;       // by model and version
  std::vector<VersionTotals::Ended> others;  // requests that reached no version
  // What was refused or dropped: by model, with those of versions that are forgotten, so that it never falls;
  // without a name, of requests that reached no version.
  std::map<std::string, ShedCounts> shed;
};

// A server's. Thread-safe but for what is said to be a thread's.
class Counters {
 public:
  // One thread's.
  class Thread {
   public:
    // The counters of a version. In logarithmic time, and under a lock: for whoever keeps them.
    std::shared_ptr<VersionCounters> of(const std::string& model, std::uint64_t version);
    Outcomes others;
    std::array<Counter, shed_names.size()> shed;

   private:
    friend class Counters;
    std::vector<std::shared_ptr<VersionCounters>> versions() const;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<VersionCounters>> versions_;
  };
  // Stays where it is as long as this.
  Thread& add_thread();
  Totals totals() const;
  // Requests of a version that have begun and not ended.
  std::uint64_t under_way(const std::string& model, std::uint64_t version) const;
  // Of all requests that ever ended, in one; `model` is empty.
  VersionTotals overall() const;
  // Of the versions that are gone and that nobody keeps, forgets those that answered last before `oldest_ms`
  // (since 1970), and all but the `most` of each model that answered last. In all threads at once: what is
  // told of a version never falls.
  using IsGone = std::function<bool(const std::string& model, std::uint64_t version)>;
  void forget(const IsGone& is_gone, std::uint64_t oldest_ms, std::size_t most);

 private:
  using Key = std::pair<std::string, std::uint64_t>;
  std::vector<Key> forgettable(const IsGone& is_gone, std::uint64_t oldest_ms, std::size_t most) const;

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Thread>> threads_;
  // Of versions that are forgotten.
  VersionTotals forgotten_;
  std::map<std::string, ShedCounts> forgotten_shed_;
};

}  // namespace nn::serve
