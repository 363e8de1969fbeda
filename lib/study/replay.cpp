#include "study/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "base/error.hpp"
#include "base/json_cursor.hpp"
#include "base/text.hpp"
#include "study/replay_state.hpp"

namespace nn::study {

std::vector<std::string> StudyLog::objective_names() const {
  std::vector<std::string> names;
  for (const Attribute& a : attributes) {
    if (!a.system || a.key != "study:metric_names") continue;
    std::deque<std::string> unescaped;
    JsonCursor json(a.json, unescaped, max_nesting);
    json.array([&] { names.emplace_back(json.string()); });
    if (!json.ok() || names.size() != directions.size()) names.clear();
  }
  return names;
}

bool StudyLog::is_better(const Trial& a, const Trial& b) const {
  const double left = a.violation(), right = b.violation();
  if ((left > 0) != (right > 0)) return right > 0;
  return directions[0] == Direction::maximize ? a.values[0] > b.values[0] : a.values[0] < b.values[0];
}

const Trial* StudyLog::best() const {
  for (; compared_ < completed.size(); ++compared_) {
    const Trial& trial = trials[completed[compared_]];
    if (!trial.has_finite_values() || trial.violation() > 0) continue;
    // Of equal ones the first by number, whichever ended first.
    const bool better =
        !best_ || is_better(trial, *best_) || (trial.number < best_->number && !is_better(*best_, trial));
    if (better) best_ = &trial;
  }
  return best_;
}

Replay::Replay(std::string name) : state_(std::make_unique<State>(std::move(name))) {}
Replay::~Replay() = default;
Replay::Replay(Replay&&) noexcept = default;
Replay& Replay::operator=(Replay&&) noexcept = default;

const std::string& Replay::name() const { return state_->name; }
std::uint64_t Replay::offset() const { return state_->offset; }
std::uint64_t Replay::end_of_lines() const { return state_->offset - state_->skipped; }
std::uint64_t Replay::lines() const { return state_->lines; }
std::uint32_t Replay::trial_ids() const { return static_cast<std::uint32_t>(state_->places.size()); }
const std::deque<StudyLog>& Replay::studies() const { return state_->studies; }
const std::vector<Notice>& Replay::notices() const { return state_->notices; }
std::uint64_t Replay::notice_count() const { return state_->notice_count; }

const StudyLog* Replay::find_study(std::string_view name) const {
  const auto found = state_->by_name.find(name);
  return found == state_->by_name.end() ? nullptr : &state_->studies[found->second];
}

const Trial* Replay::find_trial(std::uint32_t id) const {
  if (id >= state_->places.size()) return nullptr;
  const auto& [study, number] = state_->places[id];
  return &state_->studies[study].trials[number];
}

std::vector<std::uint32_t> Replay::take_changes(const StudyLog& study) {
  return std::exchange(state_->more[study.id].changes, {});
}

std::size_t Replay::apply(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const void* end = std::memchr(bytes.data() + taken, '\n', bytes.size() - taken);
    if (!end) {
      // It is no line any more, whatever follows: nobody should have to keep it.
      if (const std::size_t left = bytes.size() - taken; state_->skipped > 0 || left > max_line_bytes) {
        state_->skipped += left;
        state_->offset += left;
        taken += left;
      }
      break;
    }
    const auto size = static_cast<std::size_t>(static_cast<const char*>(end) - (bytes.data() + taken));
    ++state_->lines;
    if (state_->skipped > 0) {
      state_->notice(fmt::format("a line of {} bytes; {} are taken: it is left out", state_->skipped + size,
                                 max_line_bytes));
      state_->skipped = 0;
    } else {
      state_->apply_line(bytes.substr(taken, size));
    }
    taken += size + 1;
    state_->offset += size + 1;
  }
  state_->sort_reports();
  return taken;
}

void Replay::State::apply_line(std::string_view text) {
  if (const auto fault = parse_line(text, line)) return notice(*fault + ": it is left out");
  switch (line.op) {
    case Op::create_study: return create_study();
    case Op::delete_study: return delete_study();
    case Op::study_user_attribute:
    case Op::study_system_attribute: return study_attributes();
    case Op::create_trial: return create_trial();
    case Op::discard_trials: return;
    default: break;
  }
  Trial* trial = find_open();
  if (!trial) return;
  switch (line.op) {
    case Op::parameter: return parameter(*trial);
    case Op::state: return state(*trial);
    case Op::report: return report(*trial);
    default: return trial_attributes(*trial);
  }
}

void Replay::State::notice(std::string text) {
  if (++notice_count <= max_notices) notices.push_back({lines, fmt::format("{}:{}: {}", name, lines, text)});
}

StudyLog* Replay::State::find_study() {
  if (*line.study >= studies.size()) return nullptr;
  StudyLog& study = studies[static_cast<std::size_t>(*line.study)];
  return study.deleted ? nullptr : &study;
}

Trial* Replay::State::find_open() {
  if (*line.trial >= places.size()) {
    if (line.is_ours) {
      throw data_error("trial {} was never made: lines before this one are lost", *line.trial)
          .within_file(name, static_cast<std::int64_t>(lines))
          .advise("; mend it with nn-sweep fsck --repair, or take it from a backup");
    }
    return nullptr;
  }
  const auto& [study, number] = places[static_cast<std::size_t>(*line.trial)];
  Trial& trial = studies[study].trials[number];
  return trial.is_finished() ? nullptr : &trial;
}

void Replay::State::say_header(StudyLog& study, std::string_view nn) {
  study.nn = nn;
  if (study.headers.size() < max_headers && (study.headers.empty() || study.headers.back() != nn))
    study.headers.emplace_back(nn);
}

std::uint32_t Replay::State::last_header(const Trial& trial) const {
  const auto& headers = studies[places[trial.id].study].headers;
  return static_cast<std::uint32_t>(headers.empty() ? 0 : headers.size() - 1);
}

void Replay::State::create_study() {
  if (by_name.contains(line.study_name)) return;
  StudyLog& study = studies.emplace_back();
  more.emplace_back();
  study.id = static_cast<std::uint32_t>(studies.size() - 1);
  study.name = line.study_name;
  for (const std::uint64_t d : line.directions) study.directions.push_back(static_cast<Direction>(d));
  if (line.is_ours) say_header(study, line.nn);
  by_name.emplace(study.name, study.id);
}

void Replay::State::delete_study() {
  StudyLog* study = find_study();
  if (!study) return;
  study->deleted = true;
  by_name.erase(by_name.find(study->name));
}

void Replay::State::study_attributes() {
  StudyLog* study = find_study();
  if (!study) return;
  for (const Line::AttributeText& a : line.attributes) {
    if (a.system && a.key == "nn") {
      say_header(*study, a.json);
    } else if (!set_attribute(study->attributes, a)) {
      notice(fmt::format("a study of more than {} attributes: one is left out", max_attributes));
    }
  }
}

// Whether there was room for it.
bool Replay::State::set_attribute(std::vector<Attribute>& attributes, const Line::AttributeText& text) {
  const std::string_view key = texts.keep(text.key);
  for (Attribute& a : attributes) {
    if (a.key.data() != key.data() || a.system != text.system) continue;
    a.json = text.json;
    return true;
  }
  if (attributes.size() == max_attributes) return false;
  attributes.push_back({key, text.system, std::string(text.json)});
  return true;
}

void Replay::State::move_to(Trial& trial, study::State to) {
  StudyLog& study = studies[places[trial.id].study];
  --study.counts[static_cast<std::size_t>(trial.state)];
  if (trial.state == study::State::running) study.running.erase(trial.number);
  if (trial.state == study::State::waiting) study.waiting.erase(trial.number);
  trial.state = to;
  enter_state(study, trial);
  changed(trial);
}

void Replay::State::enter_state(StudyLog& study, const Trial& trial) {
  ++study.counts[static_cast<std::size_t>(trial.state)];
  if (trial.state == study::State::running) study.running.insert(study.running.end(), trial.number);
  if (trial.state == study::State::waiting) study.waiting.insert(study.waiting.end(), trial.number);
  if (trial.state == study::State::complete) study.completed.push_back(trial.number);
}

void Replay::State::changed(const Trial& trial) {
  auto& changes = more[places[trial.id].study].changes;
  if (changes.empty() || changes.back() != trial.number) changes.push_back(trial.number);
}

}  // namespace nn::study
