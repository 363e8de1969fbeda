#include <algorithm>
#include <tuple>
#include <utility>

#include "base/random.hpp"
#include "table/chosen_rows.hpp"

namespace nn::table {
namespace {

// Numbers of their own beside those of other uses of the seed.
constexpr std::uint64_t sample_stream = 1;

class FractionSource : public ChosenRows {
 public:
  FractionSource(SourcePtr source, double fraction, std::uint64_t seed)
      : ChosenRows(std::move(source)), fraction_(fraction), random_(seed, RandomUse::split, sample_stream) {}

 protected:
  void choose(const Batch& batch, std::vector<std::int64_t>& rows) override {
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      if (random_.uniform() < fraction_) rows.push_back(row);
    }
  }

 private:
  double fraction_;
  RandomStream random_;
};

// A reservoir (Vitter 1985, algorithm R): row k takes the place of one that is kept with probability count /
// (k + 1).
class ReservoirSource : public BatchSource {
 public:
  ReservoirSource(SourcePtr source, std::int64_t count, std::uint64_t seed)
      : source_(std::move(source)),
        count_(static_cast<std::uint64_t>(count)),
        random_(seed, RandomUse::split, sample_stream) {}

  const std::shared_ptr<const Schema>& schema() const override { return source_->schema(); }
  std::optional<std::int64_t> total_rows() const override {
    const auto total = source_->total_rows();
    if (!total) return std::nullopt;
    return std::min(*total, static_cast<std::int64_t>(count_));
  }

  std::optional<Batch> next() override {
    if (!collected_) collect();
    const std::size_t count = std::min(static_cast<std::size_t>(usual_batch_rows), kept_.size() - given_);
    if (count == 0) return std::nullopt;
    const auto first = static_cast<std::int64_t>(given_);
    given_ += count;
    return gather({kept_.data() + first, count}, first);
  }

 private:
  void collect() {
    collected_ = true;
    std::uint64_t seen = 0, held = 0;
    while (auto batch = source_->next()) {
      const auto number = static_cast<std::uint32_t>(batches_.size());
      bool is_needed = false;
      for (std::int64_t row = 0; row < batch->rows; ++row, ++seen) {
        const RowPlace place{number, static_cast<std::uint32_t>(row)};
        if (kept_.size() < count_) {
          kept_.push_back(place);
          is_needed = true;
        } else if (const std::uint64_t drawn = random_.below(seen + 1); drawn < count_) {
          kept_[drawn] = place;
          is_needed = true;
        }
      }
      if (!is_needed) continue;
      held += static_cast<std::uint64_t>(batch->rows);
      batches_.push_back(std::move(*batch));
      // Rows hold on to their whole batch: once far more is held than is kept, the rows are copied together.
      if (held > 4 * kept_.size() + 4 * usual_batch_rows) held = compact();
    }
    sort();
  }

  void sort() {
    std::sort(kept_.begin(), kept_.end(), [](const RowPlace& a, const RowPlace& b) {
      return std::tie(a.batch, a.row) < std::tie(b.batch, b.row);
    });
  }

  std::uint64_t compact() {
    sort();
    Batch together = gather(kept_, 0);
    for (std::size_t i = 0; i < kept_.size(); ++i) kept_[i] = {0, static_cast<std::uint32_t>(i)};
    batches_.clear();
    batches_.push_back(std::move(together));
    return kept_.size();
  }

  Batch gather(std::span<const RowPlace> places, std::int64_t first_row) const {
    std::vector<const Batch*> batches;
    for (const Batch& batch : batches_) batches.push_back(&batch);
    return gather_rows(batches, places, first_row);
  }

  SourcePtr source_;
  std::uint64_t count_;
  RandomStream random_;
  std::vector<Batch> batches_;
  std::vector<RowPlace> kept_;
  bool collected_ = false;
  std::size_t given_ = 0;
};

}  // namespace

SourcePtr row_sample(SourcePtr source, const Sample& sample, std::uint64_t seed) {
  if (sample.fraction > 0) return std::make_unique<FractionSource>(std::move(source), sample.fraction, seed);
  return std::make_unique<ReservoirSource>(std::move(source), sample.rows, seed);
}

}  // namespace nn::table
