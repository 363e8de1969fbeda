#include "inference/rows.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::inference {
namespace {

constexpr std::size_t least_bytes = 1024;
// Memory beyond this stays only as long as requests need it.
constexpr std::size_t kept_bytes = 1 << 20;

std::int64_t elements_of(const Field& field) { return field.shape.empty() ? 1 : element_count(field.shape); }

}  // namespace

void Rows::begin(const Signature& signature, Signature::Form form, DType tensor_type,
                 std::uint64_t most_bytes) {
  signature_ = &signature;
  form_ = form;
  table_number_ = signature.table_number(form, tensor_type);
  batch_.schema = signature.table(table_number_);
  batch_.rows = 0;
  batch_.columns.clear();
  // Stores of more columns than these are kept for the next request that has them.
  if (columns_.size() < columns()) columns_.resize(columns());
  bytes_ = 0;
  most_bytes_ = most_bytes;
  for (ColumnStore& store : columns_) {
    if (store.memory.size() > kept_bytes && store.bytes <= kept_bytes / 2) store.memory = Buffer();
    store.bytes = 0;
    store.offsets.clear();
    store.validity.clear();
    store.any_missing = false;
  }
}

void fail_most_bytes(std::uint64_t most_bytes) {
  fail_data("the request's rows take more than {} bytes in memory: send fewer of them at once", most_bytes);
}

void Rows::take(std::uint64_t bytes) {
  if (bytes > most_bytes_ - bytes_) fail_most_bytes(most_bytes_);
  bytes_ += bytes;
}

std::byte* Rows::resize(ColumnStore& store, std::size_t bytes) {
  if (bytes > store.bytes) take(bytes - store.bytes);
  if (bytes > store.memory.size() || store.memory.data() == nullptr) {
    const auto twice =
        static_cast<std::size_t>(std::min<std::uint64_t>(2 * store.memory.size(), most_bytes_));
    Buffer larger(std::max({bytes, twice, least_bytes}));
    if (store.bytes > 0) std::memcpy(larger.data(), store.memory.data(), store.bytes);
    store.memory = std::move(larger);
  }
  store.bytes = bytes;
  return store.memory.data();
}

std::span<float> Rows::floats(std::size_t column, std::size_t count) {
  return {reinterpret_cast<float*>(resize(columns_[column], count * sizeof(float))), count};
}

std::span<double> Rows::doubles(std::size_t column, std::size_t count) {
  return {reinterpret_cast<double*>(resize(columns_[column], count * sizeof(double))), count};
}

std::span<std::uint8_t> Rows::bytes(std::size_t column, std::size_t count) {
  return {reinterpret_cast<std::uint8_t*>(resize(columns_[column], count)), count};
}

void Rows::add_present(ColumnStore& store, bool present) {
  const std::size_t row = store.offsets.size();
  take(sizeof(std::int32_t));
  if (row % 8 == 0) store.validity.push_back(0);
  if (present) store.validity.back() |= static_cast<std::uint8_t>(1u << (row % 8));
  store.any_missing = store.any_missing || !present;
  store.offsets.push_back(static_cast<std::int32_t>(store.bytes));
}

void Rows::add_text(std::size_t column, std::string_view text) {
  ColumnStore& store = columns_[column];
  const std::size_t at = store.bytes;
  if (text.size() > std::numeric_limits<std::int32_t>::max() - at) {
    fail_data("the texts of '{}' are more than 2 GiB", printable(field(column).name));
  }
  add_present(store, true);
  std::byte* memory = resize(store, at + text.size());
  if (!text.empty()) std::memcpy(memory + at, text.data(), text.size());
}

void Rows::add_number(std::size_t column, double value) {
  ColumnStore& store = columns_[column];
  const std::size_t at = store.bytes;
  std::byte* memory = resize(store, at + sizeof(double));
  std::memcpy(memory + at, &value, sizeof(double));
}

void Rows::add_missing(std::size_t column) {
  const Field& its = field(column);
  if (is_text(its.type)) return add_present(columns_[column], false);
  if (!its.shape.empty()) fail_data("'{}' is missing, and nothing can stand for it", printable(its.name));
  add_number(column, std::numeric_limits<double>::quiet_NaN());
}

void Rows::add_first_of(const Rows& from, std::size_t column) {
  const ColumnStore& its = from.columns_[column];
  if (is_text(field(column).type)) {
    if (its.any_missing) return add_missing(column);
    return add_text(column, {reinterpret_cast<const char*>(its.memory.data()), its.bytes});
  }
  ColumnStore& store = columns_[column];
  const std::size_t at = store.bytes;
  std::byte* memory = resize(store, at + its.bytes);
  if (its.bytes > 0) std::memcpy(memory + at, its.memory.data(), its.bytes);
}

std::optional<std::size_t> Rows::find(std::string_view name) const {
  return form_ == Signature::Form::matrix ? schema().find(name) : signature_->find_column(name);
}

void Rows::finish(std::int64_t rows) {
  if (rows <= 0) fail_data("there are no rows");
  batch_.columns.clear();
  for (std::size_t c = 0; c < columns(); ++c) {
    ColumnStore& store = columns_[c];
    const Field& its = field(c);
    Column column;
    std::int64_t present = 0;
    if (its.type == DType::utf8) {
      present = static_cast<std::int64_t>(store.offsets.size());
      store.offsets.push_back(static_cast<std::int32_t>(store.bytes));
      column.offsets = store.offsets.data();
      if (store.any_missing) column.validity = store.validity.data();
      resize(store, store.bytes);
    } else {
      const std::size_t row = size_of(its.type) * static_cast<std::size_t>(elements_of(its));
      present = row == 0 ? rows : static_cast<std::int64_t>(store.bytes / row);
      if (row > 0 && store.bytes % row != 0) ++present;
    }
    if (present != rows) {
      fail_data("'{}' has {} rows, but there are {}", printable(its.name), present, rows);
    }
    column.data = store.memory.data();
    batch_.columns.push_back(column);
  }
  batch_.rows = rows;
}

}  // namespace nn::inference
