// Small tables for tests.
#pragma once

#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "tensor/batch.hpp"

namespace nn::test {

// Columns put together one by one; NaN or "" marks a missing value where `nullable`.
class Table {
 public:
  explicit Table(std::int64_t first_row = 0) { batch_.first_row = first_row; }

  template <typename T>
  Table& add(const std::string& name, DType type, const std::vector<T>& values, Shape shape = {}) {
    Buffer buffer(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(buffer.data(), values.data(), buffer.size());
    batch_.rows = static_cast<std::int64_t>(values.size()) / element_count(shape);
    schema_.fields.push_back({name, type, std::move(shape), false, {}, {}});
    batch_.columns.push_back(make_column(std::move(buffer)));
    return *this;
  }
  Table& f32(const std::string& name, const std::vector<float>& values, Shape shape = {}) {
    return add(name, DType::f32, values, std::move(shape));
  }
  Table& f64(const std::string& name, const std::vector<double>& values) {
    return add(name, DType::f64, values);
  }
  Table& i64(const std::string& name, const std::vector<std::int64_t>& values) {
    return add(name, DType::i64, values);
  }
  Table& category(const std::string& name, const std::vector<std::string>& texts,
                  const std::vector<std::int32_t>& indices) {
    add(name, DType::category, indices);
    auto dictionary = std::make_shared<Dictionary>();
    for (const std::string& text : texts) dictionary->append(text);
    batch_.columns.back().dictionary = std::move(dictionary);
    return *this;
  }
  // Bits of the last column, from row 0.
  Table& validity(std::uint8_t bits) {
    auto owned = std::make_shared<std::pair<std::uint8_t, std::shared_ptr<const void>>>(
        bits, batch_.columns.back().owner);
    batch_.columns.back().validity = &owned->first;
    batch_.columns.back().owner = owned;
    schema_.fields.back().nullable = true;
    return *this;
  }
  Table& meta(const std::string& key, const std::string& value) {
    schema_.metadata.set(key, value);
    return *this;
  }
  Batch batch() const {
    Batch out = batch_;
    out.schema = std::make_shared<Schema>(schema_);
    return out;
  }

 private:
  Schema schema_;
  Batch batch_;
};

// Batches in memory; afterwards an error, when there is one.
class Script : public BatchSource {
 public:
  explicit Script(std::vector<Batch> batches, std::string error = {})
      : batches_(batches.begin(), batches.end()),
        schema_(batches_.front().schema),
        error_(std::move(error)) {}
  const std::shared_ptr<const Schema>& schema() const override { return schema_; }
  std::optional<Batch> next() override {
    if (batches_.empty()) {
      if (!error_.empty()) fail_data("{}", error_);
      return std::nullopt;
    }
    Batch batch = std::move(batches_.front());
    batches_.pop_front();
    return batch;
  }

 private:
  std::deque<Batch> batches_;
  std::shared_ptr<const Schema> schema_;
  std::string error_;
};

template <typename Run>
std::string message_of(Run run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace nn::test
