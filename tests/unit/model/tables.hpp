// Small tables for tests.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tensor/batch.hpp"

namespace nn::test {

using Text = std::optional<std::string>;

struct TestColumn {
  Field field;
  Column column;
  std::int64_t rows;
};

inline void set_validity(TestColumn& column, const std::vector<bool>& present) {
  auto bits = std::make_shared<std::vector<std::uint8_t>>(present.size() / 8 + 1, std::uint8_t{0});
  for (std::size_t i = 0; i < present.size(); ++i) {
    if (present[i]) (*bits)[i / 8] = static_cast<std::uint8_t>((*bits)[i / 8] | 1u << i % 8);
  }
  column.field.nullable = true;
  column.column.validity = bits->data();
  column.column.owner = std::make_shared<std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>>(
      column.column.owner, bits);
}

template <typename T>
TestColumn numbers(std::string name, DType type, const std::vector<T>& values, Shape shape = {},
                   const std::vector<bool>& present = {}) {
  Buffer buffer(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(buffer.data(), values.data(), values.size() * sizeof(T));
  TestColumn out;
  out.field.name = std::move(name);
  out.field.type = type;
  out.field.shape = std::move(shape);
  out.column = make_column(std::move(buffer));
  out.rows = static_cast<std::int64_t>(values.size()) / element_count(out.field.shape);
  if (!present.empty()) set_validity(out, present);
  return out;
}

inline TestColumn doubles(std::string name, const std::vector<double>& values,
                          const std::vector<bool>& present = {}) {
  return numbers<double>(std::move(name), DType::f64, values, {}, present);
}

inline TestColumn integers(std::string name, const std::vector<std::int64_t>& values) {
  return numbers<std::int64_t>(std::move(name), DType::i64, values);
}

inline std::vector<bool> present_of(const std::vector<Text>& values) {
  std::vector<bool> present;
  for (const Text& value : values) present.push_back(value.has_value());
  return present;
}

// As plain text.
inline TestColumn texts(std::string name, const std::vector<Text>& values) {
  Buffer offsets((values.size() + 1) * sizeof(std::int32_t));
  std::string bytes;
  offsets.as<std::int32_t>()[0] = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    bytes += values[i].value_or("");
    offsets.as<std::int32_t>()[i + 1] = static_cast<std::int32_t>(bytes.size());
  }
  auto owner = std::make_shared<std::pair<Buffer, std::string>>(std::move(offsets), std::move(bytes));
  TestColumn out;
  out.field.name = std::move(name);
  out.field.type = DType::utf8;
  out.column.data = reinterpret_cast<const std::byte*>(owner->second.data());
  out.column.offsets = owner->first.as<std::int32_t>();
  out.column.owner = owner;
  out.rows = static_cast<std::int64_t>(values.size());
  set_validity(out, present_of(values));
  return out;
}

// The same as a dictionary, in the order of first occurrence behind `extra` unused entries.
inline TestColumn categories(std::string name, const std::vector<Text>& values, int extra = 0) {
  auto dictionary = std::make_shared<Dictionary>();
  for (int i = 0; i < extra; ++i) dictionary->append("unused " + std::to_string(i));
  std::vector<std::int32_t> codes;
  for (const Text& value : values) {
    std::int32_t code = 0;
    if (value) {
      for (code = extra; code < static_cast<std::int32_t>(dictionary->size()); ++code) {
        if ((*dictionary)[static_cast<std::size_t>(code)] == *value) break;
      }
      if (code == static_cast<std::int32_t>(dictionary->size())) dictionary->append(*value);
    }
    codes.push_back(code);
  }
  TestColumn out = numbers<std::int32_t>(std::move(name), DType::category, codes, {}, present_of(values));
  out.column.dictionary = dictionary;
  return out;
}

inline TestColumn opaque(std::string name, std::string type, std::int64_t rows) {
  TestColumn out;
  out.field.name = std::move(name);
  out.field.type = DType::opaque;
  out.field.foreign_type = std::move(type);
  out.rows = rows;
  return out;
}

inline Batch table(std::vector<TestColumn> columns, std::int64_t first_row = 0) {
  auto schema = std::make_shared<Schema>();
  Batch batch;
  batch.first_row = first_row;
  for (TestColumn& column : columns) {
    schema->fields.push_back(std::move(column.field));
    batch.columns.push_back(std::move(column.column));
    batch.rows = column.rows;
  }
  batch.schema = std::move(schema);
  return batch;
}

}  // namespace nn::test
