#include "cli/progress.hpp"

#include <utility>

#include "base/log.hpp"

namespace nn::cli {
namespace {

class CountedSource : public BatchSource {
 public:
  explicit CountedSource(std::unique_ptr<BatchSource> source)
      : source_(std::move(source)),
        progress_("rows", static_cast<std::uint64_t>(source_->total_rows().value_or(0))) {}

  const std::shared_ptr<const Schema>& schema() const override { return source_->schema(); }
  std::optional<std::int64_t> total_rows() const override { return source_->total_rows(); }

  std::optional<Batch> next() override {
    auto batch = source_->next();
    if (batch) {
      done_ += static_cast<std::uint64_t>(batch->rows);
      progress_.update(done_);
    } else {
      progress_.clear();
    }
    return batch;
  }

 private:
  std::unique_ptr<BatchSource> source_;
  Progress progress_;
  std::uint64_t done_ = 0;
};

}  // namespace

std::unique_ptr<BatchSource> with_progress(std::unique_ptr<BatchSource> source) {
  return std::make_unique<CountedSource>(std::move(source));
}

}  // namespace nn::cli
