// Which rows of which requests a device computes next. It decides, and neither waits nor computes: the time
// is an argument.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "serving/local_servable.hpp"
#include "serving/recycled.hpp"

namespace nn::serving {

struct BatchLimits {
  std::int64_t step_rows = 1024;       // of several requests together
  std::chrono::microseconds delay{0};  // that a request waits for others to share its step
  // What a step of many rows may take: others wait for its end. Small steps of a large model cost more than
  // their rows, so that they are larger while nobody else has been waiting for a while; and, where pieces of
  // large requests have steps of their own, while all that waited was of the same model and priority: nobody
  // is answered later because those before it are computed together.
  std::chrono::microseconds step_time{2000}, step_time_alone{20'000};
  // What a piece of a large request may take while others are there: such pieces have steps of their own,
  // between which the others' are computed. It is never less than a row takes. 0: pieces share
  // steps, as long as any.
  std::chrono::microseconds slice_time{0};
  // What requests should take: a step takes half of it at most, and what comes last is computed first once
  // more has been waiting than that, and for longer, for `patience`. 0: nobody has said.
  std::chrono::microseconds slo{0};
  std::chrono::milliseconds patience{100};
  // A request that waited for longer isn't computed any more: it is late. 0: whatever it waits.
  std::chrono::microseconds longest_wait{0};
  std::int64_t queue_rows = 1 << 20;       // of a model, that wait
  std::uint64_t queue_bytes = 256u << 20;  // of all models, that wait
};

// Some rows of a request.
struct Slice {
  std::shared_ptr<Request> request;
  std::int64_t first = 0, rows = 0;
};

// What is computed at once, of one version.
struct Step {
  std::shared_ptr<LocalServable> servable;
  std::vector<Slice> slices;
  std::int64_t rows = 0;
};

// Requests of the best priority come first, and what else waits for the same model shares their step; shadows
// are computed when nothing else waits for any model, in steps that are as short as pieces of large requests.
// Models take turns by the time that their steps took, as in start-time fair queueing (Goyal, Vin, Cheng,
// SIGCOMM 1996, section 2): one that had nothing to do doesn't save time up. Clients of a model take turns by
// requests; a request that is larger than a step is computed in several. How many clients and models wait is
// no matter for what a request costs, but for a search among the models where there is a delay. Once it has
// had as many of all, nothing is allocated. Not thread-safe, but for predicted_wait().
class StepQueue {
 public:
  explicit StepQueue(BatchLimits limits) : limits_(limits) {}

  // False where more rows or bytes would wait than may. A request that comes when nothing waits is always
  // taken.
  bool push(const std::shared_ptr<LocalServable>& servable, std::shared_ptr<Request> request);
  // The next step, if there is one now, in `step`, whose memory is used again. Requests that nobody waits for
  // any more go into `over`, with their state; those whose last rows are in the step have left the queue.
  bool next(Clock::time_point now, Step& step, Requests& over);
  std::optional<Step> next(Clock::time_point now, Requests& over) {
    Step step;
    return next(now, step, over) ? std::optional(std::move(step)) : std::nullopt;
  }
  // When next() has one, if nothing else comes; nothing where it is empty.
  std::optional<Clock::time_point> ready_at() const;
  // How long the last step took.
  void computed(const Step& step, Clock::duration time);
  // Takes out all that waits; what is left of requests that failed is dropped.
  Requests clear();

  bool empty() const { return turns_.empty(); }
  std::uint64_t bytes() const { return bytes_; }

  // How long a request of this priority that came now would wait, as predicted by what steps cost: the rest
  // of the step that is computed, and what waits before it. Any thread.
  Clock::duration predicted_wait(Priority priority, Clock::time_point now) const;
  // Rows that wait, of all models. Any thread.
  std::int64_t waiting_rows() const { return waiting_rows_.load(std::memory_order_relaxed); }
  // Whether there has been more to do than is done in time, up to a moment ago. Any thread.
  bool crowded(Clock::time_point now) const {
    return now.time_since_epoch().count() < crowded_until_.load(std::memory_order_relaxed);
  }
  // Whether a model's newest requests come first now. Any thread.
  bool newest_first() const { return any_newest_first_.load(std::memory_order_relaxed); }

 private:
  using Index = std::uint32_t;
  static constexpr Index none = UINT32_MAX;
  // Things by their numbers, with links to others of them. Those that are free are used again.
  template <typename T>
  struct Pool {
    std::vector<T> all;
    std::vector<Index> free;
    Index take();
    void give_back(Index index);
    T& operator[](Index index) { return all[index]; }
    const T& operator[](Index index) const { return all[index]; }
  };
  struct Entry {
    std::shared_ptr<Request> request;
    double row_cost = 0;  // as it was predicted
    Index client = none;
    Index older = none, newer = none;    // of the lane
    Index before = none, behind = none;  // of the client
  };
  struct ClientKey {
    std::uint64_t number = 0;
    Index model = none;
    std::uint32_t lane = 0;
    bool operator==(const ClientKey&) const = default;
  };
  struct ClientHash {
    std::size_t operator()(const ClientKey& key) const;
  };
  struct Client {
    ClientKey key;
    Index first = none, last = none;     // entries
    Index before = none, behind = none;  // clients of the lane, in their turn
  };
  // A model's requests of a priority.
  struct Lane {
    Index oldest = none, newest = none;  // entries
    Index first = none, last = none;     // clients
    std::int64_t clients = 0;
  };
  // The model of the best priority with the least time is next, and of several the one that waits longest.
  struct Turn {
    std::uint32_t lane = 0;
    double time = 0;  // seconds of the device that it has had, on the scale of time_
    std::uint64_t number = 0;
    auto operator<=>(const Turn&) const = default;
  };
  struct Model {
    std::shared_ptr<LocalServable> servable;
    Turn turn;
    std::array<Lane, priority_count> lanes;
    std::int64_t rows = 0, clients = 0;  // that wait
    std::optional<Clock::time_point> stands_since;
    bool newest_first = false;
    bool piece_was_last = false;  // of the steps
  };

  Index add_model(const std::shared_ptr<LocalServable>& servable);
  void add(Index model, std::shared_ptr<Request> request);
  void remove(Index entry);
  void remove_client(Index client);
  void rotate(Lane& lane);
  void set_turn(Index model, Turn turn);
  static std::uint32_t best_lane(const Model& model);
  void notice_others(const LocalServable& servable, const Request& request);
  std::int64_t rows_in(const Model& model, std::chrono::microseconds time) const;
  std::int64_t rows_of_step(const Model& model) const;
  // Rows of a request that isn't cut, and of the pieces of one that is.
  struct Cut {
    std::int64_t whole, piece;
  };
  Cut cut_of(const LocalServable& servable, std::int64_t of_step) const;
  double row_cost(const Model& model, std::int64_t rows) const;
  Clock::time_point ready_at(const Model& model) const;
  void look_how_it_stands(Model& model, Clock::time_point now);
  bool is_wanted(Request& request, Clock::time_point now) const;
  bool drop_unwanted(Index entry, Clock::time_point now, Requests& over);
  void drop_oldest(Lane& lane, Clock::time_point now, Requests& over);
  void fill(Step& step, Index model, Clock::time_point now, Requests& over);
  bool fill_from(Step& step, Index model, std::uint32_t lane, Clock::time_point now, Requests& over);
  void take(Step& step, Index entry, std::int64_t rows);
  void count(const Entry& entry, std::int64_t rows);

  BatchLimits limits_;
  Pool<Entry> entries_;
  Pool<Client> clients_;
  Pool<Model> models_;
  Recycled<std::unordered_map<ClientKey, Index, ClientHash>> by_client_;
  Recycled<std::unordered_map<const Servable*, Index>> by_servable_;
  Recycled<std::map<Turn, Index>> turns_;  // of models with something to do
  std::uint64_t next_turn_ = 0;
  double time_ = 0;  // of the model that had the last turn, when it began
  // The model of the last step, while it has nothing to do: what it owes.
  struct Debt {
    const Servable* servable = nullptr;
    double time = 0;
  } last_;
  std::uint64_t bytes_ = 0;
  // The step that is computed, and since when somebody else waited for its end or in front of the queue.
  struct Computing {
    const Servable* servable = nullptr;
    std::optional<std::uint64_t> client = {};  // nothing: several
    std::uint32_t lane = 0;
  } computing_;
  std::optional<Clock::time_point> others_came_;
  bool alone_ = true;
  // The same of what is of another model or priority.
  std::optional<Clock::time_point> others_of_other_kind_came_;
  bool alike_ = true;
  // The same of requests that are not cut.
  std::optional<Clock::time_point> small_ones_came_;
  bool small_ones_ = false;

  // For other threads: nanoseconds of the clock when the step should end, seconds that wait of each priority.
  std::atomic<std::int64_t> busy_until_{INT64_MIN};
  std::array<std::atomic<double>, priority_count> waiting_cost_{};
  std::array<std::int64_t, priority_count> waiting_{};  // requests
  std::atomic<std::int64_t> waiting_rows_{0};
  std::atomic<bool> any_newest_first_{false};
  std::atomic<std::int64_t> crowded_until_{INT64_MIN};
};

}  // namespace nn::serving
