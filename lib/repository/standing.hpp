// How the versions of a repository stand: which are there, and what its people, labels and history say of
// them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "repository/wants.hpp"

namespace nn::repository {

// Names of labels that have a meaning.
inline constexpr char stable_label[] = "stable";  // what clients get that name no version
inline constexpr char canary_label[] = "canary";  // what is being tried
inline constexpr char previous_label[] =
    "previous";  // what `stable` pointed to, while it may be needed again

struct Standing {
  std::vector<std::uint64_t> versions;  // that are there, ascending
  std::map<std::string, std::uint64_t, std::less<>> labels;
  Wants wants;
  std::set<std::uint64_t> bad;  // history.hpp

  bool has(std::uint64_t version) const;
  // Neither refused nor bad.
  bool is_good(std::uint64_t version) const {
    return !bad.contains(version) && !wants.refused.contains(version);
  }
  // What clients get that name no version, as far as the repository says it: where `stable` points to, else
  // the newest that is good; without any such the newest that isn't refused. Nothing where there is none.
  std::optional<std::uint64_t> live() const;
};

// Io error where the folder can't be read; data errors for a file in it that is wrong.
Standing read_standing(const std::string& base);

struct RolledBack {
  std::uint64_t from, to;
};
// Takes the live version back: clients that name no version get `to`, by default the newest good one below,
// or what `previous` points to. Where there is a label `stable`, it moves; otherwise all versions above `to`
// are marked bad in the history. Either way `from` is bad
// from here on where it is above `to`, and `to` isn't. A version that is
// published later is good, and takes the place of it. `to` is read whole first. Data error where there is no
// such version, or it is broken or refused; then nothing has changed.
RolledBack roll_back(const std::string& base, std::optional<std::uint64_t> to);

// Points `stable` to a version, and `previous` to the one that it pointed to; `canary` goes where it is that
// version's. A version that was bad isn't any more: `line` says so in the history, which gets it behind the
// labels, so that a promotion that was interrupted is one that can be done again. Errors as set_labels() and
// append_history() have them.
void promote(const std::string& base, std::uint64_t version, const std::string& line);

// Removes versions, the oldest first, but for the newest `keep` that are good, the live one, those that
// labels point to or people want, those of `needed`, and those that ensembles name which stay or are versions
// of a model beside this one: a warning says so. Returns what was removed. A version is gone at once
// or not at all. Io errors; what was removed before stays so.
std::vector<std::uint64_t> prune(const std::string& base, std::size_t keep,
                                 const std::set<std::uint64_t>& needed);

}  // namespace nn::repository
