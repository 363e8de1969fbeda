// The target: the classes or numbers to be predicted, learned from column y.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/log.hpp"
#include "model/category.hpp"
#include "model/encoder.hpp"
#include "model/values.hpp"
#include "tensor/name_list.hpp"
#include "tensor/row_weights.hpp"

namespace nn::model {
namespace {

constexpr std::size_t most_classes = 10000;

std::size_t find_target(const Schema& schema, const std::string& name) {
  const auto found = schema.find(name);
  if (!found) {
    throw make_error(ErrorKind::usage, "the table has no target column '{}'", printable(name))
        .advise(": choose it with --label COLUMN (classes) or --target COLUMN (numbers)");
  }
  if (schema.fields[*found].type == DType::opaque) {
    fail_data("{} has type {}, which cannot be predicted", column_name(name),
              printable(schema.fields[*found].foreign_type));
  }
  return *found;
}

// What the table called the column that is now `name`.
std::string name_in_file(const Schema& schema, const std::string& name) {
  const auto at = schema.find(name);
  const std::string* source = at ? schema.fields[*at].metadata.find("nn.source_name") : nullptr;
  return source != nullptr ? *source : name;
}

[[noreturn]] void fail_missing_target(const Batch& batch, std::int64_t row, const std::string& name) {
  throw data_error("the target is missing")
      .within(cell_name(batch, row, name_in_file(*batch.schema, name)))
      .advise("; --drop-unlabelled leaves out the rows without one");
}

void check_class_count(std::size_t count, const std::string& name) {
  if (count <= most_classes) return;
  throw data_error("{} has more than {} different labels", column_name(name), most_classes)
      .advise("; a number to predict is named with --target");
}

void add_integer_classes(const Batch& batch, const Column& column, DType type, const std::string& name,
                         std::set<std::int64_t>& classes) {
  visit_numbers(type, column, [&](const auto* values) {
    for (std::int64_t r = 0; r < batch.rows; ++r) {
      if (!column.valid(r)) fail_missing_target(batch, r, name);
      if (type == DType::u64 && static_cast<std::uint64_t>(values[r]) > INT64_MAX) {
        throw data_error("the label {} is too large", static_cast<std::uint64_t>(values[r]))
            .within(cell_name(batch, r, name));
      }
      // An i8 is a number, not a character.
      const auto label = static_cast<std::int64_t>(values[r]);  // NOLINT(bugprone-signed-char-misuse)
      if (classes.insert(label).second) check_class_count(classes.size(), name);
    }
  });
}

void add_text_classes(const Batch& batch, const Column& column, DType type, const std::string& name,
                      SeenEntries& seen, std::set<std::string, std::less<>>& classes) {
  const Field field{
      .name = name, .type = type, .shape = {}, .nullable = false, .metadata = {}, .foreign_type = {}};
  seen.look_at(column);
  for (std::int64_t r = 0; r < batch.rows; ++r) {
    if (!column.valid(r)) fail_missing_target(batch, r, name);
    if (type == DType::category) {
      if (!seen.is_first(static_cast<std::size_t>(column.as<std::int32_t>()[r]))) continue;
    }
    if (classes.insert(value_text(field, column, r)).second) check_class_count(classes.size(), name);
  }
}

// Says that as many numbers as nobody tells apart became classes: mostly they were to be predicted as
// numbers. Numbers of classes, which follow each other from 0 on with some rows each, are none of these.
void ask_about_numbers(const Target& target, const Schema& schema, std::int64_t rows) {
  constexpr std::int64_t rows_of_class = 10;
  constexpr std::size_t usual_classes = 30;
  if (target.classes.size() <= usual_classes) return;
  std::int64_t first = INT64_MAX, last = INT64_MIN;
  for (const std::string& name : target.classes) {
    double value = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), value);
    if (read.ec != std::errc() || read.ptr != name.data() + name.size()) return;
    if (value != std::floor(value) || std::abs(value) > 1e15) continue;
    first = std::min(first, static_cast<std::int64_t>(value));
    last = std::max(last, static_cast<std::int64_t>(value));
  }
  const auto count = static_cast<std::int64_t>(target.classes.size());
  const bool numbered = target.integers && first == 0 && last + 1 == count;
  if (numbered && rows >= rows_of_class * count) return;
  warn("{} has {} different numbers, and each is taken as a class; --target predicts them as numbers",
       column_name(name_in_file(schema, target.name)), count);
}

void fit_classes(std::size_t at, DType type, std::span<const Batch> batches, Target& target) {
  target.kind = Target::Kind::classes;
  target.integers = !is_text(type);
  std::set<std::int64_t> integers;
  std::set<std::string, std::less<>> texts;
  SeenEntries seen;
  for (const Batch& batch : batches) {
    if (target.integers) {
      add_integer_classes(batch, batch.columns[at], type, target.name, integers);
    } else {
      add_text_classes(batch, batch.columns[at], type, target.name, seen, texts);
    }
  }
  for (const std::int64_t label : integers) target.classes.push_back(std::to_string(label));
  target.classes.insert(target.classes.end(), texts.begin(), texts.end());
  std::int64_t rows = 0;
  for (const Batch& batch : batches) rows += batch.rows;
  ask_about_numbers(target, *batches.front().schema, rows);
  if (target.classes.size() == 1) {
    fail_data("all rows have the label '{}': there is nothing to tell apart", printable(target.classes[0]));
  }
}

// Element i of the row's target, checked.
double target_at(const Batch& batch, const Column& column, DType type, const std::string& name,
                 std::int64_t row, std::int64_t width, std::int64_t i) {
  if (!column.valid(row)) fail_missing_target(batch, row, name);
  const double value = number_at(type, column.data, row * width + i);
  if (std::isnan(value)) fail_missing_target(batch, row, name);
  if (std::isinf(value))
    throw Error(ErrorKind::data, unusable_text(value)).within(cell_name(batch, row, name));
  return value;
}

// Calls body(i, value, weight of the row) for every element of every row.
template <typename Body>
void for_each_target(std::size_t at, DType type, const Target& target, std::span<const Batch> batches,
                     const std::vector<std::vector<double>>& weights, Body&& body) {
  const std::int64_t width = target.width();
  for (std::size_t b = 0; b < batches.size(); ++b) {
    const Batch& batch = batches[b];
    for (std::int64_t r = 0; r < batch.rows; ++r) {
      for (std::int64_t i = 0; i < width; ++i) {
        body(static_cast<std::size_t>(i), target_at(batch, batch.columns[at], type, target.name, r, width, i),
             weights.empty() ? 1 : weights[b][static_cast<std::size_t>(r)]);
      }
    }
  }
}

void fit_numbers(std::size_t at, const Field& field, std::span<const Batch> batches, bool standardize,
                 Target& target) {
  target.kind = Target::Kind::numbers;
  target.shape = field.shape;
  target.elements = element_names(field);
  const auto width = static_cast<std::size_t>(target.width());
  std::vector<double> sum(width), squares(width), low(width, HUGE_VAL), high(width, -HUGE_VAL);
  const std::vector<std::vector<double>> weights = weights_of_batches(batches);
  double total = 0;  // of the weights, for each element
  for_each_target(at, field.type, target, batches, weights, [&](std::size_t i, double value, double weight) {
    sum[i] += weight * value;
    total += weight;
    low[i] = std::min(low[i], value);
    high[i] = std::max(high[i], value);
  });
  if (!standardize) return;
  total /= static_cast<double>(width);
  for (std::size_t i = 0; i < width; ++i) {
    if (!std::isfinite(sum[i]))
      throw data_error("the values are too large to add up").within(column_name(target.name));
    target.offset.push_back(low[i] == high[i] || total == 0 ? low[i] : sum[i] / total);
  }
  for_each_target(at, field.type, target, batches, weights, [&](std::size_t i, double value, double weight) {
    squares[i] += weight * (value - target.offset[i]) * (value - target.offset[i]);
  });
  for (std::size_t i = 0; i < width; ++i)
    target.scale.push_back(scale_of(field.type, squares[i], total, low[i], high[i]));
}

[[noreturn]] void fail_unknown(const Batch& batch, std::int64_t row, const Target& target,
                               std::string_view label) {
  std::string known;
  for (std::size_t i = 0; i < target.classes.size() && i < 8; ++i) {
    known += (i == 0 ? "" : ", ") + printable(target.classes[i], 30);
  }
  if (target.classes.size() > 8) known += ", …";
  throw data_error("the label '{}' did not occur in training (known: {})", printable(label), known)
      .within(cell_name(batch, row, target.name));
}

// Integer labels of a model against a column of numbers.
class IntegerLabels {
 public:
  explicit IntegerLabels(const Target& target) {
    for (const std::string& text : target.classes) {
      std::int64_t value = 0;
      std::from_chars(text.data(), text.data() + text.size(), value);
      values_.push_back(value);
    }
    consecutive_ =
        !values_.empty() && values_.back() - values_.front() + 1 == static_cast<std::int64_t>(values_.size());
  }

  std::int32_t of(std::int64_t value) const {
    if (values_.empty() || value < values_.front() || value > values_.back()) return -1;
    if (consecutive_) return static_cast<std::int32_t>(value - values_.front());
    const auto at = std::lower_bound(values_.begin(), values_.end(), value);
    return *at == value ? static_cast<std::int32_t>(at - values_.begin()) : -1;
  }

  // pandas turns integers with gaps into floats.
  std::int32_t of(double value) const {
    const bool whole = std::abs(value) < 0x1p53 && std::nearbyint(value) == value;
    return whole ? of(static_cast<std::int64_t>(value)) : -1;
  }

 private:
  std::vector<std::int64_t> values_;
  bool consecutive_ = false;
};

// Class indices of every row, -1 where missing or unknown.
void find_labels(const Target& target, const Batch& batch, const Column& column, const Field& field,
                 std::int32_t* labels) {
  if (is_text(field.type)) {
    // Integer classes are sorted by value, not by bytes.
    std::map<std::string_view, std::int32_t> by_text;
    if (target.integers) {
      for (const std::string& text : target.classes)
        by_text.emplace(text, static_cast<std::int32_t>(by_text.size()));
    }
    const CategoryIndex index(target.integers ? std::span<const std::string>() : std::span(target.classes),
                              column, field.type, batch.rows);
    for (std::int64_t r = 0; r < batch.rows; ++r) {
      if (!target.integers) {
        labels[r] = index.of(column, field.type, r);
      } else {
        const auto found = column.valid(r) ? by_text.find(value_text(field, column, r)) : by_text.end();
        labels[r] = found == by_text.end() ? -1 : found->second;
      }
    }
  } else if (target.integers) {
    const IntegerLabels known(target);
    visit_numbers(field.type, column, [&](const auto* values) {
      for (std::int64_t r = 0; r < batch.rows; ++r) {
        if (!column.valid(r) ||
            (field.type == DType::u64 && static_cast<std::uint64_t>(values[r]) > INT64_MAX)) {
          labels[r] = -1;
        } else if (is_float(field.type)) {
          labels[r] = known.of(static_cast<double>(values[r]));
        } else {
          labels[r] = known.of(static_cast<std::int64_t>(values[r]));
        }
      }
    });
  } else {
    for (std::int64_t r = 0; r < batch.rows; ++r) {
      labels[r] = column.valid(r) ? find_sorted(target.classes, value_text(field, column, r)) : -1;
    }
  }
}

}  // namespace

// The network learned (y - offset) * scale.
void Target::finish(std::int64_t rows, float* out) const {
  if (kind == Kind::classes) return;
  const auto unscaled = [&](double value, std::size_t at) {
    if (scale.empty()) return value;
    at = scale.size() == 1 ? 0 : at;
    return value / scale[at] + (offset.empty() ? 0 : offset[at]);
  };
  const auto count = static_cast<std::size_t>(answers.each());
  switch (answers.kind) {
    case Answers::Kind::values: {
      if (scale.empty()) return;
      const std::int64_t each = width();
      for (std::int64_t i = 0; i < rows * each; ++i)
        out[i] = static_cast<float>(unscaled(out[i], static_cast<std::size_t>(i % each)));
      return;
    }
    case Answers::Kind::quantiles:
      for (float* end = out + rows * answers.each(); out < end; out += count) {
        for (std::size_t j = 0; j < count; ++j) out[j] = static_cast<float>(unscaled(out[j], 0));
        std::sort(out, out + count);
      }
      return;
    case Answers::Kind::normal:
      for (float* end = out + rows * 2; out < end; out += 2) {
        const double s = std::max(out[1], least_log_variance);
        out[0] = static_cast<float>(unscaled(out[0], 0));
        out[1] = static_cast<float>(std::exp(s / 2) / (scale.empty() ? 1 : std::abs(scale[0])));
      }
      return;
  }
}

std::int64_t Target::width() const {
  switch (kind) {
    case Kind::classes: return static_cast<std::int64_t>(classes.size());
    case Kind::numbers: return element_count(shape);
    case Kind::none: return 0;
  }
  return 0;
}

Target fit_target(const Schema& schema, std::span<const Batch> batches, bool standardize) {
  Target target;
  const std::size_t at = find_target(schema, target.name);
  const Field& field = schema.fields[at];
  std::int64_t rows = 0;
  for (const Batch& batch : batches) rows += batch.rows;
  if (rows == 0) fail_data("there are no rows to learn from");
  if (is_float(field.type) || !field.shape.empty()) {
    fit_numbers(at, field, batches, standardize, target);
  } else {
    fit_classes(at, field.type, batches, target);
  }
  return target;
}

void encode_labels(const Target& target, const Batch& batch, std::int32_t* labels, bool unknown_allowed) {
  const std::size_t at = find_target(*batch.schema, target.name);
  const Field& field = batch.schema->fields[at];
  if (!field.shape.empty()) {
    fail_data("{} holds tensors {}, but the model tells classes apart", column_name(target.name),
              to_string(field.shape));
  }
  const Column& column = batch.columns[at];
  find_labels(target, batch, column, field, labels);
  if (unknown_allowed) return;
  for (std::int64_t r = 0; r < batch.rows; ++r) {
    if (labels[r] >= 0) continue;
    const bool missing =
        !column.valid(r) || (is_float(field.type) && std::isnan(number_at(field.type, column.data, r)));
    if (missing) fail_missing_target(batch, r, target.name);
    fail_unknown(batch, r, target, value_text(field, column, r));
  }
}

void encode_targets(const Target& target, const Batch& batch, float* targets) {
  const std::size_t at = find_target(*batch.schema, target.name);
  const Field& field = batch.schema->fields[at];
  if (!is_number(field.type) || field.shape != target.shape) {
    fail_data("{} holds {}, but the model predicts numbers of shape {}", column_name(target.name),
              is_number(field.type) ? to_string(field.shape) : std::string("text"), to_string(target.shape));
  }
  const std::int64_t width = target.width();
  for (std::int64_t r = 0; r < batch.rows; ++r) {
    for (std::int64_t i = 0; i < width; ++i) {
      const double value = target_at(batch, batch.columns[at], field.type, target.name, r, width, i);
      const auto e = static_cast<std::size_t>(i);
      const double scaled = target.scale.empty() ? value : (value - target.offset[e]) * target.scale[e];
      const auto out = static_cast<float>(scaled);
      if (!std::isfinite(out))
        throw Error(ErrorKind::data, unusable_text(value)).within(cell_name(batch, r, target.name));
      targets[r * width + i] = out;
    }
  }
}

}  // namespace nn::model
