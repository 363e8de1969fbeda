// Trials that go on in stages, each up to a budget and from the checkpoint of the one before: by promotion,
// and in a population. What comes next follows from the journal alone, so that all who share it come to the
// same, and a run that was killed goes on. For this module only.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "search/pruner.hpp"
#include "search/space.hpp"
#include "study/change.hpp"
#include "study/replay.hpp"

namespace nn::sweep {

// What a free slot is to do.
struct Stage {
  enum class Is : std::uint8_t {
    fresh,     // a new trial, with what a sampler proposes
    promoted,  // the trial `from`, up to a higher budget
    next,      // a new trial that goes on from the checkpoint of `from`, with the values `point`
  } is = Is::fresh;
  double budget =
      std::numeric_limits<double>::quiet_NaN();  // NaN: of its number, see Fidelity::first_budget()
  study::Run from{};
  search::Point point = {};
  std::uint64_t seed = 0;    // 0: one of its own
  std::int64_t member = -1;  // of a population
};

// A trial that waits at a rung, and will never go on.
struct Leftover {
  study::Run run;
  std::string reason;
};

// How a trial whose command ended well stands to its budget.
struct Reached {
  std::int64_t first = -1, last = -1;  // the least and the greatest step that it ever reported; -1: none
  bool has_steps = false;              // this attempt said steps by itself
};
// Steps may count from 0: then the last one is the budget less one. Who says no steps has reached it.
bool reaches(double budget, const Reached& reached);

// One thread. Order of calls: update(), then any of the others, about the log that update() was given.
class Fidelity {
 public:
  virtual ~Fidelity() = default;

  // Takes what is new in the journal. Of a log that isn't the same one, grown, a new object is to be made.
  virtual void update(const study::StudyLog& log) = 0;
  // What a free slot does next; nothing: it waits until a trial ends. `may_begin`: there is room for another
  // trial. A stage from a checkpoint that isn't there for the slot is none for it: `is_there` is asked about
  // the trial whose last checkpoint it is.
  using IsThere = std::function<bool(const study::Trial&)>;
  virtual std::optional<Stage> next(const IsThere& is_there, bool may_begin) = 0;
  // The budget of the first stage of a trial.
  virtual double first_budget(std::uint32_t number) const = 0;
  // Whether a trial that has come to its budget waits for its next stage: else it is complete.
  virtual bool waits(const study::Trial& trial) const = 0;
  // Whether it can be no good without a checkpoint, having come to its budget.
  virtual bool needs_checkpoint(const study::Trial& trial) const = 0;
  // Those who wait in vain, where nothing runs and nothing may begin any more.
  virtual std::vector<Leftover> leftovers() const { return {}; }
  // Whether all is done that the rule has to do.
  virtual bool is_done() const { return false; }
  // Whether a stage may still begin from the trial's checkpoint, or one that runs may have to begin again
  // from it.
  virtual bool needs(std::uint32_t trial) const = 0;
  // Where the trial stands, and why it goes on or not: sentences, a line each.
  virtual std::string explain(std::uint32_t trial) const = 0;
};

// Null where the rule has no stages. `settings.seed` is the study's. REQUIRES: a settled spec.
struct FidelityOf {
  search::PrunerSpec spec;
  study::Direction direction;
  const search::Space* space;
  std::uint64_t seed;
};
std::unique_ptr<Fidelity> make_fidelity(const FidelityOf& of);
bool has_stages(const search::PrunerSpec& spec);

// The budget of trials that are only ended early: the last step, where the rule knows it; NaN: it doesn't.
double whole_budget(const search::PrunerSpec& spec);

// The host of a slot by its name: "h2" of "h2/cuda:1", "" of "cuda:1".
std::string_view host_of(std::string_view slot);
// The record of the checkpoint at the trial's present budget; null: there is none.
const study::Checkpoint* checkpoint_at_budget(const study::Trial& trial);

// What tells a population's members apart, kept with each trial.
inline constexpr std::string_view member_attribute = "nn.member";
std::int64_t member_of(const study::Trial& trial);  // -1: it is in no population

}  // namespace nn::sweep
