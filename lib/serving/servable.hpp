// A version of a model that answers requests, wherever it computes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "model/encoder.hpp"
#include "predict/predictions.hpp"
#include "serving/load_report.hpp"
#include "table/reading.hpp"
#include "tensor/batch.hpp"
#include "tensor/column_choice.hpp"

namespace nn::serving {

class Servable;
class Completion;
struct Binding;

// What a version takes of a table's rows.
struct BoundTable {
  model::BoundEncoder encoder = {};  // of one that is computed here
  ColumnChoice columns = {};         // of one that is computed elsewhere: what goes there
  std::vector<std::shared_ptr<const Binding>> members = {};  // of an ensemble: its members' own
};

// A table bound to a version. Constant, and keeps the version: whoever holds one gets answers of
// that version, whatever is served meanwhile.
struct Binding {
  std::shared_ptr<Servable> servable;
  BoundTable table;
  predict::PredictionBuilder builder;
};

// Whose turn comes first. Shadows are computed when nothing else waits for the device.
enum class Priority : std::uint8_t { high, normal, batch, shadow };
inline constexpr std::size_t priority_count = 4;

// A request on its way. Who made it leaves it alone from submit() until it is completed, but for `cancelled`,
// and may use it again then: reset() keeps its memory, so that requests that are alike allocate nothing where
// no batch is wanted.
struct Request {
  virtual ~Request() = default;
  // Called by its Completion, where and when that likes.
  virtual void completed() {}
  // Does nobody wait for it any more? Any thread.
  virtual bool is_cancelled() const { return cancelled.load(std::memory_order_relaxed); }
  // The outputs are in `values`: makes of them what is wanted. Throws what the builder throws.
  void answer();
  // As it was before it was submitted, but for what its maker has filled in: binding, rows, client, priority
  // …
  void reset();

  std::shared_ptr<const Binding> binding;
  Batch rows;                // of the table that is bound
  std::uint64_t bytes = 0;   // that it holds in memory while it waits
  std::uint64_t client = 0;  // who asks: clients take turns
  Priority priority = Priority::normal;
  Clock::time_point arrived;
  std::optional<Clock::time_point> deadline;
  std::string trace;  // W3C's traceparent of whoever asked, where it is computed elsewhere; empty: none
  std::shared_ptr<Completion> completion;  // let go when it is told
  std::atomic<bool> cancelled{false};

  enum class State : std::uint8_t { waiting, answered, failed, late, cancelled } state = State::waiting;
  // Answered: `values` has the outputs, [rows, builder.kind().width()] floats (it may be larger), or, where a
  // batch is wanted, `answers` has them.
  bool wants_batch = true;
  std::optional<Batch> answers;
  Buffer values;
  float* out = nullptr;  // where no batch is wanted: the outputs go there instead of `values`
  // Of ensembles that answer classes: the class of each row, by their rule's way with equal values. Empty:
  // the first of the largest values.
  std::vector<std::int32_t> labels;
  std::uint64_t took_part = 0;  // of ensembles: bit m is member m of Servable::members()
  std::optional<Error> error;
  std::chrono::microseconds waited{0}, computed{0};  // until its first row was computed; for all of them
  std::int64_t step_rows = 0;                        // of the last step that computed rows of it
  // Where that was, as people call it: the batcher's text, or empty. Of several at the same time it is the
  // one that took longest.
  std::string_view device;

  // The batcher's: rows that are in steps, rows that are computed.
  std::int64_t taken = 0, done = 0;
};

using Requests = std::vector<std::shared_ptr<Request>>;

// Where requests go when they are answered, or won't be.
class Completion {
 public:
  virtual ~Completion() = default;
  // All that a step has completed; what is wanted of it is moved out. Called in the thread that computes;
  // must not throw.
  virtual void complete(std::span<std::shared_ptr<Request>> requests) = 0;
};

// Thread-safe.
class Servable {
 public:
  Servable(std::string name, std::uint64_t version) : name_(std::move(name)), version_(version) {}
  Servable(const Servable&) = delete;
  Servable& operator=(const Servable&) = delete;
  virtual ~Servable() = default;

  const std::string& name() const { return name_; }
  std::uint64_t version() const { return version_; }
  virtual const std::string& digest() const = 0;
  virtual const predict::PredictionKind& kind() const = 0;
  // The columns that it wants, as a table's schema; and those that it answers with.
  virtual std::shared_ptr<const Schema> inputs() const = 0;
  virtual std::shared_ptr<const Schema> outputs() const = 0;
  // How the text was read that it learned from; null where nobody here knows.
  virtual const table::Reading* reading() const { return nullptr; }
  // Data errors for a table that doesn't fit.
  virtual BoundTable bind(const Schema& table) const = 0;

  // Answers a request of its binding at once, in the calling thread, where handing it over would take longer;
  // its completion is not told. False where it must be submitted.
  virtual bool try_now(Request&) { return false; }
  // False where there is no room; otherwise the request's completion gets it, once, when it is answered, or
  // won't be.
  virtual bool submit(std::shared_ptr<Request> request) = 0;

  // How long a request of so many rows that came now would take until it is answered, as predicted: the rest
  // of the step that is computed, what waits before it, and its own rows. 0 where nothing is known. No lock
  // that anybody keeps.
  virtual std::chrono::microseconds predicted_wait(std::int64_t /*rows*/,
                                                   Priority /*priority*/ = Priority::normal) const {
    return std::chrono::microseconds(0);
  }
  // Whether there has been more to do than is done in time, up to a moment ago.
  virtual bool is_crowded() const { return false; }
  // Why all its requests fail now, where that is known and may pass; nothing: they don't.
  virtual std::optional<Error> absence() const { return std::nullopt; }
  // When it was asked last; any time in the past where nobody has. Whoever computes tells it.
  Clock::time_point last_used() const {
    return Clock::time_point(Clock::duration(last_used_.load(std::memory_order_relaxed)));
  }
  void used(Clock::time_point now) {
    constexpr Clock::duration::rep worth_noting = Clock::duration(std::chrono::milliseconds(100)).count();
    const auto at = now.time_since_epoch().count();
    if (at > last_used_.load(std::memory_order_relaxed) + worth_noting)
      last_used_.store(at, std::memory_order_relaxed);  // seldom, so that threads share the line
  }
  // Computes a step of so many rows that mean nothing, on the first of its devices, between steps of
  // requests, and says how long the device took; an ensemble's is the sum of its members'. Nothing where it
  // is computed elsewhere, or no step has so many. Device errors. Any thread, which waits for its turn.
  virtual std::optional<std::chrono::nanoseconds> try_step(std::int64_t /*rows*/) { return std::nullopt; }
  // What it takes of memory, weights and room for steps; 0 where that isn't here. Constant once it is loaded.
  virtual std::uint64_t bytes() const { return 0; }
  // For people and metrics.
  virtual LoadReport report() const { return {}; }
  // Of an ensemble: what its members are called.
  virtual std::span<const std::string> members() const { return {}; }

 private:
  const std::string name_;
  const std::uint64_t version_;
  std::atomic<Clock::duration::rep> last_used_{0};
};

// A table bound to the version, whose answers say so in their metadata. Errors as Servable::bind() has them.
std::shared_ptr<const Binding> bind(std::shared_ptr<Servable> servable, const Schema& table);

}  // namespace nn::serving
