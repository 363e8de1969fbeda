#include "study/trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/json_cursor.hpp"
#include "study/line.hpp"

namespace nn::study {
namespace {

constexpr std::string_view constraint_prefix = "constraints:";

// Reads digits off the front; `digits` of them, no more and no less.
bool take_digits(std::string_view& text, std::size_t digits, int& value) {
  if (text.size() < digits) return false;
  const auto read = std::from_chars(text.data(), text.data() + digits, value);
  if (read.ec != std::errc() || read.ptr != text.data() + digits || text[0] == '-') return false;
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// ".874207", of which more digits than that are dropped.
bool take_fraction(std::string_view& text, std::int64_t& microseconds) {
  if (!take(text, '.')) return true;
  std::int64_t scale = 100'000;
  std::size_t i = 0;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, scale /= 10) {
    microseconds += (text[i] - '0') * scale;
  }
  text.remove_prefix(i);
  return i > 0;
}

// Z, +01:00, +0100, +01:00:30; nothing: it is universal time.
bool take_offset(std::string_view& text, std::chrono::seconds& offset) {
  if (text.empty() || take(text, 'Z')) return true;
  const bool behind = text[0] == '-';
  if (!take(text, '+') && !take(text, '-')) return false;
  int hours = 0, minutes = 0, seconds = 0;
  if (!take_digits(text, 2, hours)) return false;
  const bool colon = take(text, ':');
  if (!text.empty() && !take_digits(text, 2, minutes)) return false;
  if (colon && take(text, ':') && !take_digits(text, 2, seconds)) return false;
  offset = std::chrono::hours(hours) + std::chrono::minutes(minutes) + std::chrono::seconds(seconds);
  if (behind) offset = -offset;
  return hours < 24 && minutes < 60 && seconds < 60;
}

}  // namespace

const EnumNames<State>& enum_names(State) {
  static constexpr EnumName<State> table[] = {{State::running, "running"},
                                              {State::complete, "complete"},
                                              {State::pruned, "pruned"},
                                              {State::failed, "failed"},
                                              {State::waiting, "waiting"}};
  static constexpr EnumNames<State> names{"a state of trials", table};
  return names;
}

const EnumNames<Direction>& enum_names(Direction) {
  static constexpr EnumName<Direction> table[] = {{Direction::minimize, "minimize"},
                                                  {Direction::maximize, "maximize"}};
  static constexpr EnumNames<Direction> names{"a direction", table};
  return names;
}

double Trial::seconds() const {
  if (!std::isnan(ending.wall_s) || !is_finished() || start == Date{} || end == Date{}) return ending.wall_s;
  // One with stages waited between them: how long it ran isn't known.
  if (!checkpoints.empty()) return ending.wall_s;
  return seconds_between(start, end);
}

bool Trial::has_finite_values() const {
  return !values.empty() &&
         std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

const TrialParameter* Trial::find(std::string_view parameter) const {
  for (const TrialParameter& p : parameters) {
    if (p.what->name == parameter) return &p;
  }
  return nullptr;
}

const Attribute* Trial::find_attribute(std::string_view key, bool system) const {
  for (const Attribute& a : attributes) {
    if (a.key == key && a.system == system) return &a;
  }
  return nullptr;
}

std::map<std::string, double, std::less<>> Trial::constraints() const {
  std::map<std::string, double, std::less<>> all;
  for (const Attribute& a : attributes) {
    if (!a.system || !a.key.starts_with("constraints")) continue;
    std::deque<std::string> unescaped;
    JsonCursor json(a.json, unescaped, max_nesting);
    if (a.key.starts_with(constraint_prefix)) {
      const double value = json.number();
      if (json.ok()) all[std::string(a.key.substr(constraint_prefix.size()))] = value;
    } else if (a.key == "constraints" && json.peek() == '[') {
      // Optuna before 5.0 had them without names.
      std::vector<double> numbers;
      json.array([&] { numbers.push_back(json.number()); });
      for (std::size_t i = 0; json.ok() && i < numbers.size(); ++i) all[std::to_string(i)] = numbers[i];
    }
  }
  return all;
}

double Trial::violation() const {
  double sum = 0;
  for (const auto& [name, exceeded_by] : constraints()) {
    // What is not a number is no constraint that is kept.
    sum += std::isnan(exceeded_by) ? std::numeric_limits<double>::infinity() : std::max(exceeded_by, 0.0);
  }
  return sum;
}

std::map<std::string, std::string, std::less<>> Trial::fixed_parameters() const {
  std::map<std::string, std::string, std::less<>> fixed;
  const Attribute* attribute = find_attribute("fixed_params", true);
  if (!attribute) return fixed;
  std::deque<std::string> unescaped;
  JsonCursor json(attribute->json, unescaped, max_nesting);
  json.object([&](std::string_view name) {
    const bool is_text = json.peek() == '"';
    fixed[std::string(name)] = is_text ? json.string() : json.skip();
  });
  return fixed;
}

std::string to_string(Date date) {
  const auto day = std::chrono::floor<std::chrono::days>(date);
  const std::chrono::year_month_day calendar(day);
  const std::chrono::hh_mm_ss time(date - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+00:00", static_cast<int>(calendar.year()),
                     static_cast<unsigned>(calendar.month()), static_cast<unsigned>(calendar.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

std::optional<Date> parse_date(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::int64_t microseconds = 0;
  std::chrono::seconds offset{0};
  const bool right = take_digits(text, 4, year) && take(text, '-') && take_digits(text, 2, month) &&
                     take(text, '-') && take_digits(text, 2, day) && (take(text, 'T') || take(text, ' ')) &&
                     take_digits(text, 2, hour) && take(text, ':') && take_digits(text, 2, minute) &&
                     (!take(text, ':') || take_digits(text, 2, second)) &&
                     take_fraction(text, microseconds) && take_offset(text, offset) && text.empty();
  const std::chrono::year_month_day calendar{std::chrono::year(year),
                                             std::chrono::month(static_cast<unsigned>(month)),
                                             std::chrono::day(static_cast<unsigned>(day))};
  if (!right || !calendar.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return Date(std::chrono::sys_days(calendar)) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + std::chrono::microseconds(microseconds) - offset;
}

double seconds_between(Date begin, Date end) {
  if (begin == Date{} || end == Date{}) return std::numeric_limits<double>::quiet_NaN();
  return std::chrono::duration<double>(end - begin).count();
}

}  // namespace nn::study
