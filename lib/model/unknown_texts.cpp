#include "model/unknown_texts.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/text.hpp"
#include "model/category.hpp"
#include "model/values.hpp"

namespace nn::model {
namespace {

class UnknownTexts : public BatchSource {
 public:
  UnknownTexts(std::unique_ptr<BatchSource> source, std::span<const InputColumn> columns)
      : source_(std::move(source)) {
    for (const InputColumn& column : columns) {
      const auto at = source_->schema()->find(column.name);
      if (column.kind == InputColumn::Kind::category && at && is_text(source_->schema()->fields[*at].type))
        counts_.push_back({column.name, column.categories, *at, 0, {}});
    }
  }

  const std::shared_ptr<const Schema>& schema() const override { return source_->schema(); }
  std::optional<std::int64_t> total_rows() const override { return source_->total_rows(); }

  std::optional<Batch> next() override {
    auto batch = source_->next();
    if (!batch) {
      tell();
      return batch;
    }
    rows_ += batch->rows;
    for (Count& count : counts_) {
      const Column& column = batch->columns[count.column];
      const Field& field = batch->schema->fields[count.column];
      const CategoryIndex index(count.categories, column, field.type, batch->rows);
      for (std::int64_t row = 0; row < batch->rows; ++row) {
        if (!column.valid(row) || index.of(column, field.type, row) >= 0) continue;
        if (count.rows++ == 0) count.first = value_text(field, column, row);
      }
    }
    return batch;
  }

 private:
  struct Count {
    std::string name;
    std::vector<std::string> categories;
    std::size_t column;
    std::int64_t rows;
    std::string first;
  };

  void tell() const {
    constexpr std::size_t most_named = 5;
    std::string list;
    std::size_t columns = 0;
    for (const Count& count : counts_) {
      if (count.rows == 0 || ++columns > most_named) continue;
      list += fmt::format("{}{}: {} of {} rows (first: '{}')", columns == 1 ? "" : ", ",
                          column_name(count.name), count.rows, rows_, printable(count.first, 30));
    }
    if (columns > most_named) list += fmt::format(" and {} more columns", columns - most_named);
    if (columns > 0) warn("texts that the model has not seen count as none that it knows: {}", list);
  }

  std::unique_ptr<BatchSource> source_;
  std::vector<Count> counts_;
  std::int64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<BatchSource> with_unknown_texts_told(std::unique_ptr<BatchSource> source,
                                                     std::span<const InputColumn> columns) {
  return std::make_unique<UnknownTexts>(std::move(source), columns);
}

}  // namespace nn::model
