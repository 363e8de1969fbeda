#include "format/array_source.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "format/readers.hpp"

namespace nn::format {
namespace {

class ArraySource : public BatchSource {
 public:
  ArraySource(std::vector<NamedArray> arrays, const std::vector<UnfitArray>& unfit)
      : arrays_(std::move(arrays)), unfit_(unfit.size()) {
    auto schema = std::make_shared<Schema>();
    rows_ = arrays_.front().reader.rows();
    batch_rows_ = usual_batch_rows;
    for (const NamedArray& array : arrays_) {
      schema->fields.push_back(array.reader.field(array.column));
      if (array.reader.rows() != rows_) {
        fail_data("{} has {} rows, but {} has {}; all arrays need as many", array.reader.name(),
                  array.reader.rows(), arrays_.front().reader.name(), rows_);
      }
      batch_rows_ = std::min(batch_rows_, array.reader.batch_rows());
    }
    for (const UnfitArray& array : unfit)
      schema->fields.push_back({array.column, DType::opaque, {}, false, {}, array.what});
    schema_ = std::move(schema);
  }

  const std::shared_ptr<const Schema>& schema() const override { return schema_; }
  std::optional<std::int64_t> total_rows() const override { return rows_; }

  std::optional<Batch> next() override {
    if (row_ == rows_) {
      for (NamedArray& array : arrays_) array.reader.finish();
      return std::nullopt;
    }
    Batch batch{schema_, row_, std::min(batch_rows_, rows_ - row_), {}};
    batch.columns.reserve(arrays_.size());
    for (NamedArray& array : arrays_) batch.columns.push_back(array.reader.next(batch.rows));
    batch.columns.resize(batch.columns.size() + unfit_);
    row_ += batch.rows;
    return batch;
  }

 private:
  std::vector<NamedArray> arrays_;
  std::size_t unfit_;
  std::shared_ptr<const Schema> schema_;
  std::int64_t rows_ = 0;
  std::int64_t row_ = 0;
  std::int64_t batch_rows_ = 0;
};

}  // namespace

std::unique_ptr<BatchSource> rows_of_arrays(std::vector<NamedArray> arrays, std::vector<UnfitArray> unfit) {
  return std::make_unique<ArraySource>(std::move(arrays), unfit);
}

}  // namespace nn::format
