// Stages that choose, reorder and regroup rows: each a BatchSource around another one.
// Their rows depend on the rows that go in alone, never on how they were cut into batches. Rows that are
// numbered anew keep the number that messages call them by (Batch::number_of()).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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

// So many rows, each with the same chance, in their order; numbered anew. Of a number of rows no more than
// these are kept, and they come when the source has ended; of a fraction each row is drawn by itself.
SourcePtr row_sample(SourcePtr source, const Sample& sample, std::uint64_t seed);

// How rows are assigned to the parts of a split.
struct Splitting {
  enum class By : std::uint8_t {
    content,    // a hash of the whole row
    group,      // a hash of the last column, which is left out of what is given on
    stratified  // each value of the last column is split alike, which is left out likewise; keeps all rows
                // until the source has ended
  } by = By::content;
  std::vector<SplitPart> parts;  // laid out in order over [0, 1)
  std::uint64_t seed = 0;
};

// The rows of a source, and the part that each belongs to. One thread.
class PartedRows {
 public:
  struct Parted {
    Batch batch;
    std::vector<std::size_t> part_of;  // [batch.rows]; as many as there are parts: none of them
  };
  virtual ~PartedRows() = default;
  virtual const std::shared_ptr<const Schema>& schema() const = 0;
  virtual std::optional<Parted> next() = 0;  // in the order of the source
};
//   Stratified, of n rows with one value a part with fraction f has less than 1 row more or less than n * f,
//   beside
// equal rows, which stay together; whatever the order of the rows.
std::unique_ptr<PartedRows> parted_rows(SourcePtr source, const Splitting& splitting);

// The rows of one part; numbered anew.
SourcePtr row_part(SourcePtr source, const Splitting& splitting, std::size_t part);

// Shuffled within a buffer of `buffer` rows, 0 for all; numbered anew. `epoch` gives each
// repetition an order of its own.
SourcePtr row_shuffle(SourcePtr source, std::int64_t buffer, std::uint64_t seed, std::uint64_t epoch);

// Repeats what `open(epoch)` gives, for epoch 0 … times-1 (times 0: for ever); numbered anew.
SourcePtr row_repeat(std::function<SourcePtr(std::uint64_t epoch)> open, std::int64_t times);

// Batches of exactly `rows` rows, but for the last one.
SourcePtr row_batch(SourcePtr source, std::int64_t rows);

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
