#include "predict/predictions.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "predict/argmax.hpp"
#include "tensor/column_roles.hpp"
#include "tensor/name_list.hpp"

namespace nn::predict {
namespace {

using Json = nlohmann::json;

std::int64_t integer_of(const std::string& name) {
  std::int64_t value = 0;
  const auto result = std::from_chars(name.data(), name.data() + name.size(), value);
  if (result.ec != std::errc() || result.ptr != name.data() + name.size()) {
    fail_data("class '{}' is not an integer", printable(name));
  }
  return value;
}

// nn.classes as written by classes_json(): all texts or all integers.
void parse_classes(const std::string& text, PredictionKind& kind) {
  auto list = parse_name_list(text);
  if (!list || list->names.empty()) fail_data("nn.classes is not a JSON array of class names");
  if (list->mixed) fail_data("nn.classes mixes texts and numbers");
  kind.integers = list->integers;
  kind.names = std::move(list->names);
}

std::string classes_json(const PredictionKind& kind) {
  if (!kind.integers) return json_array(kind.names);
  Json list = Json::array();
  for (const std::string& name : kind.names) list.push_back(integer_of(name));
  return json_dump(list);
}

// The exponent of infinities and of what is no number.
constexpr std::uint32_t infinity_bits = 0x7F800000;

// Rounding may leave a hair above 1.
constexpr float most_probable = 1.001f;

bool all_probabilities(const float* values, std::int64_t count) {
  // Floats from 0 on are ordered as their bits are; what is negative, larger or not a number
  // leaves the sign bit in one of the two terms, and no term needs a comparison.
  constexpr auto limit = std::bit_cast<std::uint32_t>(most_probable);
  std::uint32_t bad = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(values[i]);
    bad |= bits | (limit - bits);
  }
  if ((bad >> 31) == 0) return true;
  return std::all_of(values, values + count,
                     [](float p) { return p >= 0 && p <= most_probable; });  // -0 is one
}

bool all_finite(const float* values, std::int64_t count) {
  std::uint32_t bad = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    bad |= static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(values[i]) & infinity_bits) ==
                                      infinity_bits);
  }
  return bad == 0;
}

}  // namespace

PredictionKind kind_of(const model::Target& target) {
  PredictionKind kind;
  kind.classes = target.kind == model::Target::Kind::classes;
  kind.integers = kind.classes && target.integers;
  if (kind.classes) {
    kind.names = target.classes;
    return kind;
  }
  kind.answers = target.answers;
  const bool is_value = kind.answers.kind == model::Answers::Kind::values;
  kind.names = is_value ? target.elements : kind.answers.names();
  kind.shape = is_value ? target.shape : Shape{kind.answers.each()};
  return kind;
}

PredictionKind kind_of(const Schema& schema) {
  PredictionKind kind;
  const auto proba = schema.find("proba");
  const auto value = schema.find("value");
  if (!proba && !value) fail_data("not a stream of predictions: no column proba or value");
  const Field& field = schema.fields[proba ? *proba : *value];
  if (!is_number(field.type)) fail_data("column {} is {}, expected float32", field.name, name_of(field.type));
  if (!proba) {
    kind.classes = false;
    kind.shape = field.shape;
    kind.names = element_names(field);
    if (const std::string* answers = schema.metadata.find("nn.answers")) {
      kind.answers = model::parse_answers(*answers);
      if (kind.width() != kind.answers.each())
        fail_data("column value has {} values a row, its {} are {}", kind.width(), kind.answers.text(),
                  kind.answers.each());
    }
    return kind;
  }
  const std::int64_t width = element_count(field.shape);
  if (field.shape.size() != 1 || width < 1 || width > 1'000'000) {
    fail_data("column proba is {}, expected one probability for each class", to_string(field.shape));
  }
  if (const std::string* names = schema.metadata.find("nn.classes")) {
    parse_classes(*names, kind);
  } else {
    kind.integers = true;
    for (std::int64_t c = 0; c < width; ++c) kind.names.push_back(std::to_string(c));
  }
  if (kind.width() != width) {
    fail_data("column proba has {} values a row, nn.classes {} names", width, kind.width());
  }
  return kind;
}

std::string difference(const PredictionKind& a, std::string_view name_a, const PredictionKind& b,
                       std::string_view name_b) {
  const auto what = [](const PredictionKind& kind) { return kind.classes ? "classes" : "numbers"; };
  if (a.classes != b.classes) return fmt::format("{} answers {}, {} {}", name_a, what(a), name_b, what(b));
  if (a.answers != b.answers) {
    const auto name_of_answers = [](const model::Answers& answers) {
      std::string text = answers.text();
      return text.empty() ? std::string("values") : text;
    };
    return fmt::format("{} answers {}, {} {}", name_a, name_of_answers(a.answers), name_b,
                       name_of_answers(b.answers));
  }
  if (!a.classes && a.shape != b.shape) {
    return fmt::format("{} answers {} values a row, {} {}", name_a, to_string(a.shape), name_b,
                       to_string(b.shape));
  }
  if (!a.classes && (a.names.empty() || b.names.empty())) return {};  // nothing says that they differ
  if (a.names.size() != b.names.size()) {
    return fmt::format("{} has {} classes, {} {}", name_a, a.names.size(), name_b, b.names.size());
  }
  for (std::size_t c = 0; c < a.names.size(); ++c) {
    if (a.names[c] != b.names[c]) {
      return fmt::format("{} {} is '{}' in {}, '{}' in {}", a.classes ? "class" : "value", c,
                         printable(a.names[c]), name_a, printable(b.names[c]), name_b);
    }
  }
  if (a.integers != b.integers) {
    return fmt::format("the classes are {} in {}, {} in {}", a.integers ? "integers" : "texts", name_a,
                       b.integers ? "integers" : "texts", name_b);
  }
  return {};
}

std::string json_array(const std::vector<std::string>& texts) { return name_list_text(texts); }

std::optional<std::vector<std::string>> parse_json_array(std::string_view text) {
  auto list = parse_name_list(text);
  if (!list || list->mixed || list->integers) return std::nullopt;
  return std::move(list->names);
}

std::int64_t good_rows(const PredictionKind& kind, const float* values, std::int64_t rows) {
  const std::int64_t width = kind.width();
  const auto good = [&](std::int64_t first, std::int64_t count) {
    return kind.classes ? all_probabilities(values + first, count) : all_finite(values + first, count);
  };
  if (good(0, rows * width)) return rows;
  std::int64_t row = 0;
  while (row < rows && good(row * width, width)) ++row;
  return row;
}

OutputColumn::OutputColumn(const PredictionKind& kind, const Schema& schema)
    : column_(*schema.find(kind.classes ? "proba" : "value")), kind_(kind) {}

OutputColumn::Outputs OutputColumn::read(const Batch& batch, Buffer& scratch) const {
  const Field& field = batch.schema->fields[column_];
  const Column& column = batch.columns[column_];
  const std::int64_t count = batch.rows * kind_.width();
  const float* values = column.as<float>();
  if (field.type != DType::f32) {
    scratch.reserve_discarding(static_cast<std::size_t>(count) * sizeof(float));
    for (std::int64_t i = 0; i < count; ++i) {
      scratch.as<float>()[i] = static_cast<float>(number_at(field.type, column.data, i));
    }
    values = scratch.as<float>();
  }
  const std::int64_t good = good_rows(kind_, values, batch.rows);
  std::int64_t row = column.validity == nullptr ? good : 0;
  while (row < good && column.valid(row)) ++row;
  if (row == batch.rows) return {values, batch.rows, {}};
  const std::int64_t number = batch.first_row + row;
  if (!column.valid(row)) return {values, row, fmt::format("row {}: {} is missing", number, field.name)};
  return {values, row,
          fmt::format("row {}: {} has a value that is not {}", number, field.name,
                      kind_.classes ? "a probability" : "a finite number")};
}

std::vector<std::size_t> passed_columns(const Schema& schema) {
  std::vector<std::size_t> columns;
  for (const std::string_view name : {weight_column, id_column, target_column}) {
    const auto at = schema.find(name);
    if (at && schema.fields[*at].type != DType::opaque) columns.push_back(*at);
  }
  return columns;
}

PredictionBuilder::PredictionBuilder(PredictionKind kind, const Schema& source, bool with_uncertainty,
                                     Metadata metadata)
    : kind_(std::move(kind)), passed_(passed_columns(source)), with_uncertainty_(with_uncertainty) {
  auto schema = std::make_shared<Schema>();
  if (kind_.classes) {
    if (kind_.integers) {
      for (const std::string& name : kind_.names) integer_labels_.push_back(integer_of(name));
    } else {
      auto names = std::make_shared<Dictionary>();
      for (const std::string& name : kind_.names) names->append(name);
      class_names_ = std::move(names);
    }
    schema->fields.push_back({"label", kind_.integers ? DType::i64 : DType::category, {}, false, {}, {}});
    schema->fields.push_back({"proba", DType::f32, {kind_.width()}, false, {}, {}});
    metadata.set("nn.classes", classes_json(kind_));
  } else {
    schema->fields.push_back({"value", DType::f32, kind_.shape, false, {}, {}});
    if (!kind_.names.empty()) set_element_names(schema->fields.back(), kind_.names);
    if (const std::string answers = kind_.answers.text(); !answers.empty())
      metadata.set("nn.answers", answers);
  }
  if (with_uncertainty_) schema->fields.push_back({"uncertainty", DType::f32, {}, false, {}, {}});
  for (const std::size_t column : passed_) schema->fields.push_back(source.fields[column]);
  schema->metadata = std::move(metadata);
  schema_ = std::move(schema);
}

Column PredictionBuilder::label_column(std::int64_t rows, const float* values,
                                       const std::int32_t* labels) const {
  const auto n = static_cast<std::size_t>(rows);
  Buffer indices(labels == nullptr || !kind_.integers ? n * sizeof(std::int32_t) : 0);
  if (labels == nullptr) {
    argmax(rows, kind_.width(), values, indices.as<std::int32_t>());
    labels = indices.as<std::int32_t>();
  } else if (!kind_.integers) {
    std::memcpy(indices.data(), labels, n * sizeof(std::int32_t));
  }
  if (!kind_.integers) {
    Column column = make_column(std::move(indices));
    column.dictionary = class_names_;
    return column;
  }
  Buffer integers(n * sizeof(std::int64_t));
  for (std::size_t i = 0; i < n; ++i) {
    integers.as<std::int64_t>()[i] = integer_labels_[static_cast<std::size_t>(labels[i])];
  }
  return make_column(std::move(integers));
}

Batch PredictionBuilder::build(const Batch& source, Buffer values, const std::int32_t* labels,
                               const float* uncertainty) const {
  Batch batch{schema_, source.first_row, source.rows, {}};
  batch.columns.reserve(schema_->fields.size());
  if (kind_.classes) batch.columns.push_back(label_column(source.rows, values.as<float>(), labels));
  batch.columns.push_back(make_column(std::move(values)));
  if (with_uncertainty_) {
    Buffer copy(static_cast<std::size_t>(source.rows) * sizeof(float));
    std::memcpy(copy.data(), uncertainty, copy.size());
    batch.columns.push_back(make_column(std::move(copy)));
  }
  for (const std::size_t column : passed_) batch.columns.push_back(source.columns[column]);
  return batch;
}

}  // namespace nn::predict
