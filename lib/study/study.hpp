// A study of nn-sweep in a journal: making it or going on with it, asking, telling, and whose trials are
// whose.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "search/history.hpp"
#include "search/sampler.hpp"
#include "study/change.hpp"
#include "study/columns.hpp"
#include "study/header.hpp"
#include "study/journal.hpp"
#include "study/presence.hpp"

namespace nn::study {

struct Objective {
  std::string name;
  Direction direction = Direction::minimize;
};

struct Opening {
  std::string name = {};  // empty: the journal's only study; of a new one "nn-sweep"
  std::vector<Objective> objectives =
      {};                             // empty: those that it has. Other ones than it has are a Usage error
  std::optional<Header> header = {};  // none: as it is; the study must exist
  bool create = true;                 // where there is none
};

// By which a point is proposed: search::propose() with its options, in all but tests.
using Propose = std::function<std::optional<search::Proposal>(const search::Space&, const search::History&,
                                                              std::uint64_t so_far, RandomStream& random)>;

// The points of trials that failed: none is proposed again. NaN is there as -infinity, for a set's order.
using FailedPoints = std::set<search::Point>;

struct Asked {
  Run run;
  search::Point point;
  bool was_waiting = false;
};
enum class NoTrial : std::uint8_t { enough, exhausted };  // the quota is used up; no point is left

// Not thread-safe.
class Study {
 public:
  struct How {
    std::string worker;  // this run's id (presence.hpp)
    Patience patience = {};
    std::function<std::unique_ptr<JournalFile>()> open = {};
    std::string spare_link = {};  // as Journal::How
  };
  // Makes it or goes on with it, in one step that no other process can come between. What has changed is in
  // notes(). Usage errors say what can't change; Data errors where there are several studies and none was
  // named, or none at all.
  Study(const std::string& journal, const Opening& opening, How how);
  // Only to read: no lock, and nothing is written. A study of Optuna's gets a derived space.
  static Study read(const std::string& journal, const std::string& name = {});

  const StudyLog& log() const;
  const Header* header() const;  // null: Optuna made it
  const search::Space& space() const;
  const search::History& history();  // up to date with log()
  std::vector<Objective> objectives() const;
  // Sentences for people: what has changed, what was cut off, bad lines. Once each.
  std::vector<std::string> take_notes();
  Journal& journal();

  // Trials begin under this run id from now on: Presence::rejoin() made another one.
  void rename_worker(const std::string& worker);

  bool refresh();
  // All or nothing, with what others did before in sight; see Journal::append(). `change` may be called
  // again.
  void commit(Durable durable, const std::function<void(Change&)>& change);

  // All that a proposal for the next trial is made from. It is a copy, for a thread that may take its time.
  struct Question {
    search::History history;
    FailedPoints failed;
    std::uint64_t so_far = 0, seed = 0, known = 0;
    std::uint32_t number = 0;
    std::size_t finished = 0;  // trials that are known in it
    search::Space space = {};
  };
  Question question();
  // Nothing where the space is exhausted. Thread-safe where `propose` is.
  static std::optional<search::Proposal> answer(const Question& question, const Propose& propose);

  // By the number of the trial that it is for; nothing where there is none, for good or for now.
  using ProposalFor = std::function<std::optional<search::Proposal>(std::uint32_t number)>;
  // Within a commit: begins a trial that waits, or a new one where there is room. What was done in the
  // commit before is in history(). `how.seed`, sampler and known are filled in: the seed of trial n is that
  // of the stream (header's seed, n).
  std::optional<Asked> next(Change& change, const Quota& quota, const ProposalFor& proposal_for, Start how,
                            NoTrial* why = nullptr);
  // What is proposed at once, from history().
  std::optional<search::Proposal> proposal_for(std::uint32_t number, const Propose& propose);
  // Whether a point is another trial's already.
  bool is_known(const search::Point& point);
  // The same as a commit of its own. It is durable when it comes.
  std::optional<Asked> ask(const Quota& quota, const Propose& propose, Start how, NoTrial* why = nullptr);

  // Trials whose owner is dead, so that they may be claimed by Change::next_attempt(). Not of owner `mine`.
  std::vector<Run> lost(Observer& observer, Date now) const;

 private:
  struct State;
  explicit Study(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;

 public:
  ~Study();
  Study(Study&&) noexcept;
};

// The seed of a trial: 32 bits, so that any program takes it.
std::uint64_t trial_seed(std::uint64_t study_seed, std::uint32_t number);

// Values for --enqueue, as texts: Usage error for a name that the space hasn't, or a value that is none of
// its.
void check_fixed(const search::Space& space, const std::map<std::string, std::string>& fixed);

}  // namespace nn::study
