// Trials that one process runs together: the members of one nn-train, whose values are lists. Each is a trial
// of its own in the journal; the process, its folder and its slot are those of the first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "search/space.hpp"
#include "study/study.hpp"
#include "sweep/agent_protocol.hpp"
#include "sweep/plan.hpp"

namespace nn::sweep {

inline constexpr std::size_t most_members = 1024;

// What is the same in a group, by parameter: those `named`; those that have a value with a comma, or values
// that are no numbers, of which no list can be made; and those that a condition of another one asks for.
// Usage error for a name that is none.
std::vector<bool> shared_parameters(const search::Space& space, const std::vector<std::string>& named);
// Usage errors: a command that isn't told how many there are; metrics that can't say whose they are; a
// sampler or pruner that doesn't go with groups.
void check_group(const Plan& plan, const search::Space& space);

// ---- proposals

// Of the points that `inner` proposes, those that may be members of a group with `leader`: with its values of
// what is shared, and the same parameters there. While there is no leader it proposes what `inner` does.
class GroupProposer {
 public:
  GroupProposer(study::Propose inner, std::vector<bool> shared, bool may_repeat);
  // The point lives until the next call; null: none.
  void follow(const search::Point* leader) { state_->leader = leader; }
  study::Propose propose() const;

 private:
  struct State {
    study::Propose inner;
    std::vector<bool> shared;
    bool may_repeat;
    const search::Point* leader = nullptr;
  };
  std::shared_ptr<State> state_;
};

// Whether a trial that waits may be a member of the leader's group: it asks for nothing else of what is
// shared.
bool may_join(const search::Space& space, const std::vector<bool>& shared, const search::Point& leader,
              const study::Trial& waiting);

// ---- the journal

// A trial's place in its group.
struct GroupPlace {
  std::uint32_t first = 0;  // whose folder it is in
  std::size_t member = 1;   // from 1
};
// Nothing where it is alone, or what the journal says of it makes no sense.
std::optional<GroupPlace> group_place(const study::Trial& trial);
// The numbers of its members, in order; empty where `first` is no group's first.
std::vector<std::uint32_t> group_members(const study::StudyLog& log, std::uint32_t first);
// Writes that these are a group; one is alone.
void write_group(study::Change& change, const std::vector<study::Run>& members);

// A trial that was in a group is begun again without it.
void leave_group(study::Change& change, const study::Run& run);
// The folder that it has in `folder`, by its journal: its group's.
std::string folder_of(const std::string& folder, const study::Trial& trial);

// ---- its end

// What the end of the process means for one of `members` that share it, of which this one has said how it
// ended, or nothing: its share of time, and a status of its own.
TrialEnded share_of(const TrialEnded& process, std::size_t members, const std::optional<MemberEnd>& said);

}  // namespace nn::sweep
