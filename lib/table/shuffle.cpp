#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "base/error.hpp"
#include "base/random.hpp"
#include "table/rows.hpp"

namespace nn::table {
namespace {

// A buffer of rows; each row that comes in pushes out one drawn from it, and at the end
// what is left comes out in random order (the buffer of all rows is that case alone).
class ShuffleSource : public BatchSource {
 public:
  ShuffleSource(SourcePtr source, std::int64_t buffer, std::uint64_t seed, std::uint64_t epoch)
      : source_(std::move(source)),
        capacity_(buffer > 0 ? static_cast<std::uint64_t>(buffer)
                             : std::numeric_limits<std::uint64_t>::max()),
        random_(seed, RandomUse::shuffle, epoch) {}

  const std::shared_ptr<const Schema>& schema() const override { return source_->schema(); }
  std::optional<std::int64_t> total_rows() const override { return source_->total_rows(); }

  std::optional<Batch> next() override {
    std::vector<RowPlace> out;
    while (out.size() < static_cast<std::size_t>(usual_batch_rows) && fill(out)) {
    }
    while (out.size() < static_cast<std::size_t>(usual_batch_rows) && ended_ && !buffer_.empty()) {
      out.push_back(draw());
    }
    if (out.empty()) return std::nullopt;
    Batch batch = gather(out);
    batch.first_row = std::exchange(given_, given_ + batch.rows);
    forget_unused();
    return batch;
  }

 private:
  // Takes in one row; false at the end.
  bool fill(std::vector<RowPlace>& out) {
    if (ended_) return false;
    if (current_ == batches_.size() || row_ == batches_[current_].rows) {
      auto batch = source_->next();
      if (!batch) {
        ended_ = true;
        return false;
      }
      if (batch->rows > std::numeric_limits<std::uint32_t>::max())
        fail_data("a batch of more than 2^32 rows");
      current_ = batches_.size();
      held_rows_ += static_cast<std::uint64_t>(batch->rows);
      batches_.push_back(std::move(*batch));
      row_ = 0;
    }
    const RowPlace place{static_cast<std::uint32_t>(current_), static_cast<std::uint32_t>(row_++)};
    if (buffer_.size() < capacity_) {
      buffer_.push_back(place);
    } else {
      out.push_back(std::exchange(buffer_[random_.below(buffer_.size())], place));
    }
    return true;
  }

  RowPlace draw() {
    RowPlace& drawn = buffer_[random_.below(buffer_.size())];
    const RowPlace place = drawn;
    drawn = buffer_.back();
    buffer_.pop_back();
    return place;
  }

  Batch gather(std::span<const RowPlace> places) const {
    std::vector<const Batch*> batches;
    for (const Batch& batch : batches_) batches.push_back(&batch);
    return gather_rows(batches, places, 0);
  }

  // Rows hold on to their whole batch. Once far more is held than the buffer needs, its
  // rows are copied together.
  void forget_unused() {
    if (ended_ || current_ == batches_.size() || held_rows_ < 4 * buffer_.size() + 4 * usual_batch_rows)
      return;
    Batch rest = slice(batches_[current_], row_, batches_[current_].rows - row_);
    Batch kept = gather(buffer_);
    for (std::size_t i = 0; i < buffer_.size(); ++i) buffer_[i] = {0, static_cast<std::uint32_t>(i)};
    held_rows_ = static_cast<std::uint64_t>(kept.rows + rest.rows);
    batches_.clear();
    batches_.push_back(std::move(kept));
    batches_.push_back(std::move(rest));
    current_ = 1;
    row_ = 0;
  }

  SourcePtr source_;
  std::uint64_t capacity_;
  RandomStream random_;
  std::vector<Batch> batches_;
  std::size_t current_ = 0;  // the batch that rows are taken from, and the next row of it
  std::int64_t row_ = 0;
  std::vector<RowPlace> buffer_;
  std::uint64_t held_rows_ = 0;
  std::int64_t given_ = 0;
  bool ended_ = false;
};

}  // namespace

SourcePtr row_shuffle(SourcePtr source, std::int64_t buffer, std::uint64_t seed, std::uint64_t epoch) {
  return std::make_unique<ShuffleSource>(std::move(source), buffer, seed, epoch);
}

}  // namespace nn::table
