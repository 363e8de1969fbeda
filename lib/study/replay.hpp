// What has become of a journal's studies and trials, from its lines, by the rules that Optuna has, and ours
// on top of them:
//
//   a study's id is the number of studies made before; one whose name is taken isn't made
//   a trial's id is the number of trials made before, over all studies; its number is the same of its study
//   what is said of a trial that has ended doesn't count; neither does a parameter whose distribution isn't
//     compatible with that of the study's first trial which has it
//   the first who says that a waiting trial runs has it
//   attempt k of a trial is over when attempt k + 1 begins: what is said for it later doesn't count
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "study/line.hpp"
#include "study/trial.hpp"

namespace nn::study {

// Something that a reader should be told: "s.jsonl:17: not JSON: …".
struct Notice {
  std::uint64_t line;  // from 1
  std::string text;
};

struct StudyLog {
  std::uint32_t id = 0;
  std::string name;
  bool deleted = false;
  std::vector<Direction> directions;
  std::string nn;  // our own object of JSON, as it was last said; empty: another program made it
  std::deque<std::string> headers;  // all that it has been, in their order: see Trial::header
  std::vector<Attribute> attributes;
  std::deque<Trial> trials;                  // by number; references last as long as the Replay
  std::set<std::uint32_t> running, waiting;  // numbers of those that are
  std::array<std::size_t, state_count> counts{};
  std::vector<std::uint32_t> completed;  // numbers, as they ended
  std::size_t proposed = 0;              // trials that a sampler of ours proposed, whatever became of them
  std::size_t taken_over = 0;            // complete or pruned ones that are another journal's (Trial::from)

  std::size_t count(State state) const { return counts[static_cast<std::size_t>(state)]; }
  // Complete and pruned ones, without those taken over.
  std::size_t finished() const { return count(State::complete) + count(State::pruned) - taken_over; }
  // The objectives' names, where somebody gave them ("study:metric_names"); else empty.
  std::vector<std::string> objective_names() const;
  // Of those that have ended as complete, keep the constraints and have finite values, the best by the first
  // objective; null: none.
  const Trial* best() const;
  // Whether `a` is better than `b`, both complete, by the first objective; no constraint exceeded comes
  // first.
  bool is_better(const Trial& a, const Trial& b) const;

 private:
  // Of best(), which is asked after each trial: how many of `completed` it has compared, and the best of
  // them.
  mutable std::size_t compared_ = 0;
  mutable const Trial* best_ = nullptr;
};

// One thread, as what it gives.
class Replay {
 public:
  // `name` is the journal's, for messages.
  explicit Replay(std::string name);
  ~Replay();
  Replay(Replay&&) noexcept;
  Replay& operator=(Replay&&) noexcept;

  // Takes what follows what it had, up to the last end of line in it; how many bytes that were. Bad lines are
  // skipped, and named in notices(). Data error, with file and line, where a line of ours shows that lines
  // before it are lost: all numbers of trials would be wrong. It is useless after that.
  // Of a line that is longer than max_line_bytes it takes all at once, so that nobody must keep it.
  std::size_t apply(std::string_view bytes);

  const std::string& name() const;
  std::uint64_t offset() const;  // bytes taken
  // The same without what was taken of a line that is too long and has no end yet.
  std::uint64_t end_of_lines() const;
  std::uint64_t lines() const;
  std::uint32_t trial_ids() const;  // how many there are, which is the next one's

  // Also those that were deleted. References last.
  const std::deque<StudyLog>& studies() const;
  const StudyLog* find_study(std::string_view name) const;
  const Trial* find_trial(std::uint32_t id) const;

  // The first of them (at most `max_notices`); how many there were.
  static constexpr std::size_t max_notices = 100;
  const std::vector<Notice>& notices() const;
  std::uint64_t notice_count() const;

  // Numbers of trials of a study that changed (state, parameters, values, constraints) since the last call;
  // may come twice. For one reader: Columns.
  std::vector<std::uint32_t> take_changes(const StudyLog& study);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nn::study
