#include "train/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn::train {
namespace {

using Kind = Schedule::Kind;

constexpr double first_part = 1.0 / 25, last_part = 1e-4;  // one_cycle

constexpr Interval from_0_to_1{0, 1};

void set(Schedule& schedule, std::string_view key, std::string_view value) {
  const bool cosine = schedule.kind == Kind::cosine || schedule.kind == Kind::cosine_restarts;
  const bool plateau = schedule.kind == Kind::plateau;
  if (schedule.kind == Kind::step && key == "epochs") {
    schedule.epochs = parse_count(key, value, 1);
  } else if ((schedule.kind == Kind::step || plateau) && key == "factor") {
    schedule.factor = parse_number_in(key, value, from_0_to_1);
  } else if (plateau && key == "patience") {
    schedule.patience = parse_count(key, value, 1);
  } else if (plateau && key == "cooldown") {
    schedule.cooldown = parse_count(key, value, 0);
  } else if (plateau && key == "min_delta") {
    schedule.min_delta = parse_number_in(key, value, interval::not_negative);
  } else if ((cosine || plateau) && key == "floor") {
    schedule.floor = parse_number_in(key, value, from_0_to_1);
  } else if (schedule.kind == Kind::cosine_restarts && key == "cycles") {
    schedule.cycles = parse_count(key, value, 1);
  } else if (schedule.kind == Kind::one_cycle && key == "rise") {
    schedule.rise = parse_number_in(key, value, from_0_to_1);
  } else {
    fail_usage("{} has no '{}'", enum_names(schedule.kind).name_of(schedule.kind), printable(key));
  }
}

// From 1 at 0 to 0 at 1.
double cosine(double t) { return 0.5 * (1 + std::cos(std::numbers::pi * t)); }

double one_cycle(double t, double rise) {
  if (t < rise) return 1 + (first_part - 1) * cosine(t / rise);
  return last_part + (1 - last_part) * cosine(rise < 1 ? (t - rise) / (1 - rise) : 1);
}

}  // namespace

const EnumNames<Schedule::Kind>& enum_names(Schedule::Kind) {
  static constexpr EnumName<Kind> table[] = {{Kind::constant, "constant"},
                                             {Kind::step, "step"},
                                             {Kind::cosine, "cosine"},
                                             {Kind::one_cycle, "one_cycle"},
                                             {Kind::cosine_restarts, "cosine_restarts"},
                                             {Kind::plateau, "plateau"}};
  static constexpr EnumNames<Kind> names{"a schedule", table};
  return names;
}

bool depends_on_length(const Schedule& s) {
  return s.kind == Kind::cosine || s.kind == Kind::one_cycle || s.kind == Kind::cosine_restarts;
}

Schedule parse_schedule(std::string_view text) {
  const auto colon = std::min(text.find(':'), text.size());
  Schedule schedule;
  schedule.kind = enum_names(Kind{}).parse(text.substr(0, colon));
  if (colon == text.size()) return schedule;
  for (const std::string& part : split(text.substr(colon + 1), ',')) {
    const auto equals = part.find('=');
    if (equals == std::string::npos) fail_usage("'{}': write NAME=VALUE", printable(part));
    set(schedule, std::string_view(part).substr(0, equals), std::string_view(part).substr(equals + 1));
  }
  return schedule;
}

std::string to_string(const Schedule& s) {
  const std::string_view name = enum_names(s.kind).name_of(s.kind);
  switch (s.kind) {
    case Kind::constant: break;
    case Kind::step: return fmt::format("{}:epochs={},factor={}", name, s.epochs, s.factor);
    case Kind::cosine: return fmt::format("{}:floor={}", name, s.floor);
    case Kind::one_cycle: return fmt::format("{}:rise={}", name, s.rise);
    case Kind::cosine_restarts: return fmt::format("{}:cycles={},floor={}", name, s.cycles, s.floor);
    case Kind::plateau:
      return fmt::format("{}:factor={},patience={},min_delta={},cooldown={},floor={}", name, s.factor,
                         s.patience, s.min_delta, s.cooldown, s.floor);
  }
  return std::string(name);
}

Warmup parse_warmup(std::string_view text) {
  constexpr std::string_view unit = "epochs";
  Warmup warmup;
  const bool epochs = text.ends_with(unit);
  const std::int64_t count = parse_count(epochs ? text.substr(0, text.size() - unit.size()) : text, 0);
  (epochs ? warmup.epochs : warmup.steps) = static_cast<std::uint64_t>(count);
  return warmup;
}

std::string to_string(const Warmup& warmup) {
  return warmup.epochs > 0 ? fmt::format("{}epochs", warmup.epochs) : fmt::format("{}", warmup.steps);
}

std::uint64_t warmup_steps(const Warmup& warmup, const RunLength& run) {
  return warmup.steps + warmup.epochs * run.steps_per_epoch;
}

double rate_at(const Schedule& s, const Warmup& warmup, double rate, std::uint64_t step,
               const RunLength& run) {
  const std::uint64_t warm = warmup_steps(warmup, run);
  if (step < warm) return rate * static_cast<double>(step + 1) / static_cast<double>(warm);
  const std::uint64_t all = std::max(run.steps_per_epoch * run.epochs, warm + 1);
  const double t = std::min(1.0, static_cast<double>(step - warm) / static_cast<double>(all - warm));
  switch (s.kind) {
    case Kind::constant:
    case Kind::plateau: break;
    case Kind::step: {
      const auto falls = (step - warm) / run.steps_per_epoch / static_cast<std::uint64_t>(s.epochs);
      return rate * std::pow(s.factor, static_cast<double>(falls));
    }
    case Kind::cosine: return rate * (s.floor + (1 - s.floor) * cosine(t));
    case Kind::one_cycle: return rate * one_cycle(t, s.rise);
    case Kind::cosine_restarts: {
      const double cycles = t * static_cast<double>(s.cycles);
      return rate * (s.floor + (1 - s.floor) * cosine(cycles - std::floor(cycles)));
    }
  }
  return rate;
}

void observe(const Schedule& s, double score, model::PlateauState& plateau) {
  if (s.kind != Kind::plateau) return;
  if (plateau.cooldown > 0) {
    --plateau.cooldown;
    plateau.waited = 0;
  }
  if (!plateau.best || score < *plateau.best - s.min_delta) {
    plateau.best = score;
    plateau.waited = 0;
  } else if (plateau.cooldown == 0 && ++plateau.waited >= static_cast<std::uint64_t>(s.patience)) {
    plateau.factor = std::max(plateau.factor * s.factor, s.floor);
    plateau.cooldown = static_cast<std::uint64_t>(s.cooldown);
    plateau.waited = 0;
  }
}

std::int64_t cycle_ending(const Schedule& s, const Warmup& warmup, std::uint64_t epochs_done,
                          std::uint64_t epochs) {
  if (s.kind != Kind::cosine_restarts || epochs_done <= warmup.epochs) return 0;
  const std::uint64_t length = (epochs - warmup.epochs) / static_cast<std::uint64_t>(s.cycles);
  const std::uint64_t done = epochs_done - warmup.epochs;
  return length == 0 || done % length != 0 ? 0 : static_cast<std::int64_t>(done / length);
}

}  // namespace nn::train
