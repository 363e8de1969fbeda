#include "sweep/warm_start.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace nn::sweep {
namespace {

void check_objectives(const study::Study& old, const std::string& journal,
                      const std::vector<study::Objective>& ours) {
  const auto theirs = old.objectives();
  std::string list;
  bool same = theirs.size() == ours.size();
  for (std::size_t o = 0; o < theirs.size(); ++o) {
    same = same && theirs[o].direction == ours[o].direction;
    list +=
        fmt::format("{}{} {}", list.empty() ? "" : ", ",
                    enum_names(theirs[o].direction).name_of(theirs[o].direction), printable(theirs[o].name));
  }
  if (!same) {
    throw make_error(ErrorKind::usage, "its objectives are others, from which nothing can be learned: {}",
                     list)
        .within_file(journal);
  }
  if (old.log().objective_names().empty()) return;
  for (std::size_t o = 0; o < ours.size(); ++o) {
    if (ours[o].name != theirs[o].name)
      warn("{}: its {} is taken for {}", journal, printable(theirs[o].name), printable(ours[o].name));
  }
}

void take_over(study::Study& study, study::Study& old) {
  const std::string& journal = old.journal().path();
  study::Change::Taken taken;
  study.commit(study::Durable::yes,
               [&](study::Change& change) { taken = change.take_over(old.log(), journal); });
  std::string said = fmt::format("{}: {} trials are taken over", journal, taken.taken);
  if (taken.here_already > 0) said += fmt::format(", {} were here already", taken.here_already);
  if (taken.misfits == 0) return print_summary(said);
  warn("{}; {} don't fit the space: {}", said, taken.misfits, taken.first_misfit);
}

}  // namespace

std::vector<study::Study> read_old(const std::vector<std::string>& journals, const std::string& own,
                                   const std::vector<study::Objective>& objectives) {
  std::vector<study::Study> all;
  for (const std::string& journal : journals) {
    std::error_code none;
    if (std::filesystem::equivalent(journal, own, none))
      fail_usage("{}: that is the sweep's own journal, whose trials it knows", journal);
    study::Study& old = all.emplace_back(study::Study::read(journal));
    for (const std::string& note : old.take_notes()) warn("{}", note);
    check_objectives(old, journal, objectives);
  }
  return all;
}

void take_over(study::Study& study, std::vector<study::Study> all) {
  for (study::Study& old : all) take_over(study, old);
}

}  // namespace nn::sweep
