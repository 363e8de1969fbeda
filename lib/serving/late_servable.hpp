// A version of a model that is computed elsewhere, and may be there later, or again.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "serving/servable.hpp"

namespace nn::serving {

// What it answers and wants is what the first that arrived did, or what was expected of it before; who
// arrives later must do the same. Its requests fail while nobody is there. Thread-safe.
class LateServable : public Servable {
 public:
  // Where `where` says, for people. `on_failure` is called when a request has failed that had somebody to
  // answer it: whoever looks for another may do that now. From any thread; it must not block.
  LateServable(std::string name, std::uint64_t version, std::string where, std::function<void()> on_failure);

  // By whoever looks for it: it is there, in place of who was; or it isn't found, which keeps who is there
  // for requests, and is a fault().
  void arrive(std::shared_ptr<Servable> servable);
  void miss(const Error& why);

  // Waits until somebody has arrived, or until then. Nothing: so it is; else why not.
  std::optional<Error> wait_until(Clock::time_point when);
  // From here on only such may arrive, or stay: one that answers this, and wants some of these columns.
  void expect(const predict::PredictionKind& kind, std::shared_ptr<const Schema> inputs);
  // A request of it has failed.
  void note_failure() { on_failure_(); }
  // Why its requests fail now; nothing: somebody is there.
  std::optional<Error> absence() const override;
  // The same, and why nobody was found after requests had failed.
  std::optional<Error> fault() const;
  const std::string& where() const { return where_; }

  // These once somebody has arrived, or was expected.
  const predict::PredictionKind& kind() const override { return *kind_; }
  std::shared_ptr<const Schema> inputs() const override { return inputs_; }
  std::shared_ptr<const Schema> outputs() const override;
  // Of who came first; empty where that was after it was expected.
  const std::string& digest() const override { return digest_; }

  // Who is there binds the table when rows of it come.
  BoundTable bind(const Schema& table) const override;
  bool submit(std::shared_ptr<Request> request) override;
  // Of who is there; 0 where nobody is.
  std::chrono::microseconds predicted_wait(std::int64_t rows,
                                           Priority priority = Priority::normal) const override;

 private:
  // A table that is bound to who is there.
  struct Bound {
    std::shared_ptr<const Schema> table;
    std::shared_ptr<const Binding> binding;
  };
  std::shared_ptr<Servable> there() const;
  std::shared_ptr<const Binding> binding_of(const std::shared_ptr<const Schema>& table);
  std::string misfit(const Servable& servable) const;
  bool turn_away_misfit(const Servable& servable, std::vector<Bound>& before);

  const std::string where_;
  const std::function<void()> on_failure_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<Servable> there_;
  std::optional<Error> why_;   // nobody is there, or who came isn't right
  std::optional<Error> gone_;  // somebody is there, and wasn't found when it was looked for again
  std::vector<Bound> bound_;   // to who is there
  std::optional<predict::PredictionKind> kind_;
  std::shared_ptr<const Schema> inputs_;
  std::string digest_;
};

}  // namespace nn::serving
