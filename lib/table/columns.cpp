#include "table/columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/numbers.hpp"
#include "base/split_names.hpp"
#include "base/text.hpp"
#include "table/label.hpp"
#include "table/rows.hpp"
#include "table/where.hpp"
#include "tensor/column_choice.hpp"
#include "tensor/column_roles.hpp"

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
  return column == id || column == key || column == weight ||
         std::find(y.begin(), y.end(), column) != y.end() ||
         std::binary_search(features.begin(), features.end(), column) ||
         std::binary_search(where.begin(), where.end(), column);
}

Schema renamed(const Schema& schema, const std::vector<Renaming>& rename) {
  Schema out = schema;
  std::vector<bool> done(schema.fields.size());
  for (const Renaming& renaming : rename) {
    const std::size_t column = find_column(schema, renaming.from, "--rename");
    if (done[column]) fail_usage("column '{}' is renamed twice", printable(schema.fields[column].name));
    done[column] = true;
    out.fields[column].name = renaming.to;
    out.fields[column].metadata.erase("nn.source_name");
  }
  const ColumnNames names(out);
  for (const Renaming& renaming : rename) {
    if (names.named(renaming.to).size() > 1) {
      throw data_error("there would be two columns '{}'", printable(renaming.to))
          .within("--rename")
          .advise("; give the other one a new name as well, by its number from 0 if need be");
    }
  }
  return out;
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

// The names in "a,b,c", where the longest name counts that is a column's.
std::vector<std::string> split_targets(const Schema& schema, const std::string& wanted) {
  if (schema.find(wanted)) return {wanted};
  if (wanted.find('"') != std::string::npos) return split_names(wanted);
  const std::vector<std::string> words = split(wanted, ',');
  std::vector<std::string> names;
  for (std::size_t first = 0; first < words.size();) {
    std::string name = words[first];
    std::size_t end = first + 1;
    std::string longer = name;
    for (std::size_t last = end; last < words.size(); ++last) {
      longer += "," + words[last];
      if (!schema.find(longer)) continue;
      name = longer;
      end = last + 1;
    }
    names.push_back(std::move(name));
    first = end;
  }
  return names;
}

std::vector<std::size_t> find_targets(const Schema& schema, const std::string& wanted) {
  std::vector<std::size_t> targets;
  for (const std::string& name : split_targets(schema, wanted)) {
    targets.push_back(find_readable(schema, name, "--target"));
    if (std::count(targets.begin(), targets.end(), targets.back()) > 1) {
      fail_usage("column '{}' is a target twice", printable(schema.fields[targets.back()].name));
    }
  }
  return targets;
}

ColumnChoice choose_named(const Schema& schema, const ColumnOptions& options) {
  ColumnChoice choice;
  const bool y_is_named = options.label || options.target;
  if (options.label) choice.y = {find_column(schema, *options.label, "--label")};
  if (options.target) choice.y = find_targets(schema, *options.target);
  if (options.id) choice.id = find_readable(schema, *options.id, "--id");
  const auto is_y = [&](std::optional<std::size_t> column) {
    return column && std::find(choice.y.begin(), choice.y.end(), *column) != choice.y.end();
  };
  // Streams name them already.
  if (const auto y = schema.find("y"); y && choice.y.empty() && !options.y_is_feature) choice.y = {*y};
  if (const auto id = schema.find("id"); id && !choice.id && !options.id_is_feature) choice.id = id;
  if (is_y(choice.id)) {
    if (options.id && y_is_named) {
      fail_usage("column '{}' cannot be both id and y", printable(schema.fields[*choice.id].name));
    }
    if (options.id) choice.y.clear();
    if (!options.id) choice.id = std::nullopt;
  }
  choice.weight =
      options.weight ? find_readable(schema, *options.weight, "--sample-weight") : schema.find(weight_column);
  if (options.weight && (is_y(choice.weight) || choice.weight == choice.id)) {
    fail_usage("column '{}' cannot be {} and the rows' weight", printable(schema.fields[*choice.weight].name),
               is_y(choice.weight) ? "y" : "id");
  }
  if (options.key) choice.key = find_readable(schema, *options.key, "--group or --stratify");
  if (!options.where.empty()) choice.where = Condition(options.where).columns(schema);
  std::vector<bool> keep(schema.fields.size(), options.select.empty());
  for (const std::string& name : options.select) keep[find_readable(schema, name, "--select")] = true;
  for (const std::string& name : options.drop) {
    const std::size_t column = find_column(schema, name, "--drop");
    keep[column] = false;
    if (is_y(column) && !y_is_named) choice.y.clear();
    if (column == choice.id && !options.id) choice.id = std::nullopt;
    if (column == choice.weight && !options.weight) choice.weight = std::nullopt;
  }
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (keep[i] && !is_y(i) && i != choice.id && i != choice.weight) choice.features.push_back(i);
  }
  return choice;
}

// Is the column of this name what it says in a table of ours, in which a feature of that name has another
// one?
bool is_ours(const Schema& schema, std::string_view name) {
  const auto at = schema.find(name);
  const auto was_called_so = [&](const Field& field) {
    const std::string* source = field.metadata.find("nn.source_name");
    return source != nullptr && *source == name;
  };
  return at && (schema.fields[*at].metadata.find("nn.source_name") != nullptr ||
                std::any_of(schema.fields.begin(), schema.fields.end(), was_called_so));
}

}  // namespace

ColumnOptions with_usual(ColumnOptions options, const Schema& given) {
  const Schema schema = renamed(given, options.rename);
  options.y_is_feature = options.y_is_feature && !is_ours(schema, "y");
  options.id_is_feature = options.id_is_feature && !is_ours(schema, "id");
  // What is asked for as something else, or dropped, isn't taken.
  std::vector<std::size_t> asked;
  if (options.label) asked.push_back(find_column(schema, *options.label, "--label"));
  if (options.target) asked = find_targets(schema, *options.target);
  if (options.id) asked.push_back(find_column(schema, *options.id, "--id"));
  for (const std::string& name : options.drop) asked.push_back(find_column(schema, name, "--drop"));
  const auto has = [&](const std::string& usual) {
    const auto at = schema.find(usual);
    return at && std::find(asked.begin(), asked.end(), *at) == asked.end();
  };
  // Where a model learned y as one of several numbers, it is no more than that one.
  const auto is_one_of_several = [&] {
    if (!options.usual_target || is_ours(schema, "y")) return false;
    const std::vector<std::string> names = split_targets(schema, *options.usual_target);
    return names.size() > 1 && std::find(names.begin(), names.end(), "y") != names.end();
  };
  const auto has_number = [&](const std::string& name) {
    return has(name) && is_number(schema.fields[*schema.find(name)].type);
  };
  const auto has_usual = [&] {
    if (options.usual_label && has(*options.usual_label)) return true;
    if (!options.usual_target) return false;
    const std::vector<std::string> names = split_targets(schema, *options.usual_target);
    return std::all_of(names.begin(), names.end(), has_number);
  };
  // A column y of somebody else's is no y where what the model learned has another name, and is there.
  const bool is_y = has("y") && (is_ours(schema, "y") || !has_usual());
  const bool has_y = is_y && !options.y_is_feature && !is_one_of_several();
  const bool has_id = has("id") && !options.id_is_feature;
  if (!options.label && !options.target && !has_y && has_usual()) {
    if (options.usual_label && has(*options.usual_label)) {
      options.label = options.usual_label;
    } else {
      options.target = options.usual_target;
    }
  }
  if (!options.id && !has_id && options.usual_id && has(*options.usual_id)) options.id = options.usual_id;
  return options;
}

ColumnChoice choose_columns(const Schema& schema, const ColumnOptions& options) {
  return options.rename.empty() ? choose_named(schema, options)
                                : choose_named(renamed(schema, options.rename), options);
}

namespace {

// The name of a feature in whose place another column is y or id.
std::string other_name(const Schema& schema, const Field& field) {
  const std::string* source = field.metadata.find("nn.source_name");
  if (source != nullptr && *source != "y" && *source != "id" && !schema.find(*source)) return *source;
  std::string name = feature_name(field.name);
  for (int number = 2; schema.find(name); ++number) name = fmt::format("{}.{}", field.name, number);
  return name;
}

// That a column is y or id by its name alone is said of tables that our tools didn't write, and whose columns
// have names of their own.
void say_what_was_taken(const Schema& schema, const ColumnChoice& choice, const ColumnOptions& options) {
  const auto is_tensor = [](const Field& field) { return !field.shape.empty(); };
  if (schema.metadata.find("nn.tool") != nullptr ||
      std::any_of(schema.fields.begin(), schema.fields.end(), is_tensor)) {
    return;
  }
  const auto is_told = [&](std::string_view name) {
    return std::any_of(options.rename.begin(), options.rename.end(),
                       [&](const Renaming& renaming) { return renaming.to == name; });
  };
  if (!options.label && !options.target && !choice.y.empty() && !is_told(nn::target_column)) {
    if (is_float(schema.fields[choice.y[0]].type)) {
      warn(
          "column 'y' is what is to be learned, by its name, as numbers (--target y); --label y takes it for "
          "classes, --rename y=NAME for a feature");
    } else {
      warn(
          "column 'y' is what is to be learned, by its name, as classes (--label y); --rename y=NAME takes "
          "it "
          "for a feature");
    }
  }
  if (!options.weight && choice.weight && !is_told(nn::weight_column)) {
    warn(
        "column 'sample_weight' is how much each row counts, by its name (--sample-weight sample_weight); "
        "--rename sample_weight=NAME takes it for a feature");
  }
  if (!options.id && choice.id && !is_told(nn::id_column)) {
    warn(
        "column 'id' tells rows apart and is not learned from, by its name (--id id); --rename id=NAME takes "
        "it for a feature");
  }
}

class ColumnSource : public BatchSource {
 public:
  ColumnSource(std::unique_ptr<BatchSource> source, const ColumnOptions& options, Said said)
      : source_(std::move(source)),
        choice_(choose_columns(*source_->schema(), options)),
        drop_unlabelled_(options.drop_unlabelled),
        quiet_(said == Said::nothing) {
    const Schema from = renamed(*source_->schema(), options.rename);
    if (!options.where.empty()) source_ = rows_where(std::move(source_), Condition(options.where), from);
    if (said == Said::all) say_what_was_taken(from, choice_, options);
    auto schema = std::make_shared<Schema>();
    schema->metadata = from.metadata;
    for (const std::size_t i : choice_.features) schema->fields.push_back(feature_field(from, i, options));
    if (choice_.weight) schema->fields.push_back(weight_field(from.fields[*choice_.weight]));
    if (choice_.id) schema->fields.push_back(id_field(from.fields[*choice_.id]));
    if (!choice_.y.empty()) schema->fields.push_back(y_field(from, options));
    if (choice_.key) schema->fields.push_back(from.fields[*choice_.key]);
    if (drop_unlabelled_ && choice_.y.empty())
      throw data_error("no column is y, so that no row is without a label")
          .advise("; name it with --label or --target");
    schema_ = std::move(schema);
  }

  const std::shared_ptr<const Schema>& schema() const override { return schema_; }
  std::optional<std::int64_t> total_rows() const override {
    return drop_unlabelled_ ? std::nullopt : source_->total_rows();
  }

  std::optional<Batch> next() override {
    for (;;) {
      auto batch = read();
      if (!batch) {
        say_how_many_were_dropped();
        return std::nullopt;
      }
      Batch out = choose(*batch);
      if (!drop_unlabelled_) return out;
      seen_ += out.rows;
      out = labelled(std::move(out));
      const std::int64_t first = std::exchange(given_, given_ + out.rows);
      if (out.rows > 0) return renumbered(std::move(out), first);
    }
  }

 private:
  Batch choose(Batch& batch) {
    Batch out{schema_, batch.first_row, batch.rows, {}, batch.numbers};
    out.columns.reserve(schema_->fields.size());
    const Column key = choice_.key ? batch.columns[*choice_.key] : Column();
    std::vector<const Column*> targets;
    if (targets_) {
      for (const std::size_t i : choice_.y) targets.push_back(&batch.columns[i]);
    }
    for (const std::size_t i : choice_.features) out.columns.push_back(std::move(batch.columns[i]));
    if (choice_.weight) out.columns.push_back(std::move(batch.columns[*choice_.weight]));
    if (choice_.id) out.columns.push_back(id_of(batch));
    if (targets_) {
      out.columns.push_back(targets_->convert(targets, batch.rows));
    } else if (!choice_.y.empty()) {
      Column& y = batch.columns[choice_.y[0]];
      out.columns.push_back(y_ ? y_->convert(y, batch) : std::move(y));
    }
    if (choice_.key) out.columns.push_back(key);
    return out;
  }

  Column id_of(Batch& batch) const {
    Column& id = batch.columns[*choice_.id];
    const Field& field = batch.schema->fields[*choice_.id];
    if (is_float(field.type) && field.shape.empty()) {
      for (std::int64_t row = 0; row < batch.rows; ++row) {
        if (id.valid(row)) refuse_rounded(field, id, row, batch.number_of(row));
      }
    }
    return std::move(id);
  }

  Batch labelled(Batch batch) const {
    const std::size_t at = batch.columns.size() - (choice_.key ? 2 : 1);
    const Field& field = schema_->fields[at];
    const Column& y = batch.columns[at];
    const std::int64_t width = element_count(field.shape);
    const auto is_nan = [&](std::int64_t row) {
      for (std::int64_t e = 0; e < width; ++e) {
        if (std::isnan(number_at(field.type, y.data, row * width + e))) return true;
      }
      return false;
    };
    std::vector<std::int64_t> rows;
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      if (y.valid(row) && !(is_float(field.type) && is_nan(row))) rows.push_back(row);
    }
    return static_cast<std::int64_t>(rows.size()) == batch.rows ? std::move(batch)
                                                                : take_rows(batch, rows, 0);
  }

  void say_how_many_were_dropped() const {
    if (quiet_ || seen_ == given_) return;
    warn("{} of {} rows have no label and are left out", seen_ - given_, seen_);
  }

  Field feature_field(const Schema& from, std::size_t i, const ColumnOptions& options) const {
    Field field = from.fields[i];
    const bool hidden = (field.name == "y" && (!choice_.y.empty() || options.y_is_feature)) ||
                        (field.name == "id" && (choice_.id || options.id_is_feature));
    if (!hidden) return field;
    std::string name = other_name(from, field);
    const bool is_expected = field.name == "y" ? options.y_is_feature : options.id_is_feature;
    if (!quiet_ && !is_expected) {
      warn(
          "the feature '{}' is called '{}' here, since that is the name of {}; --rename {}=NAME gives it "
          "another",
          field.name, printable(name), field.name == "y" ? "what is to be learned" : "what tells rows apart",
          field.name);
    }
    field.metadata.set("nn.source_name", field.name);
    field.name = std::move(name);
    return field;
  }

  static Field weight_field(Field field) {
    if (!is_number(field.type) || !field.shape.empty()) {
      throw data_error("column '{}' holds {}, and a row's weight is a number", printable(field.name),
                       is_text(field.type) ? "text" : "no single numbers");
    }
    if (field.name != weight_column) field.metadata.set("nn.source_name", field.name);
    field.name = weight_column;
    return field;
  }

  static Field id_field(Field field) {
    if (field.name != "id") field.metadata.set("nn.source_name", field.name);
    field.name = "id";
    return field;
  }

  Field y_field(const Schema& from, const ColumnOptions& options) {
    if (choice_.y.size() > 1) {
      std::vector<Field> fields;
      for (const std::size_t i : choice_.y) fields.push_back(from.fields[i]);
      return targets_.emplace(std::move(fields)).field();
    }
    const Field& field = from.fields[choice_.y[0]];
    y_ = make_target(field, options);
    return y_ ? y_->field() : field;
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
    for (const Batch& batch : ahead_) sample.push_back({&batch.columns[choice_.y[0]], batch.rows});
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
  bool drop_unlabelled_, quiet_;
  std::shared_ptr<const Schema> schema_;
  std::unique_ptr<TargetColumn> y_;       // of one column,
  std::optional<TargetColumns> targets_;  // or of several
  std::deque<Batch> ahead_;
  bool ended_ = false;
  std::int64_t seen_ = 0, given_ = 0;
};

}  // namespace

std::unique_ptr<BatchSource> with_columns(std::unique_ptr<BatchSource> source, const ColumnOptions& options,
                                          Said said) {
  const ColumnOptions wanted = with_usual(options, *source->schema());
  return std::make_unique<ColumnSource>(std::move(source), wanted, said);
}

}  // namespace nn::table
