// Stages that choose, reorder and regroup rows: each a BatchSource around another one.
// Their rows depend on the rows that go in alone, never on how they were cut into batches.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "table/options.hpp"
#include "tensor/batch.hpp"

namespace nn::table {

using SourcePtr = std::unique_ptr<BatchSource>;

// Rows [first, last) of the source, which is read no further than needed. Keeps first_row.
SourcePtr row_range(SourcePtr source, RowRange range);

// Every count-th row from `index` on; numbered anew.
SourcePtr row_shard(SourcePtr source, Shard shard);

// The rows of one part; numbered anew.
SourcePtr row_part(SourcePtr source, const std::vector<SplitPart>& parts, std::size_t part,
                   std::uint64_t seed);

// Shuffled within a buffer of `buffer` rows, 0 for all; numbered anew. `epoch` gives each
// repetition an order of its own.
SourcePtr row_shuffle(SourcePtr source, std::int64_t buffer, std::uint64_t seed, std::uint64_t epoch);

// Repeats what `open(epoch)` gives, for epoch 0 … times-1 (times 0: for ever); numbered anew.
SourcePtr row_repeat(std::function<SourcePtr(std::uint64_t epoch)> open, std::int64_t times);

// Batches of exactly `rows` rows, but for the last one.
SourcePtr row_batch(SourcePtr source, std::int64_t rows);

// Assigns rows to the parts of a split by a hash of their content.
class RowSplitter {
 public:
  // Fractions are laid out in order over [0, 1).
  RowSplitter(const std::vector<SplitPart>& parts, std::uint64_t seed);
  // part_of [batch.rows], overwritten: the part of each row, parts.size() for none of them.
  void assign(const Batch& batch, std::vector<std::size_t>& part_of);

 private:
  std::vector<double> ends_;
  std::uint64_t seed_;
  std::vector<char> bytes_;
};

// The given rows of a batch, in that order, in memory of their own.
Batch take_rows(const Batch& batch, std::span<const std::int64_t> rows, std::int64_t first_row);

// A row of one of several batches of one schema.
struct RowPlace {
  std::uint32_t batch;
  std::uint32_t row;
};

// The given rows as one batch. Of a category column's dictionaries each must begin with
// the shorter ones, as they do behind open_source's concatenation.
Batch gather_rows(std::span<const Batch* const> batches, std::span<const RowPlace> places,
                  std::int64_t first_row);

}  // namespace nn::table
