#include "train/summary.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "base/log.hpp"
#include "train/live_view.hpp"

namespace nn::train {
namespace {

constexpr std::size_t most_lines = 10;

bool is_wanted() {
  return verbosity() == Verbosity::verbose ||
         (verbosity() == Verbosity::normal && ::isatty(STDERR_FILENO) != 0);
}

std::string time_text(double seconds) {
  constexpr double soon = 9.95;
  return seconds < soon ? fmt::format("{:.1f} s", seconds) : format_duration(seconds);
}

std::string epochs_text(const TrainOptions& member, const MemberCourse& course) {
  std::string text = fmt::format("{} epoch{} in {}", course.epochs, course.epochs == 1 ? "" : "s",
                                 time_text(course.elapsed_s));
  if (course.best_epoch == 0 || course.epochs < 2) return text;
  if (member.early_stopping > 0) return text + fmt::format(", epoch {} is kept", course.best_epoch);
  if (course.best_epoch == course.epochs) return text + ", the last was the best";
  return text + fmt::format(", the best was epoch {} ({} {})", course.best_epoch, course.score,
                            short_figure(course.best_score));
}

std::string figures_text(const model::Provenance& model, const std::optional<Baseline>& baseline) {
  std::string text;
  for (const auto& [name, value] : model.metrics) {
    if (name == "epochs") continue;
    text += fmt::format("{} {} {}", text.empty() ? ":" : ",", name, short_figure(value));
    if (baseline && baseline->figure == name)
      text += fmt::format(" ({}: {})", baseline->answer, short_figure(baseline->value));
  }
  return text;
}

// Places of those that have a model, best first.
std::vector<std::size_t> ranked(const RunFigures& run, const std::vector<model::Model>& models) {
  std::vector<std::size_t> places(models.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::erase_if(places, [&](std::size_t k) { return models[k].parameters == nullptr; });
  std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
    return run.courses[a].last_score < run.courses[b].last_score;
  });
  return places;
}

}  // namespace

std::string own_values_text(const TrainOptions& member) {
  std::string text;
  for (const auto& [name, value] : member.own_values) text += fmt::format("{}={}, ", name, value);
  return text + fmt::format("seed={}", member.seed);
}

std::string summary_of(const TrainOptions& member, const MemberCourse& course, const model::Provenance& model,
                       const std::optional<Baseline>& baseline) {
  const std::string own = member.member > 0 ? fmt::format(" ({})", own_values_text(member)) : "";
  return fmt::format("{}{}: {}{}", member.output, own, epochs_text(member, course),
                     figures_text(model, baseline));
}

std::optional<std::size_t> best_member(const RunFigures& run, const std::vector<model::Model>& models) {
  const std::vector<std::size_t> places = ranked(run, models);
  return places.empty() ? std::nullopt : std::optional(places.front());
}

void print_summaries(const std::vector<TrainOptions>& members, const RunFigures& run,
                     const std::vector<model::Model>& models, const TrainingData& data) {
  if (!is_wanted()) return;
  const std::optional<Baseline> baseline = baseline_of(data);
  std::vector<std::size_t> shown = ranked(run, models);
  const std::size_t all = shown.size();
  if (verbosity() != Verbosity::verbose && all > most_lines) shown.resize(3);
  if (all == 0) return;
  const std::size_t best = shown.front();
  std::sort(shown.begin(), shown.end());
  const bool single = members.size() == 1;
  for (const std::size_t k : shown)
    print_summary(
        summary_of(members[k], run.courses[k], models[k].provenance, single ? baseline : std::nullopt));
  if (single) return;
  print_summary(fmt::format("the best of {} is {}{}", all, members[best].output,
                            figures_text(models[best].provenance, baseline)));
}

}  // namespace nn::train
