// Making a study, and going on with one.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "base/text.hpp"
#include "study/study_state.hpp"

namespace nn::study {
namespace {

constexpr const char* default_name = "nn-sweep";

std::vector<Direction> directions_of(const std::vector<Objective>& objectives) {
  std::vector<Direction> directions;
  for (const Objective& objective : objectives) directions.push_back(objective.direction);
  return directions;
}

std::string names_json(const std::vector<Objective>& objectives) {
  std::vector<std::string> names;
  for (const Objective& objective : objectives) names.push_back(objective.name);
  return JsonValue(names).json();
}

std::string list_studies(const Replay& replay) {
  std::string list;
  for (const StudyLog& study : replay.studies()) {
    if (!study.deleted) list += (list.empty() ? "" : ", ") + printable(study.name);
  }
  return list;
}

search::Space space_of(const Header& header) { return search::Space::parse(header.space, header.forbidden); }

}  // namespace

Study::State::State(const std::string& path, How made, bool write, bool create)
    : how(std::move(made)),
      identity{std::string(worker_prefix) + how.worker},
      journal(path, {write, create, how.patience, how.open, how.spare_link}) {}

bool Study::State::find(const Replay& replay, const std::string& name) {
  const StudyLog* found = nullptr;
  if (!name.empty()) {
    found = replay.find_study(name);
  } else {
    for (const StudyLog& study : replay.studies()) {
      if (study.deleted) continue;
      if (found) {
        throw data_error("it has several studies, and which one is meant isn't said: {}",
                         list_studies(replay))
            .within_file(replay.name());
      }
      found = &study;
    }
  }
  if (!found) return false;
  id = found->id;
  return true;
}

bool Study::State::look() {
  const StudyLog& log = journal.replay().studies()[id];
  if (log.nn == nn && columns) {
    follow();
    return true;
  }
  nn = log.nn;
  header.reset();
  if (!nn.empty()) {
    try {
      header = parse_header(nn);
    } catch (const Error& error) {
      throw error.within_file(journal.path());
    }
  }
  make_columns();
  return true;
}

void Study::State::follow() {
  if (std::exchange(generation, journal.generation()) != journal.generation()) make_columns();
}

void Study::State::make_columns() {
  const StudyLog& log = journal.replay().studies()[id];
  if (header) {
    columns = std::make_unique<Columns>(space_of(*header));
  } else {
    DerivedSpace derived = derive_space(log);
    columns = std::make_unique<Columns>(std::move(derived.space), std::move(derived.names), true);
  }
  // All trials again, whatever changed.
  journal.replay().take_changes(log);
  std::vector<std::uint32_t> all;
  if (!log.trials.empty()) all.push_back(0);
  columns->update(log, all);
  failed.clear();
  failed_count = 0;
}

void Study::State::open(const Opening& opening) {
  journal.append(Durable::yes, [&](Batch& batch) {
    notes.clear();
    if (find(batch.replay(), opening.name)) {
      go_on(batch, opening);
    } else {
      begin(batch, opening);
    }
  });
  generation = journal.generation();
  look();
}

void Study::State::begin(Batch& batch, const Opening& opening) {
  if (!opening.create || !opening.header) {
    const std::string list = list_studies(batch.replay());
    throw data_error("{}", opening.name.empty()
                               ? "there is no study in it"
                               : fmt::format("there is no study '{}' in it", printable(opening.name)))
        .within_file(journal.path())
        .advise("{}", list.empty() ? "" : "; it has " + list);
  }
  if (opening.objectives.empty()) fail_usage("a new study needs an objective: what is to be less, or more?");
  space_of(*opening.header);
  const std::string name = opening.name.empty() ? default_name : opening.name;
  batch.add(study_line(identity, name, directions_of(opening.objectives), to_json(*opening.header)));
  id = batch.replay().find_study(name)->id;
  batch.add(study_attribute_line(identity, id, "study:metric_names", names_json(opening.objectives)));
}

void Study::State::check_objectives(Batch& batch, const Opening& opening) {
  if (opening.objectives.empty()) return;
  const StudyLog& log = batch.replay().studies()[id];
  const auto names = log.objective_names();
  if (directions_of(opening.objectives) != log.directions) {
    std::string has;
    for (std::size_t o = 0; o < log.directions.size(); ++o) {
      has += fmt::format("{}{}{}{}", o ? ", " : "", enum_names(log.directions[o]).name_of(log.directions[o]),
                         names.empty() ? "" : " ", names.empty() ? "" : printable(names[o]));
    }
    throw make_error(ErrorKind::usage, "the study has other objectives: {}", has).within_file(journal.path());
  }
  if (names.empty()) {
    batch.add(study_attribute_line(identity, id, "study:metric_names", names_json(opening.objectives)));
    return;
  }
  for (std::size_t o = 0; o < names.size(); ++o) {
    if (names[o] == opening.objectives[o].name) continue;
    throw make_error(ErrorKind::usage, "the study's objective is {}, not {}", printable(names[o]),
                     printable(opening.objectives[o].name))
        .within_file(journal.path());
  }
}

// Optuna takes no parameter that it knows as something else.
void Study::State::check_space(const StudyLog& log, const search::Space& space) const {
  std::set<const KnownParameter*> seen;
  for (const Trial& trial : log.trials) {
    for (const TrialParameter& p : trial.parameters) {
      if (!seen.insert(p.what).second) continue;
      const auto found = space.find(p.what->name);
      if (!found || are_compatible(p.what->distribution, space.parameters()[*found])) continue;
      throw make_error(ErrorKind::usage, "{}: trials of the study have it as {}, which can't change",
                       p.what->name, printable(p.what->json, 200))
          .within_file(journal.path())
          .advise("; begin a new study");
    }
  }
}

void Study::State::go_on(Batch& batch, const Opening& opening) {
  check_objectives(batch, opening);
  if (!opening.header) return;
  Header wanted = *opening.header;
  const StudyLog& log = batch.replay().studies()[id];
  const search::Space space = space_of(wanted);
  if (log.nn.empty()) {
    check_space(log, space);
    notes.push_back(fmt::format("{}: the study '{}' is another program's, and is gone on with",
                                journal.path(), printable(log.name)));
  } else {
    const Header before = parse_header(log.nn);
    // Who asks for trials has none.
    if (wanted.command.empty() && !before.command.empty()) {
      wanted.command = before.command;
      if (const auto shell = before.settings.find("shell"); shell != before.settings.end())
        wanted.settings.insert(*shell);
    }
    if (before == wanted) return;
    const SpaceChange change = compare(space_of(before), space);
    if (!change.refused.empty()) {
      throw make_error(ErrorKind::usage, "{}", change.refused[0])
          .within_file(journal.path())
          .advise("; begin a new study, and take over what fits");
    }
    for (const std::string& said : change.said) notes.push_back(fmt::format("{}: {}", journal.path(), said));
    if (before.command != wanted.command) {
      notes.push_back(fmt::format("{}: its command has changed", journal.path()));
    }
    if (before.seed != wanted.seed) {
      notes.push_back(
          fmt::format("{}: its seed was {}, and is {}", journal.path(), before.seed, wanted.seed));
    }
    for (const auto& [key, value] : wanted.settings) {
      const auto old = before.settings.find(key);
      if (old != before.settings.end() && old->second == value) continue;
      notes.push_back(fmt::format("{}: {} is {}{}", journal.path(), key, printable(value),
                                  old == before.settings.end() ? "" : ", and was " + printable(old->second)));
    }
  }
  batch.add(study_attribute_line(identity, id, "nn", to_json(wanted)));
}

Study::Study(const std::string& path, const Opening& opening, How how)
    : state_(std::make_unique<State>(path, std::move(how), true, opening.create)) {
  state_->open(opening);
}

Study Study::read(const std::string& path, const std::string& name) {
  auto state = std::make_unique<State>(path, How{}, false, false);
  state->journal.refresh();
  if (!state->find(state->journal.replay(), name)) {
    throw data_error("there is no study{} in it", name.empty() ? "" : fmt::format(" '{}'", printable(name)))
        .within_file(path);
  }
  state->look();
  return Study(std::move(state));
}

}  // namespace nn::study
