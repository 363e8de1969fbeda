// Tables for tests of sources: made from texts, and shown as texts.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "format/bytes.hpp"
#include "tensor/batch.hpp"

namespace nn::test {

using Rows = std::vector<std::vector<std::string>>;

// Every value as text, "∅" for a missing one; tensors as their elements with '/' between.
inline Rows rows_of(const Batch& batch) {
  Rows rows(static_cast<std::size_t>(batch.rows));
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    for (std::size_t i = 0; i < batch.columns.size(); ++i) {
      const Field& field = batch.schema->fields[i];
      const Column& column = batch.columns[i];
      std::string text;
      if (!column.valid(row)) {
        text = "∅";
      } else if (field.shape.empty()) {
        text = value_text(field, column, row);
      } else {
        const std::int64_t n = element_count(field.shape);
        for (std::int64_t e = 0; e < n; ++e) {
          text += (e > 0 ? "/" : "") +
                  std::to_string(static_cast<int>(number_at(field.type, column.data, row * n + e)));
        }
      }
      rows[static_cast<std::size_t>(row)].push_back(std::move(text));
    }
  }
  return rows;
}

inline Rows all_rows(BatchSource& source) {
  Rows rows;
  while (auto batch = source.next()) {
    for (auto& row : rows_of(*batch)) rows.push_back(std::move(row));
  }
  return rows;
}

inline std::vector<std::string> names_of(const Schema& schema) {
  std::vector<std::string> names;
  for (const Field& field : schema.fields) names.push_back(field.name);
  return names;
}

// Gives at most `piece` bytes at a time, as a slow pipe does.
class Trickle : public format::ByteInput {
 public:
  Trickle(std::string text, std::size_t piece)
      : format::ByteInput("t.csv"), text_(std::move(text)), piece_(piece) {}
  std::size_t read(std::span<std::byte> out) override {
    const std::size_t n = std::min({out.size(), piece_, text_.size() - at_});
    std::memcpy(out.data(), text_.data() + at_, n);
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t piece_, at_ = 0;
};

// Consecutive numbers 0 … rows-1 in column n, and n mod 3 as a category, in batches of `cut` rows.
class Counting : public BatchSource {
 public:
  Counting(std::int64_t rows, std::int64_t cut) : rows_(rows), cut_(cut) {
    auto schema = std::make_shared<Schema>();
    schema->fields = {{"n", DType::i64, {}, false, {}, {}}, {"c", DType::category, {}, false, {}, {}}};
    schema_ = std::move(schema);
    auto texts = std::make_shared<Dictionary>();
    for (const char* text : {"zero", "one", "two"}) texts->append(text);
    texts_ = std::move(texts);
  }
  const std::shared_ptr<const Schema>& schema() const override { return schema_; }
  std::optional<Batch> next() override {
    if (at_ == rows_) return std::nullopt;
    const std::int64_t count = std::min(cut_, rows_ - at_);
    Buffer numbers(static_cast<std::size_t>(count) * 8), classes(static_cast<std::size_t>(count) * 4);
    for (std::int64_t i = 0; i < count; ++i) {
      numbers.as<std::int64_t>()[i] = at_ + i;
      classes.as<std::int32_t>()[i] = static_cast<std::int32_t>((at_ + i) % 3);
    }
    Batch batch{schema_, at_, count, {make_column(std::move(numbers)), make_column(std::move(classes))}};
    batch.columns[1].dictionary = texts_;
    at_ += count;
    return batch;
  }

 private:
  std::int64_t rows_, cut_, at_ = 0;
  std::shared_ptr<const Schema> schema_;
  std::shared_ptr<const Dictionary> texts_;
};

// A file that is gone when the test is over.
class ScratchFile {
 public:
  ScratchFile(const std::string& suffix, const std::string& content) : path_(unique_path(suffix)) {
    write_file(path_, content);
  }
  ScratchFile(const ScratchFile&) = delete;
  ~ScratchFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  static std::string unique_path(const std::string& suffix);
  std::string path_;
};

inline std::string ScratchFile::unique_path(const std::string& suffix) {
  static int count = 0;
  const char* folder = std::getenv("TMPDIR");
  return std::string(folder != nullptr ? folder : "/tmp") + "/nn-test-" + std::to_string(::getpid()) + "-" +
         std::to_string(count++) + suffix;
}

}  // namespace nn::test
