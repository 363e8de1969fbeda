#include <utility>

#include "base/error.hpp"
#include "table/rows.hpp"

namespace nn::table {
namespace {

class RepeatSource : public BatchSource {
 public:
  RepeatSource(std::function<SourcePtr(std::uint64_t)> open, std::int64_t times)
      : open_(std::move(open)), times_(times), source_(open_(0)), schema_(source_->schema()) {}

  const std::shared_ptr<const Schema>& schema() const override { return schema_; }

  std::optional<std::int64_t> total_rows() const override {
    const auto once = source_->total_rows();
    if (!once || times_ == 0) return std::nullopt;
    return *once * times_;
  }

  std::optional<Batch> next() override {
    for (;;) {
      if (auto batch = source_->next()) {
        rows_in_epoch_ += batch->rows;
        batch->schema = schema_;
        const std::int64_t first = std::exchange(given_, given_ + batch->rows);
        return renumbered(std::move(*batch), first);
      }
      ++epoch_;
      if (times_ != 0 && epoch_ >= static_cast<std::uint64_t>(times_)) return std::nullopt;
      if (rows_in_epoch_ == 0) return std::nullopt;  // nothing for ever is nothing
      rows_in_epoch_ = 0;
      source_ = open_(epoch_);
      check_unchanged(*source_->schema());
    }
  }

 private:
  void check_unchanged(const Schema& now) const {
    bool same = now.fields.size() == schema_->fields.size();
    for (std::size_t i = 0; same && i < now.fields.size(); ++i) {
      const Field &a = now.fields[i], &b = schema_->fields[i];
      same = a.name == b.name && a.type == b.type && a.shape == b.shape;
    }
    if (!same)
      throw data_error("the inputs have changed since they were read first")
          .advise("; --repeat reads them again");
  }

  std::function<SourcePtr(std::uint64_t)> open_;
  std::int64_t times_;
  SourcePtr source_;
  std::shared_ptr<const Schema> schema_;
  std::uint64_t epoch_ = 0;
  std::int64_t rows_in_epoch_ = 0;
  std::int64_t given_ = 0;
};

class BatchRows : public BatchSource {
 public:
  BatchRows(SourcePtr source, std::int64_t rows) : source_(std::move(source)), rows_(rows) {}
  const std::shared_ptr<const Schema>& schema() const override { return source_->schema(); }
  std::optional<std::int64_t> total_rows() const override { return source_->total_rows(); }

  std::optional<Batch> next() override {
    while (held_ < rows_ && !ended_) {
      auto batch = source_->next();
      if (!batch) {
        ended_ = true;
        break;
      }
      held_ += batch->rows;
      pieces_.push_back(std::move(*batch));
    }
    if (held_ == 0) return std::nullopt;
    const std::int64_t count = std::min(held_, rows_);
    Batch out = pieces_.front().rows >= count ? slice(pieces_.front(), 0, count) : join(count);
    drop(count);
    return out;
  }

 private:
  Batch join(std::int64_t count) const {
    std::vector<const Batch*> batches;
    std::vector<RowPlace> places;
    for (const Batch& piece : pieces_) {
      for (std::int64_t row = 0; row < piece.rows && count > 0; ++row, --count) {
        places.push_back({static_cast<std::uint32_t>(batches.size()), static_cast<std::uint32_t>(row)});
      }
      batches.push_back(&piece);
    }
    return gather_rows(batches, places, pieces_.front().first_row);
  }

  void drop(std::int64_t count) {
    held_ -= count;
    std::size_t used = 0;
    while (used < pieces_.size() && pieces_[used].rows <= count) count -= pieces_[used++].rows;
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(used));
    if (count > 0) pieces_.front() = slice(pieces_.front(), count, pieces_.front().rows - count);
  }

  SourcePtr source_;
  std::int64_t rows_;
  std::vector<Batch> pieces_;
  std::int64_t held_ = 0;
  bool ended_ = false;
};

}  // namespace

SourcePtr row_repeat(std::function<SourcePtr(std::uint64_t)> open, std::int64_t times) {
  return std::make_unique<RepeatSource>(std::move(open), times);
}

SourcePtr row_batch(SourcePtr source, std::int64_t rows) {
  return std::make_unique<BatchRows>(std::move(source), rows);
}

}  // namespace nn::table
