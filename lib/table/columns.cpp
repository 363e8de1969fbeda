#include "table/columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "table/label.hpp"

namespace nn::table {
namespace {

constexpr std::int64_t label_sample_rows = 1000;

std::vector<std::string> names_of(const Schema& schema) {
  std::vector<std::string> names;
  for (const Field& field : schema.fields) names.push_back(field.name);
  return names;
}

std::string what_is_there(const Schema& schema, const std::string& wanted) {
  if (const auto meant = closest(wanted, names_of(schema)))
    return fmt::format("; did you mean '{}'?", *meant);
  std::string list;
  for (std::size_t i = 0; i < std::min<std::size_t>(schema.fields.size(), 8); ++i) {
    list += fmt::format("{}'{}'", i == 0 ? "; there are " : ", ", printable(schema.fields[i].name, 20));
  }
  const std::size_t more = schema.fields.size() - std::min<std::size_t>(schema.fields.size(), 8);
  return more > 0 ? fmt::format("{} and {} more", list, more) : list;
}

std::optional<std::size_t> find_if_given(const Schema& schema, const std::optional<std::string>& wanted,
                                         std::string_view option) {
  if (!wanted) return std::nullopt;
  return find_column(schema, *wanted, option);
}

}  // namespace

std::size_t find_column(const Schema& schema, const std::string& wanted, std::string_view option) {
  if (const auto named = schema.find(wanted)) return *named;
  if (schema.fields.empty()) {
    throw data_error("there are no columns")
        .advise_after(", and ", "{} names '{}'", option, printable(wanted));
  }
  if (wanted == "last") return schema.fields.size() - 1;
  const bool digits = !wanted.empty() && wanted.size() < 10 &&
                      std::all_of(wanted.begin(), wanted.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits) {
    const auto number = static_cast<std::size_t>(parse_integer(wanted));
    if (number < schema.fields.size()) return number;
    throw data_error("there is no column {}", number)
        .advise_after(fmt::format(" for {}", option), ": the last one is {}", schema.fields.size() - 1);
  }
  throw data_error("there is no column '{}'", printable(wanted))
      .advise_after(fmt::format(" for {}", option), "{}", what_is_there(schema, wanted));
}

bool ColumnChoice::keeps(std::size_t column) const {
  return column == id || column == y || std::binary_search(features.begin(), features.end(), column);
}

namespace {

// What was asked for can't be stepped over.
std::size_t find_readable(const Schema& schema, const std::string& wanted, std::string_view option) {
  const std::size_t column = find_column(schema, wanted, option);
  const Field& field = schema.fields[column];
  if (field.type == DType::opaque && !field.foreign_type.empty()) {
    throw data_error("column '{}' is of type {}, which is read neither as numbers nor as text",
                     printable(field.name), field.foreign_type);
  }
  return column;
}

}  // namespace

ColumnOptions with_usual(ColumnOptions options, const Schema& schema) {
  // What is asked for as something else isn't taken.
  const auto is_asked = [&](const std::optional<std::string>& wanted, std::size_t column) {
    return wanted && find_column(schema, *wanted, "") == column;
  };
  const auto has = [&](const std::optional<std::string>& usual) {
    const auto at = usual ? schema.find(*usual) : std::nullopt;
    const bool dropped =
        at && std::any_of(options.drop.begin(), options.drop.end(),
                          [&](const std::string& n) { return find_column(schema, n, "--drop") == *at; });
    return at && !dropped && !is_asked(options.id, *at) && !is_asked(options.label, *at) &&
           !is_asked(options.target, *at);
  };
  if (!options.label && !options.target && !schema.find("y")) {
    if (has(options.usual_label)) {
      options.label = options.usual_label;
    } else if (has(options.usual_target) &&
               is_number(schema.fields[*schema.find(*options.usual_target)].type)) {
      options.target = options.usual_target;
    }
  }
  if (!options.id && !schema.find("id") && has(options.usual_id)) options.id = options.usual_id;
  return options;
}

ColumnChoice choose_columns(const Schema& schema, const ColumnOptions& options) {
  ColumnChoice choice;
  choice.y = options.label ? find_if_given(schema, options.label, "--label")
                           : find_if_given(schema, options.target, "--target");
  if (options.id) choice.id = find_readable(schema, *options.id, "--id");
  // Streams name them already.
  if (!choice.y) choice.y = schema.find("y");
  if (!choice.id) choice.id = schema.find("id");
  if (choice.id && choice.id == choice.y) {
    if (options.id && (options.label || options.target)) {
      fail_usage("column '{}' cannot be both id and y", printable(schema.fields[*choice.id].name));
    }
    (options.id ? choice.y : choice.id) = std::nullopt;
  }
  std::vector<bool> keep(schema.fields.size(), options.select.empty());
  for (const std::string& name : options.select) keep[find_readable(schema, name, "--select")] = true;
  for (const std::string& name : options.drop) {
    const std::size_t column = find_column(schema, name, "--drop");
    keep[column] = false;
    if (column == choice.y && !options.label && !options.target) choice.y = std::nullopt;
    if (column == choice.id && !options.id) choice.id = std::nullopt;
  }
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (keep[i] && i != choice.y && i != choice.id) choice.features.push_back(i);
  }
  for (const std::size_t i : choice.features) {
    const std::string& name = schema.fields[i].name;
    if ((name == "y" && choice.y) || (name == "id" && choice.id)) {
      throw data_error("there is a column '{}' already, beside the one that becomes it", name)
          .advise("; leave it out with --drop {}", name);
    }
  }
  return choice;
}

namespace {

class ColumnSource : public BatchSource {
 public:
  ColumnSource(std::unique_ptr<BatchSource> source, const ColumnOptions& options)
      : source_(std::move(source)), choice_(choose_columns(*source_->schema(), options)) {
    const Schema& from = *source_->schema();
    auto schema = std::make_shared<Schema>();
    schema->metadata = from.metadata;
    for (const std::size_t i : choice_.features) schema->fields.push_back(from.fields[i]);
    if (choice_.id) schema->fields.push_back(id_field(from.fields[*choice_.id]));
    if (choice_.y) {
      y_ = make_target(from.fields[*choice_.y], options);
      schema->fields.push_back(y_ ? y_->field() : from.fields[*choice_.y]);
    }
    schema_ = std::move(schema);
  }

  const std::shared_ptr<const Schema>& schema() const override { return schema_; }
  std::optional<std::int64_t> total_rows() const override { return source_->total_rows(); }

  std::optional<Batch> next() override {
    auto batch = read();
    if (!batch) return std::nullopt;
    Batch out{schema_, batch->first_row, batch->rows, {}};
    out.columns.reserve(schema_->fields.size());
    for (const std::size_t i : choice_.features) out.columns.push_back(std::move(batch->columns[i]));
    if (choice_.id) out.columns.push_back(std::move(batch->columns[*choice_.id]));
    if (choice_.y) {
      Column& y = batch->columns[*choice_.y];
      out.columns.push_back(y_ ? y_->convert(y, batch->rows, batch->first_row) : std::move(y));
    }
    return out;
  }

 private:
  static Field id_field(Field field) {
    if (field.name != "id") field.metadata.set("nn.source_name", field.name);
    field.name = "id";
    return field;
  }

  // Null where the column is y already and nobody asked for anything else.
  std::unique_ptr<TargetColumn> make_target(const Field& field, const ColumnOptions& options) {
    if (options.target) return target_column(field);
    if (!options.label) return nullptr;
    std::vector<ColumnSample> sample;
    for (std::int64_t rows = 0; rows < label_sample_rows && is_float(field.type) && field.shape.empty();) {
      auto batch = source_->next();
      if (!batch) {
        ended_ = true;
        break;
      }
      rows += batch->rows;
      ahead_.push_back(std::move(*batch));
    }
    for (const Batch& batch : ahead_) sample.push_back({&batch.columns[*choice_.y], batch.rows});
    return label_column(field, sample, options.trim_label);
  }

  std::optional<Batch> read() {
    if (!ahead_.empty()) {
      std::optional<Batch> batch(std::move(ahead_.front()));
      ahead_.pop_front();
      return batch;
    }
    if (ended_) return std::nullopt;
    return source_->next();
  }

  std::unique_ptr<BatchSource> source_;
  ColumnChoice choice_;
  std::shared_ptr<const Schema> schema_;
  std::unique_ptr<TargetColumn> y_;
  std::deque<Batch> ahead_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<BatchSource> with_columns(std::unique_ptr<BatchSource> source, const ColumnOptions& options) {
  const ColumnOptions wanted = with_usual(options, *source->schema());
  return std::make_unique<ColumnSource>(std::move(source), wanted);
}

}  // namespace nn::table
