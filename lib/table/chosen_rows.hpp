// A stage that keeps some rows of each batch. For this module only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "table/rows.hpp"

namespace nn::table {

// Rows are numbered anew.
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
      const std::int64_t first = std::exchange(given_, given_ + out.rows);
      return renumbered(std::move(out), first);
    }
  }

 protected:
  virtual void choose(const Batch& batch, std::vector<std::int64_t>& rows) = 0;  // ascending; rows is empty
  const BatchSource& source() const { return *source_; }

 private:
  SourcePtr source_;
  std::int64_t given_ = 0;
  std::vector<std::int64_t> rows_;
};

}  // namespace nn::table
