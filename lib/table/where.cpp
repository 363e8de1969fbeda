#include "table/where.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "table/chosen_rows.hpp"
#include "table/where_parse.hpp"
#include "tensor/column_choice.hpp"

namespace nn::table {
namespace {

using Node = Condition::Node;
using Operator = Node::Operator;

// What is known of each row: a comparison with a missing value is unknown.
using Truth = std::uint8_t;
constexpr Truth no = 0, yes = 1, unknown = 2;
using Truths = std::vector<Truth>;

template <typename T>
bool holds(Operator op, const T& a, const T& b) {
  switch (op) {
    case Operator::equal: return a == b;
    case Operator::unequal: return a != b;
    case Operator::less: return a < b;
    case Operator::less_equal: return a <= b;
    case Operator::greater: return a > b;
    case Operator::greater_equal: return a >= b;
  }
  return false;
}

Operator mirrored(Operator op) {
  switch (op) {
    case Operator::less: return Operator::greater;
    case Operator::less_equal: return Operator::greater_equal;
    case Operator::greater: return Operator::less;
    case Operator::greater_equal: return Operator::less_equal;
    default: return op;
  }
}

// Finds the columns that operands name.
class Names {
 public:
  Names(const Schema& schema, std::string_view text) : schema_(schema), names_(schema), text_(text) {}

  std::optional<std::size_t> column_of(const Operand& operand) const {
    if (operand.kind != Operand::Kind::word && operand.kind != Operand::Kind::quoted) return std::nullopt;
    const auto found = names_.named(operand.text);
    if (found.size() > 1)
      throw error(operand, fmt::format("there are several columns '{}'", printable(operand.text)));
    if (!found.empty()) return found[0].second;
    if (operand.kind == Operand::Kind::quoted) return std::nullopt;
    std::vector<std::string> all;
    for (const Field& field : schema_.fields) all.push_back(field.name);
    const auto meant = closest(operand.text, all);
    throw error(operand,
                fmt::format("there is no column '{}'; {}a text is quoted: '{}'", printable(operand.text),
                            meant ? fmt::format("did you mean {}? Or ", printable(*meant)) : "",
                            printable(operand.text)));
  }

  Error error(const Operand& operand, std::string_view message) const {
    return condition_error(ErrorKind::data, text_, operand.at, message);
  }

 private:
  const Schema& schema_;
  ColumnNames names_;
  std::string_view text_;
};

template <typename Visit>
void visit_operands(const Node& node, Visit&& visit) {
  for (const auto& part : node.parts) visit_operands(*part, visit);
  if (!node.parts.empty()) return;
  visit(node.left);
  for (const Operand& operand : node.right) visit(operand);
}

// A number of a column of this type that stands for what people wrote: 0.1 is what a float32 has for it.
long double as_stored(DType type, long double number) {
  if (type == DType::f16) return half_to_float(float_to_half(static_cast<float>(number)));
  if (type == DType::f32) return static_cast<float>(number);
  if (type == DType::f64) return static_cast<double>(number);
  return number;
}

bool is_wide(DType type) { return type == DType::i64 || type == DType::u64; }

std::string_view text_at(DType type, const Column& column, std::int64_t row) {
  if (type == DType::utf8) return column.text(row);
  return (*column.dictionary)[static_cast<std::size_t>(column.as<std::int32_t>()[row])];
}

using Evaluate = std::function<void(const Batch& batch, Truths& out)>;

// The value of a present row. T is double, or long double where a double hasn't all digits.
template <typename T>
T value_at(DType type, const Column& column, std::int64_t row) {
  if (type == DType::i64) return static_cast<T>(column.as<std::int64_t>()[row]);
  if (type == DType::u64) return static_cast<T>(column.as<std::uint64_t>()[row]);
  return static_cast<T>(number_at(type, column.data, row));
}

// body(value) of each present row; others are unknown.
template <typename T, typename Body>
void for_numbers(DType type, const Column& column, std::int64_t rows, Truths& out, Body&& body) {
  for (std::int64_t row = 0; row < rows; ++row) {
    Truth& truth = out[static_cast<std::size_t>(row)];
    const T value = column.valid(row) ? value_at<T>(type, column, row) : std::numeric_limits<T>::quiet_NaN();
    truth = std::isnan(value) ? unknown : static_cast<Truth>(body(value));
  }
}

// NaN where a value is missing.
void numbers_of(DType type, const Column& column, std::int64_t rows, std::vector<long double>& out) {
  out.resize(static_cast<std::size_t>(rows));
  for (std::int64_t row = 0; row < rows; ++row) {
    out[static_cast<std::size_t>(row)] = column.valid(row) ? value_at<long double>(type, column, row)
                                                           : std::numeric_limits<long double>::quiet_NaN();
  }
}

// A test of texts. Of a category column each text of the dictionary is tested once.
template <typename Test>
Evaluate text_test(std::size_t column, DType type, Test test) {
  if (type == DType::utf8) {
    return [column, test](const Batch& batch, Truths& out) {
      const Column& values = batch.columns[column];
      for (std::int64_t row = 0; row < batch.rows; ++row) {
        out[static_cast<std::size_t>(row)] =
            values.valid(row) ? static_cast<Truth>(test(values.text(row))) : unknown;
      }
    };
  }
  struct Known {
    std::shared_ptr<const Dictionary> dictionary;
    Truths truths;
  };
  return [column, test, known = std::make_shared<Known>()](const Batch& batch, Truths& out) {
    const Column& values = batch.columns[column];
    if (values.dictionary != known->dictionary || known->truths.size() != values.dictionary->size()) {
      if (!known->dictionary || !values.dictionary->continues(*known->dictionary)) known->truths.clear();
      for (std::size_t i = known->truths.size(); i < values.dictionary->size(); ++i)
        known->truths.push_back(static_cast<Truth>(test((*values.dictionary)[i])));
      known->dictionary = values.dictionary;
    }
    const auto* numbers = values.as<std::int32_t>();
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      out[static_cast<std::size_t>(row)] =
          values.valid(row) ? known->truths[static_cast<std::size_t>(numbers[row])] : unknown;
    }
  };
}

// Makes functions of nodes, checking types.
class Binder {
 public:
  Binder(const Schema& schema, std::string_view text) : schema_(schema), names_(schema, text) {}

  Evaluate bind(const Node& node) const {
    switch (node.kind) {
      case Node::Kind::all:
      case Node::Kind::any: return joined(node);
      case Node::Kind::no: return negated(bind(*node.parts[0]));
      case Node::Kind::compare: return compare(node);
      case Node::Kind::missing: return missing(node);
      case Node::Kind::in: return in(node);
      case Node::Kind::boolean: return boolean(node);
    }
    return {};
  }

 private:
  static Evaluate negated(Evaluate part) {
    return [part = std::move(part)](const Batch& batch, Truths& out) {
      part(batch, out);
      for (Truth& truth : out) truth = truth == unknown ? unknown : static_cast<Truth>(truth ^ 1);
    };
  }

  // The first part that is false ends `all`, the first that is true `any`; else what is unknown makes it
  // unknown.
  Evaluate joined(const Node& node) const {
    std::vector<Evaluate> parts;
    for (const auto& part : node.parts) parts.push_back(bind(*part));
    const Truth decides = node.kind == Node::Kind::all ? no : yes;
    return [parts = std::move(parts), decides](const Batch& batch, Truths& out) {
      parts[0](batch, out);
      Truths other(out.size());
      for (std::size_t i = 1; i < parts.size(); ++i) {
        parts[i](batch, other);
        for (std::size_t row = 0; row < out.size(); ++row) {
          if (out[row] == decides || other[row] == decides) {
            out[row] = decides;
          } else if (other[row] == unknown) {
            out[row] = unknown;
          }
        }
      }
    };
  }

  // The column of an operand that must be one value a row.
  std::optional<std::size_t> value_column(const Operand& operand) const {
    const auto column = names_.column_of(operand);
    if (!column) return std::nullopt;
    const Field& field = schema_.fields[*column];
    if (field.type == DType::opaque) {
      throw names_.error(
          operand, fmt::format("column '{}' is of type {}, which can't be compared", printable(field.name),
                               field.foreign_type.empty() ? "unknown" : field.foreign_type));
    }
    if (!field.shape.empty())
      throw names_.error(operand, fmt::format("column '{}' is a tensor {}, which can't be compared",
                                              printable(field.name), to_string(field.shape)));
    return column;
  }

  Evaluate compare(const Node& node) const {
    const Operand &left = node.left, &right = node.right[0];
    const auto a = value_column(left), b = value_column(right);
    if (a && b) return compare_columns(node, *a, *b);
    if (a) return compare_value(left, *a, node.op, right);
    if (b) return compare_value(right, *b, mirrored(node.op), left);
    throw names_.error(left, "no side of this comparison is a column");
  }

  // A value that isn't of the column's kind is an error, since the comparison would be false for all rows.
  void check_value(const Operand& column, const Field& field, const Operand& value) const {
    const bool is_text_value = value.kind == Operand::Kind::text || value.kind == Operand::Kind::quoted;
    if (is_text(field.type) == is_text_value) return;
    if (is_text_value) {
      throw names_.error(
          value, fmt::format("column '{}' holds numbers, and this is a text", printable(column.text)));
    }
    throw names_.error(value, fmt::format("column '{}' holds texts, and a text is quoted: '{}'",
                                          printable(column.text), printable(value.text)));
  }

  Evaluate compare_value(const Operand& operand, std::size_t column, Operator op,
                         const Operand& value) const {
    const Field& field = schema_.fields[column];
    check_value(operand, field, value);
    if (is_text(field.type)) {
      return text_test(column, field.type, [op, wanted = value.text](std::string_view text) {
        return holds<std::string_view>(op, text, wanted);
      });
    }
    const DType type = field.type;
    const long double number = as_stored(type, value.number);
    if (is_wide(type)) {
      return [=](const Batch& batch, Truths& out) {
        for_numbers<long double>(type, batch.columns[column], batch.rows, out,
                                 [&](long double v) { return holds(op, v, number); });
      };
    }
    return [=, wanted = static_cast<double>(number)](const Batch& batch, Truths& out) {
      for_numbers<double>(type, batch.columns[column], batch.rows, out,
                          [&](double v) { return holds(op, v, wanted); });
    };
  }

  Evaluate compare_columns(const Node& node, std::size_t a, std::size_t b) const {
    const DType left = schema_.fields[a].type, right = schema_.fields[b].type;
    if (is_text(left) != is_text(right)) {
      throw names_.error(node.right[0],
                         fmt::format("one of the columns '{}' and '{}' holds numbers, the other texts",
                                     printable(node.left.text), printable(node.right[0].text)));
    }
    const Operator op = node.op;
    if (is_text(left)) {
      return [=](const Batch& batch, Truths& out) {
        const Column &x = batch.columns[a], &y = batch.columns[b];
        for (std::int64_t row = 0; row < batch.rows; ++row) {
          const bool known = x.valid(row) && y.valid(row);
          out[static_cast<std::size_t>(row)] =
              known ? static_cast<Truth>(holds(op, text_at(left, x, row), text_at(right, y, row))) : unknown;
        }
      };
    }
    return [=](const Batch& batch, Truths& out) {
      std::vector<long double> x, y;
      numbers_of(left, batch.columns[a], batch.rows, x);
      numbers_of(right, batch.columns[b], batch.rows, y);
      for (std::size_t row = 0; row < out.size(); ++row) {
        const bool known = !std::isnan(x[row]) && !std::isnan(y[row]);
        out[row] = known ? static_cast<Truth>(holds(op, x[row], y[row])) : unknown;
      }
    };
  }

  Evaluate missing(const Node& node) const {
    const auto column = names_.column_of(node.left);
    if (!column) throw names_.error(node.left, "this is no column");
    const Field& field = schema_.fields[*column];
    const bool may_be_nan = is_float(field.type) && field.shape.empty();
    return [at = *column, may_be_nan, type = field.type](const Batch& batch, Truths& out) {
      const Column& values = batch.columns[at];
      for (std::int64_t row = 0; row < batch.rows; ++row) {
        const bool present =
            values.valid(row) && !(may_be_nan && std::isnan(number_at(type, values.data, row)));
        out[static_cast<std::size_t>(row)] = present ? no : yes;
      }
    };
  }

  Evaluate in(const Node& node) const {
    const auto column = value_column(node.left);
    if (!column) throw names_.error(node.left, "this is no column");
    const Field& field = schema_.fields[*column];
    for (const Operand& value : node.right) {
      if (names_.column_of(value))
        throw names_.error(value, "values are expected here, and this is a column");
      check_value(node.left, field, value);
    }
    if (is_text(field.type)) {
      std::vector<std::string> wanted;
      for (const Operand& value : node.right) wanted.push_back(value.text);
      std::sort(wanted.begin(), wanted.end());
      return text_test(*column, field.type, [wanted = std::move(wanted)](std::string_view text) {
        return std::binary_search(wanted.begin(), wanted.end(), text, std::less<>());
      });
    }
    std::vector<long double> wanted;
    for (const Operand& value : node.right) wanted.push_back(as_stored(field.type, value.number));
    std::sort(wanted.begin(), wanted.end());
    return [at = *column, type = field.type, wanted = std::move(wanted)](const Batch& batch, Truths& out) {
      for_numbers<long double>(type, batch.columns[at], batch.rows, out, [&](long double v) {
        return std::binary_search(wanted.begin(), wanted.end(), v);
      });
    };
  }

  Evaluate boolean(const Node& node) const {
    const auto column = value_column(node.left);
    if (!column || schema_.fields[*column].type != DType::boolean) {
      throw names_.error(node.left,
                         column ? fmt::format("column '{}' is true or false for no row; a comparison is "
                                              "expected, such as =, <, in (…) or is missing",
                                              printable(node.left.text))
                                : "a comparison is expected");
    }
    return [at = *column](const Batch& batch, Truths& out) {
      for_numbers<double>(DType::boolean, batch.columns[at], batch.rows, out,
                          [](double v) { return v != 0; });
    };
  }

  const Schema& schema_;
  Names names_;
};

}  // namespace

Condition::Condition(std::string_view text) : text_(text), root_(parse_condition(text)) {}

std::vector<std::size_t> Condition::columns(const Schema& schema) const {
  const Names names(schema, text_);
  std::vector<std::size_t> columns;
  visit_operands(*root_, [&](const Operand& operand) {
    if (const auto column = names.column_of(operand)) columns.push_back(*column);
  });
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  return columns;
}

struct BoundCondition::Evaluator {
  Evaluate evaluate;
  Truths truths;
};

BoundCondition::BoundCondition(const Condition& condition, const Schema& schema)
    : evaluator_(std::make_unique<Evaluator>()) {
  evaluator_->evaluate = Binder(schema, condition.text_).bind(*condition.root_);
}

BoundCondition::~BoundCondition() = default;
BoundCondition::BoundCondition(BoundCondition&&) noexcept = default;

void BoundCondition::choose(const Batch& batch, std::vector<std::int64_t>& rows) {
  evaluator_->truths.assign(static_cast<std::size_t>(batch.rows), no);
  evaluator_->evaluate(batch, evaluator_->truths);
  rows.clear();
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    if (evaluator_->truths[static_cast<std::size_t>(row)] == yes) rows.push_back(row);
  }
}

namespace {

class WhereSource : public ChosenRows {
 public:
  WhereSource(SourcePtr source, BoundCondition condition)
      : ChosenRows(std::move(source)), condition_(std::move(condition)) {}

 protected:
  void choose(const Batch& batch, std::vector<std::int64_t>& rows) override {
    condition_.choose(batch, rows);
  }

 private:
  BoundCondition condition_;
};

}  // namespace

std::unique_ptr<BatchSource> rows_where(std::unique_ptr<BatchSource> source, const Condition& condition,
                                        const Schema& schema) {
  return std::make_unique<WhereSource>(std::move(source), BoundCondition(condition, schema));
}

}  // namespace nn::table
