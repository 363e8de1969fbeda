#include <algorithm>
#include <utility>

#include "table/chosen_rows.hpp"

namespace nn::table {
namespace {

class RangeSource : public BatchSource {
 public:
  RangeSource(SourcePtr source, RowRange range) : source_(std::move(source)), range_(range) {}
  const std::shared_ptr<const Schema>& schema() const override { return source_->schema(); }

  std::optional<std::int64_t> total_rows() const override {
    const auto total = source_->total_rows();
    if (!total) return std::nullopt;
    return std::max<std::int64_t>(0, std::min(*total, range_.last) - range_.first);
  }

  std::optional<Batch> next() override {
    while (at_ < range_.last && range_.first < range_.last) {
      auto batch = source_->next();
      if (!batch) return std::nullopt;
      const std::int64_t first = std::max<std::int64_t>(0, range_.first - at_);
      const std::int64_t last = std::min(batch->rows, range_.last - at_);
      at_ += batch->rows;
      if (first < last)
        return first == 0 && last == batch->rows ? std::move(batch) : slice(*batch, first, last - first);
    }
    return std::nullopt;
  }

 private:
  SourcePtr source_;
  RowRange range_;
  std::int64_t at_ = 0;
};

class ShardSource : public ChosenRows {
 public:
  ShardSource(SourcePtr source, Shard shard) : ChosenRows(std::move(source)), shard_(shard) {}

  std::optional<std::int64_t> total_rows() const override {
    const auto total = source().total_rows();
    if (!total) return std::nullopt;
    return *total > shard_.index ? (*total - shard_.index + shard_.count - 1) / shard_.count : 0;
  }

 protected:
  void choose(const Batch& batch, std::vector<std::int64_t>& rows) override {
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      if ((at_ + row) % shard_.count == shard_.index) rows.push_back(row);
    }
    at_ += batch.rows;
  }

 private:
  Shard shard_;
  std::int64_t at_ = 0;
};

}  // namespace

SourcePtr row_range(SourcePtr source, RowRange range) {
  return std::make_unique<RangeSource>(std::move(source), range);
}

SourcePtr row_shard(SourcePtr source, Shard shard) {
  return std::make_unique<ShardSource>(std::move(source), shard);
}

}  // namespace nn::table
