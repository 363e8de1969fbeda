#include "sweep/trial_columns.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "sweep/tables.hpp"

namespace nn::sweep {
namespace {

using Trials = std::deque<study::Trial>;

// Bit r is 1 where row r has a value.
class Validity {
 public:
  void add(bool present) {
    if (count_ % 8 == 0) bits_.push_back(0);
    if (present) bits_.back() |= static_cast<std::uint8_t>(1U << (count_ % 8));
    ++count_;
  }
  std::vector<std::uint8_t> take() { return std::move(bits_); }

 private:
  std::vector<std::uint8_t> bits_;
  std::size_t count_ = 0;
};

// `value_of` gives what a trial has, or nothing.
template <typename T, typename ValueOf>
Column numbers(const Trials& trials, ValueOf value_of) {
  struct Memory {
    std::vector<T> values;
    std::vector<std::uint8_t> bits;
  };
  const auto memory = std::make_shared<Memory>();
  Validity validity;
  for (const study::Trial& trial : trials) {
    const std::optional<T> value = value_of(trial);
    memory->values.push_back(value.value_or(T{}));
    validity.add(value.has_value());
  }
  memory->bits = validity.take();
  Column column;
  column.data = reinterpret_cast<const std::byte*>(memory->values.data());
  column.validity = memory->bits.data();
  column.owner = memory;
  return column;
}

template <typename TextOf>
Column texts(const Trials& trials, const std::string& name, TextOf text_of) {
  struct Memory {
    std::string bytes;
    std::vector<std::int32_t> offsets{0};
    std::vector<std::uint8_t> bits;
  };
  const auto memory = std::make_shared<Memory>();
  Validity validity;
  for (const study::Trial& trial : trials) {
    const std::optional<std::string> text = text_of(trial);
    if (text) memory->bytes += as_utf8(*text);
    if (memory->bytes.size() > INT32_MAX) fail_data("column '{}' has texts of over 2 GiB", printable(name));
    memory->offsets.push_back(static_cast<std::int32_t>(memory->bytes.size()));
    validity.add(text.has_value());
  }
  memory->bits = validity.take();
  Column column;
  column.data = reinterpret_cast<const std::byte*>(memory->bytes.data());
  column.offsets = memory->offsets.data();
  column.validity = memory->bits.data();
  column.owner = memory;
  return column;
}

template <typename T>
std::optional<T> number_of(std::string_view json) {
  T value{};
  const auto read = std::from_chars(json.data(), json.data() + json.size(), value);
  if (read.ec != std::errc() || read.ptr != json.data() + json.size()) return std::nullopt;
  return value;
}

std::string_view json_of_choice(const study::TrialParameter& p) {
  return p.what->distribution.choices[static_cast<std::size_t>(p.value)].json;
}

std::optional<double> as_number(const study::TrialParameter& p) {
  return p.what->distribution.has_choices() ? number_of<double>(json_of_choice(p)) : std::optional(p.value);
}

std::optional<std::int64_t> as_whole(const study::TrialParameter& p) {
  if (p.what->distribution.has_choices()) return number_of<std::int64_t>(json_of_choice(p));
  const auto kind = p.what->distribution.kind;
  const bool is_whole = kind == search::ParameterKind::integer || kind == search::ParameterKind::intlog;
  if (!is_whole || !(std::abs(p.value) < 0x1p63)) return std::nullopt;
  return static_cast<std::int64_t>(p.value);
}

std::optional<std::uint8_t> as_boolean(const study::TrialParameter& p) {
  if (!p.what->distribution.has_choices()) return std::nullopt;
  const std::string_view json = json_of_choice(p);
  if (json == "true" || json == "false") return static_cast<std::uint8_t>(json == "true");
  return std::nullopt;
}

// null among the values doesn't change what the others are.
bool is_null(const study::TrialParameter& p) {
  return p.what->distribution.has_choices() && json_of_choice(p) == "null";
}

DType type_of(const Trials& trials, const std::string& name) {
  bool any = false, wholes = true, reals = true, booleans = true;
  for (const study::Trial& trial : trials) {
    const study::TrialParameter* p = trial.find(name);
    if (p == nullptr || is_null(*p)) continue;
    any = true;
    wholes = wholes && as_whole(*p);
    reals = reals && as_number(*p);
    booleans = booleans && as_boolean(*p);
  }
  if (!any) return DType::f64;
  return wholes ? DType::i64 : reals ? DType::f64 : booleans ? DType::boolean : DType::utf8;
}

Column column_of(const Trials& trials, const std::string& name, DType type) {
  const auto each = [&](auto value_of) {
    return [&name, value_of](const study::Trial& trial) {
      const study::TrialParameter* p = trial.find(name);
      return p == nullptr || is_null(*p) ? decltype(value_of(*p))() : value_of(*p);
    };
  };
  switch (type) {
    case DType::i64: return numbers<std::int64_t>(trials, each(as_whole));
    case DType::boolean: return numbers<std::uint8_t>(trials, each(as_boolean));
    case DType::f64: return numbers<double>(trials, each(as_number));
    default:
      return texts(trials, name,
                   each([](const study::TrialParameter& p) { return std::optional(p.text()); }));
  }
}

class Columns {
 public:
  void add(const std::string& name, DType type, Column column) {
    Field field;
    field.name = as_utf8(name);
    field.type = type;
    field.nullable = true;
    schema_.fields.push_back(std::move(field));
    columns_.push_back(std::move(column));
  }
  Batch take(std::size_t rows) {
    Batch batch;
    batch.schema = std::make_shared<const Schema>(std::move(schema_));
    batch.rows = static_cast<std::int64_t>(rows);
    batch.columns = std::move(columns_);
    return batch;
  }

 private:
  Schema schema_;
  std::vector<Column> columns_;
};

}  // namespace

Batch trial_batch(study::Study& study) {
  const Trials& trials = study.log().trials;
  Columns columns;
  std::set<std::string> taken{"trial", "state", "seconds", "slot", "attempts", "reason"};
  columns.add("trial", DType::i64, numbers<std::int64_t>(trials, [](const study::Trial& t) {
                return std::optional<std::int64_t>(t.number);
              }));
  columns.add("state", DType::utf8, texts(trials, "state", [](const study::Trial& t) {
                return std::optional<std::string>(enum_names(t.state).name_of(t.state));
              }));
  const auto objectives = study.objectives();
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    taken.insert(objectives[o].name);
    columns.add(objectives[o].name, DType::f64, numbers<double>(trials, [o](const study::Trial& t) {
                  return o < t.values.size() ? std::optional(t.values[o]) : std::nullopt;
                }));
  }
  for (const std::string& name : parameter_names(study)) {
    const bool is_new = taken.insert(name).second;
    if (!is_new) warn("parameter '{0}' has the name of another column: it is params_{0}", printable(name));
    const DType type = type_of(trials, name);
    columns.add(is_new ? name : "params_" + name, type, column_of(trials, name, type));
  }
  columns.add("seconds", DType::f64, numbers<double>(trials, [](const study::Trial& t) {
                const double seconds = t.seconds();
                return std::isnan(seconds) ? std::nullopt : std::optional(seconds);
              }));
  const auto text_or_none = [](std::string_view text) {
    return text.empty() ? std::nullopt : std::optional(std::string(text));
  };
  columns.add("slot", DType::utf8,
              texts(trials, "slot", [&](const study::Trial& t) { return text_or_none(t.slot); }));
  columns.add("attempts", DType::i64, numbers<std::int64_t>(trials, [](const study::Trial& t) {
                return std::optional<std::int64_t>(t.attempt);
              }));
  columns.add("reason", DType::utf8,
              texts(trials, "reason", [&](const study::Trial& t) { return text_or_none(t.ending.reason); }));
  return columns.take(trials.size());
}

}  // namespace nn::sweep
