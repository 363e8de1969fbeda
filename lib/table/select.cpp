#include <algorithm>
#include <utility>

#include "table/rows.hpp"

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

// Sources that keep some rows of each batch.
class ChosenRows : public BatchSource {
 public:
  explicit ChosenRows(SourcePtr source) : source_(std::move(source)) {}
  const std::shared_ptr<const Schema>& schema() const override { return source_->schema(); }

  std::optional<Batch> next() override {
    for (;;) {
      auto batch = source_->next();
      if (!batch) return std::nullopt;
      rows_.clear();
      choose(*batch, rows_);
      if (rows_.empty()) continue;
      Batch out = static_cast<std::int64_t>(rows_.size()) == batch->rows ? std::move(*batch)
                                                                         : take_rows(*batch, rows_, 0);
      out.first_row = std::exchange(given_, given_ + out.rows);
      return out;
    }
  }

 protected:
  virtual void choose(const Batch& batch, std::vector<std::int64_t>& rows) = 0;  // ascending
  const BatchSource& source() const { return *source_; }

 private:
  SourcePtr source_;
  std::int64_t given_ = 0;
  std::vector<std::int64_t> rows_;
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

class PartSource : public ChosenRows {
 public:
  PartSource(SourcePtr source, RowSplitter splitter, std::size_t part)
      : ChosenRows(std::move(source)), splitter_(std::move(splitter)), part_(part) {}

 protected:
  void choose(const Batch& batch, std::vector<std::int64_t>& rows) override {
    splitter_.assign(batch, part_of_);
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      if (part_of_[static_cast<std::size_t>(row)] == part_) rows.push_back(row);
    }
  }

 private:
  RowSplitter splitter_;
  std::size_t part_;
  std::vector<std::size_t> part_of_;
};

}  // namespace

SourcePtr row_range(SourcePtr source, RowRange range) {
  return std::make_unique<RangeSource>(std::move(source), range);
}

SourcePtr row_shard(SourcePtr source, Shard shard) {
  return std::make_unique<ShardSource>(std::move(source), shard);
}

SourcePtr row_part(SourcePtr source, const std::vector<SplitPart>& parts, std::size_t part,
                   std::uint64_t seed) {
  return std::make_unique<PartSource>(std::move(source), RowSplitter(parts, seed), part);
}

}  // namespace nn::table
