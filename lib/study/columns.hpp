// A study's trials as columns, for samplers and pruners: values with the sign that makes less better, and
// parameters as the values of a space, whoever made the trial.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "search/history.hpp"
#include "search/space.hpp"
#include "study/replay.hpp"

namespace nn::study {

// A space for a study that another program made: all parameters that its trials have, each with the widest
// range that one of them had, without conditions. Names that are no identifiers become some.
struct DerivedSpace {
  search::Space space;
  std::vector<std::string> names;  // as the journal has them, in the order of the space
};
DerivedSpace derive_space(const StudyLog& study);

class Columns {
 public:
  Columns(const Columns&) = delete;
  // The names are the journal's, empty: those of the space. A trial that lacks a parameter which should be
  // there, or whose value is none of the space's, is not in the history; where they `may_lack`, as in a
  // derived space, it is there without it.
  Columns(search::Space space, std::vector<std::string> names = {}, bool may_lack = false);

  // Brings it up to date with what was taken (Replay::take_changes) since the last call. In the common case
  // it takes time for the changed ones only; where one appears or goes in the middle, also for those behind.
  const search::History& update(const StudyLog& study, const std::vector<std::uint32_t>& changed);
  const search::History& history() const { return history_; }
  const search::Space& space() const { return space_; }

  // The trial's values as a point of the space; nothing where it doesn't fit.
  std::optional<search::Point> point_of(const Trial& trial);

 private:
  // Where a parameter of a trial goes, and how.
  struct Way {
    std::size_t place;
    std::optional<ValueMap> map;  // none: the space hasn't such a parameter
  };
  const Way& way_of(const KnownParameter& known);
  void take_proposed(const Trial& trial, search::Point& point) const;
  bool add_row(const StudyLog& study, const Trial& trial, search::History& to);
  bool replace_row(const StudyLog& study, const Trial& trial);

  search::Space space_;
  std::vector<std::string> names_;
  bool may_lack_;
  std::unordered_map<std::string, std::size_t> places_;
  std::unordered_map<const KnownParameter*, Way> ways_;
  search::History history_;
};

}  // namespace nn::study
