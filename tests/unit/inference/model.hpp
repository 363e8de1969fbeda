// Models for tests of protocols: what they take and answer, without anything that computes.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "inference/rows.hpp"
#include "inference/signature.hpp"
#include "serving/servable.hpp"

namespace nn::test {

class WordsOfModel : public serving::Servable {
 public:
  WordsOfModel(Schema inputs, predict::PredictionKind kind)
      : Servable("m", 3), inputs_(std::make_shared<Schema>(std::move(inputs))), kind_(std::move(kind)) {}
  const std::string& digest() const override { return digest_; }
  const predict::PredictionKind& kind() const override { return kind_; }
  std::shared_ptr<const Schema> inputs() const override { return inputs_; }
  std::shared_ptr<const Schema> outputs() const override { return inputs_; }
  serving::BoundTable bind(const Schema&) const override { return {}; }
  bool submit(std::shared_ptr<serving::Request>) override { return false; }

 private:
  std::string digest_ = "d";
  std::shared_ptr<const Schema> inputs_;
  predict::PredictionKind kind_;
};

inline Field number(std::string name) { return {std::move(name), DType::f64, {}, true, {}, {}}; }
inline Field text(std::string name) { return {std::move(name), DType::category, {}, true, {}, {}}; }
inline Field tensor(std::string name, Shape shape) {
  return {std::move(name), DType::f32, std::move(shape), false, {}, {}};
}
inline predict::PredictionKind classes(std::vector<std::string> names) {
  return {true, false, std::move(names), {}};
}
inline predict::PredictionKind integers(std::vector<std::string> names) {
  return {true, true, std::move(names), {}};
}
inline predict::PredictionKind numbers(Shape shape = {}) { return {false, false, {}, std::move(shape)}; }

inline inference::Signature signature_of(std::vector<Field> inputs, predict::PredictionKind kind) {
  return inference::Signature(WordsOfModel({std::move(inputs), {}}, std::move(kind)));
}

// Models by a word, for tables of cases.
inline inference::Signature signature_named(std::string_view name) {
  std::vector<Field> c4;
  for (int c = 0; c < 4; ++c) c4.push_back(number("c" + std::to_string(c)));
  if (name == "matrix") return signature_of(c4, classes({"a", "b", "c"}));
  if (name == "digits") return signature_of(c4, integers({"0", "1", "7"}));
  if (name == "people") return signature_of({number("age"), text("work")}, numbers());
  if (name == "image") return signature_of({tensor("image", {2, 3})}, classes({"cat", "dog"}));
  if (name == "mixed") return signature_of({tensor("t", {2}), text("w"), number("n")}, numbers({2}));
  if (name == "word") return signature_of({text("word")}, numbers());
  if (name == "single") return signature_of({number("a")}, numbers());
  if (name == "named_x") return signature_of({number("x"), number("y2")}, numbers());
  return signature_of({}, numbers());
}

// The table as text: "x=[1 2 3 4|5 6 7 8]", a missing text as -, rows separated by '|'.
inline std::string table_text(const inference::Rows& rows) {
  const Batch& batch = rows.batch();
  std::string out;
  for (std::size_t c = 0; c < batch.columns.size(); ++c) {
    const Field& field = batch.schema->fields[c];
    const Column& column = batch.columns[c];
    out += (c == 0 ? "" : " ") + field.name + "=[";
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      if (row > 0) out += '|';
      if (!column.valid(row)) {
        out += '-';
      } else if (field.type == DType::utf8) {
        out += column.text(row);
      } else {
        const std::int64_t count = element_count(field.shape);
        for (std::int64_t i = 0; i < count; ++i) {
          out += (i == 0 ? "" : " ") + fmt::format("{}", number_at(field.type, column.data, row * count + i));
        }
      }
    }
    out += ']';
  }
  return out;
}

// A body with the bytes behind it that readers may look at: they are a trap for those who take them.
class Body {
 public:
  explicit Body(std::string_view text) : memory_(text) { memory_ += std::string(64, '"'); }
  std::string_view text() const { return std::string_view(memory_).substr(0, memory_.size() - 64); }

 private:
  std::string memory_;
};

}  // namespace nn::test
