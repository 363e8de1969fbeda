// Requests for a server: models of all forms, and what a reader promises of the rows it makes.
#pragma once

#include <string>

#include "../unit/inference/model.hpp"
#include "base/text.hpp"
#include "fuzz.hpp"

namespace nn::fuzz {

// A model, by the input's first byte.
inline const inference::Signature& chosen_model(Choices& choices) {
  static const std::vector<inference::Signature> models = [] {
    std::vector<inference::Signature> out;
    for (const char* name : {"matrix", "digits", "people", "image", "mixed", "word", "single", "named_x"}) {
      out.push_back(test::signature_named(name));
    }
    return out;
  }();
  return models[choices.of(models.size())];
}

// The input in memory of its own, with the bytes behind it that readers may look at.
class PaddedBody {
 public:
  explicit PaddedBody(std::span<const std::byte> bytes) : memory_(as_text(bytes)) { memory_.append(64, ']'); }
  std::string_view text() const { return std::string_view(memory_).substr(0, memory_.size() - 64); }

 private:
  std::string memory_;
};

// Rows that were read are a batch that a model can be given: looks at each element.
inline void check_rows(const inference::Rows& rows) {
  const Batch& batch = rows.batch();
  if (batch.rows < 1 || batch.columns.size() != batch.schema->fields.size())
    broken_promise("not a batch", "");
  for (std::size_t c = 0; c < batch.columns.size(); ++c) {
    const Field& field = batch.schema->fields[c];
    const Column& column = batch.columns[c];
    double sum = 0;
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      if (field.type == DType::utf8) {
        if (column.valid(row) && !is_utf8(column.text(row)))
          broken_promise("a text that is not UTF-8", field.name);
        continue;
      }
      const std::int64_t count = element_count(field.shape);
      for (std::int64_t i = 0; i < count; ++i) sum += number_at(field.type, column.data, row * count + i);
    }
    static volatile double kept = 0;
    kept = sum;
    static_cast<void>(kept);
  }
}

// An answer to the rows, of which some aren't numbers.
class Answered {
 public:
  explicit Answered(const inference::Rows& rows)
      : values_(static_cast<std::size_t>(rows.batch().rows * rows.signature().kind().width())) {
    for (std::size_t i = 0; i < values_.size(); ++i)
      values_[i] = i % 7 == 6 ? 0.0f / zero_ : static_cast<float>(i) / 3;
    answers = {&rows.signature(), rows.batch().rows, values_};
  }
  inference::Answers answers;

 private:
  float zero_ = 0;
  std::vector<float> values_;
};

}  // namespace nn::fuzz
