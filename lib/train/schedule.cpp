#include "train/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "base/parse.hpp"

namespace nn::train {
namespace {

using Kind = Schedule::Kind;

constexpr std::array<std::string_view, 5> names = {"constant", "step", "cosine", "one_cycle",
                                                   "cosine_restarts"};
constexpr double first_part = 1.0 / 25, last_part = 1e-4;  // one_cycle

double parse_between(std::string_view text, double least, double most) {
  const double value = parse_number(text);
  if (!(value >= least && value <= most)) fail_usage("{}: from {} to {} are possible", text, least, most);
  return value;
}

std::int64_t parse_at_least_one(std::string_view text) {
  const std::int64_t count = parse_integer(text);
  if (count < 1) fail_usage("{}: at least 1", text);
  return count;
}

void set(Schedule& schedule, std::string_view key, std::string_view value) {
  const bool cosine = schedule.kind == Kind::cosine || schedule.kind == Kind::cosine_restarts;
  if (schedule.kind == Kind::step && key == "epochs") {
    schedule.epochs = parse_at_least_one(value);
  } else if (schedule.kind == Kind::step && key == "factor") {
    schedule.factor = parse_between(value, 0, 1);
  } else if (cosine && key == "floor") {
    schedule.floor = parse_between(value, 0, 1);
  } else if (schedule.kind == Kind::cosine_restarts && key == "cycles") {
    schedule.cycles = parse_at_least_one(value);
  } else if (schedule.kind == Kind::one_cycle && key == "rise") {
    schedule.rise = parse_between(value, 0, 1);
  } else {
    fail_usage("{} has no '{}'", names[static_cast<std::size_t>(schedule.kind)], printable(key));
  }
}

// From 1 at 0 to 0 at 1.
double cosine(double t) { return 0.5 * (1 + std::cos(std::numbers::pi * t)); }

double one_cycle(double t, double rise) {
  if (t < rise) return 1 + (first_part - 1) * cosine(t / rise);
  return last_part + (1 - last_part) * cosine(rise < 1 ? (t - rise) / (1 - rise) : 1);
}

}  // namespace

Schedule parse_schedule(std::string_view text) {
  const auto colon = std::min(text.find(':'), text.size());
  const std::string_view name = text.substr(0, colon);
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    const auto meant = closest(name, {names.begin(), names.end()});
    fail_usage("'{}' is not a schedule; {}", printable(name),
               meant ? fmt::format("did you mean {}?", *meant)
                     : fmt::format("there are {}", fmt::join(names, ", ")));
  }
  Schedule schedule;
  schedule.kind = static_cast<Kind>(found - names.begin());
  if (colon == text.size()) return schedule;
  for (const std::string& part : split(text.substr(colon + 1), ',')) {
    const auto equals = part.find('=');
    if (equals == std::string::npos) fail_usage("'{}': write NAME=VALUE", printable(part));
    set(schedule, std::string_view(part).substr(0, equals), std::string_view(part).substr(equals + 1));
  }
  return schedule;
}

std::string to_string(const Schedule& s) {
  const std::string_view name = names[static_cast<std::size_t>(s.kind)];
  switch (s.kind) {
    case Kind::constant: break;
    case Kind::step: return fmt::format("{}:epochs={},factor={}", name, s.epochs, s.factor);
    case Kind::cosine: return fmt::format("{}:floor={}", name, s.floor);
    case Kind::one_cycle: return fmt::format("{}:rise={}", name, s.rise);
    case Kind::cosine_restarts: return fmt::format("{}:cycles={},floor={}", name, s.cycles, s.floor);
  }
  return std::string(name);
}

Warmup parse_warmup(std::string_view text) {
  constexpr std::string_view unit = "epochs";
  Warmup warmup;
  const bool epochs = text.ends_with(unit);
  const std::int64_t count = parse_integer(epochs ? text.substr(0, text.size() - unit.size()) : text);
  if (count < 0) fail_usage("{}: 0 or more", text);
  (epochs ? warmup.epochs : warmup.steps) = static_cast<std::uint64_t>(count);
  return warmup;
}

double rate_at(const Schedule& s, const Warmup& warmup, double rate, std::uint64_t step,
               const RunLength& run) {
  const std::uint64_t warm = warmup.steps + warmup.epochs * run.steps_per_epoch;
  if (step < warm) return rate * static_cast<double>(step + 1) / static_cast<double>(warm);
  const std::uint64_t all = std::max(run.steps_per_epoch * run.epochs, warm + 1);
  const double t = std::min(1.0, static_cast<double>(step - warm) / static_cast<double>(all - warm));
  switch (s.kind) {
    case Kind::constant: break;
    case Kind::step: {
      const auto falls = step / run.steps_per_epoch / static_cast<std::uint64_t>(s.epochs);
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

std::int64_t cycle_ending(const Schedule& s, std::uint64_t epochs_done, std::uint64_t epochs) {
  if (s.kind != Kind::cosine_restarts) return 0;
  const std::uint64_t length = epochs / static_cast<std::uint64_t>(s.cycles);
  if (length == 0 || epochs_done % length != 0) return 0;
  return static_cast<std::int64_t>(epochs_done / length);
}

}  // namespace nn::train
