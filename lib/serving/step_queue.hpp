// Which rows of which requests a device computes next. It decides, and neither waits nor computes: the time
// is an argument.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "serving/local_servable.hpp"

namespace nn::serving {

struct BatchLimits {
  std::int64_t step_rows = 1024;       // of several requests together
  std::chrono::microseconds delay{0};  // that a request waits for others to share its step
  // What a step of many rows may take: others wait for its end. Small steps of a large model cost more than
  // their rows, so that they are larger while nobody else has been waiting for a while.
  std::chrono::microseconds step_time{2000}, step_time_alone{20'000};
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

// Models take turns by the time that their steps took, as in start-time fair queueing (Goyal, Vin, Cheng,
// SIGCOMM 1996, section 2): one that had nothing to do doesn't save time up. Clients of a model take turns by
// requests; a request that is larger than a step is computed in several. How many clients and models wait is
// no matter for what a request costs, but for a search among the models where there is a delay. Not
// thread-safe.
class StepQueue {
 public:
  explicit StepQueue(BatchLimits limits) : limits_(limits) {}

  // False where more rows or bytes would wait than may. A request that comes when nothing waits is always
  // taken.
  bool push(const std::shared_ptr<LocalServable>& servable, std::shared_ptr<Request> request);
  // The next step, if there is one now. Requests that nobody waits for any more go into `over`, with their
  // state; those whose last rows are in the step have left the queue.
  std::optional<Step> next(Clock::time_point now, Requests& over);
  // When next() has one, if nothing else comes; nothing where it is empty.
  std::optional<Clock::time_point> ready_at() const;
  // How long the last step took.
  void computed(const Step& step, Clock::duration time);
  // Takes out all that waits; what is left of requests that failed is dropped.
  Requests clear();

  bool empty() const { return models_.empty(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  using Waiting = std::deque<std::shared_ptr<Request>>;
  struct Client {
    std::uint64_t number;
    Waiting waiting;
  };
  using Clients = std::list<Client>;
  struct Model {
    std::shared_ptr<LocalServable> servable;
    Clients clients = {};  // in their turn
    std::unordered_map<std::uint64_t, Clients::iterator> by_number = {};
    std::multiset<Clock::time_point> arrivals = {};  // of each client's first request
    std::int64_t rows = 0;                           // that wait
  };
  // The model with the least time is next, and of several the one that waits longest.
  struct Turn {
    double time = 0;  // seconds of the device that it has had, on the scale of time_
    std::uint64_t number = 0;
    auto operator<=>(const Turn&) const = default;
  };
  using Models = std::map<Turn, Model>;
  Models::iterator add_model(const std::shared_ptr<LocalServable>& servable);
  void add(Model& model, std::shared_ptr<Request> request);
  void notice_others(const Servable& servable, const Request& request);
  std::int64_t rows_of_step(const Model& model) const;
  Clock::time_point ready_at(const Model& model) const;
  void fill(Step& step, Model& model, Clock::time_point now, Requests& over);
  void pop(Model& model, Client& client);
  void leave(Model& model, const Request& request);

  BatchLimits limits_;
  Models models_;  // those with something to do
  std::unordered_map<const Servable*, Models::iterator> by_servable_;
  std::uint64_t turns_ = 0;  // that models have begun to wait for
  double time_ = 0;          // of the model that had the last turn, when it began
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
  } computing_;
  std::optional<Clock::time_point> others_came_;
  bool alone_ = true;
};

}  // namespace nn::serving
