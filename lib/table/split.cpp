#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <tuple>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/log.hpp"
#include "base/text.hpp"
#include "table/rows.hpp"

namespace nn::table {
namespace {

template <typename T>
void append(std::vector<char>& bytes, char tag, T value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + 1 + sizeof value);
  bytes[at] = tag;
  std::memcpy(bytes.data() + at + 1, &value, sizeof value);
}

// Equal numbers have equal bytes whatever their type: 3 as u8, i64 or f64 is one value, so
// that a table splits the same as CSV, as npy and as a stream.
void append_number(std::vector<char>& bytes, DType type, const std::byte* data, std::int64_t i) {
  if (type == DType::i64) return append(bytes, 'i', reinterpret_cast<const std::int64_t*>(data)[i]);
  if (type == DType::u64 && reinterpret_cast<const std::uint64_t*>(data)[i] > std::uint64_t{INT64_MAX}) {
    return append(bytes, 'u', reinterpret_cast<const std::uint64_t*>(data)[i]);
  }
  const double value = number_at(type, data, i);
  if (value >= -0x1p63 && value < 0x1p63 && std::trunc(value) == value) {
    return append(bytes, 'i', static_cast<std::int64_t>(value));
  }
  append(bytes, 'f', std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value);
}

void append_value(std::vector<char>& bytes, const Field& field, const Column& column, std::int64_t row) {
  if (!column.valid(row) || field.type == DType::opaque) {
    bytes.push_back('-');
    return;
  }
  if (is_text(field.type)) {
    const std::string_view text =
        field.type == DType::utf8
            ? column.text(row)
            : (*column.dictionary)[static_cast<std::size_t>(column.as<std::int32_t>()[row])];
    append(bytes, 't', static_cast<std::uint64_t>(text.size()));
    bytes.insert(bytes.end(), text.begin(), text.end());
    return;
  }
  const std::int64_t elements = element_count(field.shape);
  for (std::int64_t e = 0; e < elements; ++e)
    append_number(bytes, field.type, column.data, row * elements + e);
}

// A hash of the values of a row in columns [first, last). Equal values have equal hashes.
class RowHash {
 public:
  explicit RowHash(std::uint64_t seed) : seed_(seed) {}
  std::uint64_t operator()(const Batch& batch, std::int64_t row, std::size_t first, std::size_t last) {
    bytes_.clear();
    for (std::size_t i = first; i < last; ++i) {
      append_value(bytes_, batch.schema->fields[i], batch.columns[i], row);
    }
    return XXH3_64bits_withSeed(bytes_.data(), bytes_.size(), seed_);
  }

 private:
  std::uint64_t seed_;
  std::vector<char> bytes_;
};

double uniform_of(std::uint64_t hash) { return static_cast<double>(hash >> 11) * 0x1p-53; }

std::vector<double> ends_of(const std::vector<SplitPart>& parts) {
  std::vector<double> ends;
  double end = 0;
  for (const SplitPart& part : parts) ends.push_back(end += part.fraction);
  // 0.7 + 0.2 + 0.1 is a little less than 1: no row may fall into that gap.
  if (!ends.empty() && std::abs(end - 1) < 1e-9) ends.back() = 1;
  return ends;
}

// Batches without the last column, where that only says how they are split.
class WithoutKey {
 public:
  WithoutKey(const Schema& schema, bool has_key) : has_key_(has_key) {
    auto shorter = std::make_shared<Schema>(schema);
    if (has_key_) shorter->fields.pop_back();
    schema_ = std::move(shorter);
  }
  const std::shared_ptr<const Schema>& schema() const { return schema_; }
  Batch of(Batch batch) const {
    if (!has_key_) return batch;
    batch.schema = schema_;
    batch.columns.pop_back();
    return batch;
  }

 private:
  bool has_key_;
  std::shared_ptr<const Schema> schema_;
};

// Each row for itself.
class HashedRows : public PartedRows {
 public:
  HashedRows(SourcePtr source, const Splitting& splitting)
      : source_(std::move(source)),
        ends_(ends_of(splitting.parts)),
        hash_(splitting.seed),
        by_group_(splitting.by == Splitting::By::group),
        without_(*source_->schema(), by_group_) {}

  const std::shared_ptr<const Schema>& schema() const override { return without_.schema(); }

  std::optional<Parted> next() override {
    auto batch = source_->next();
    if (!batch) return std::nullopt;
    std::vector<std::size_t> part_of;
    const std::size_t columns = batch->columns.size();
    for (std::int64_t row = 0; row < batch->rows; ++row) {
      const double place = uniform_of(hash_(*batch, row, by_group_ ? columns - 1 : 0, columns));
      std::size_t part = 0;
      while (part < ends_.size() && place >= ends_[part]) ++part;
      part_of.push_back(part);
    }
    return Parted{without_.of(std::move(*batch)), std::move(part_of)};
  }

 private:
  SourcePtr source_;
  std::vector<double> ends_;
  RowHash hash_;
  bool by_group_;
  WithoutKey without_;
};

// The rows of each value in the order of their hashes, cut at the fractions.
class StratifiedRows : public PartedRows {
 public:
  StratifiedRows(SourcePtr source, const Splitting& splitting)
      : source_(std::move(source)),
        ends_(ends_of(splitting.parts)),
        seed_(splitting.seed),
        without_(*source_->schema(), true) {}

  const std::shared_ptr<const Schema>& schema() const override { return without_.schema(); }

  std::optional<Parted> next() override {
    if (!collected_) collect();
    if (batches_.empty()) return std::nullopt;
    Batch batch = std::move(batches_.front());
    batches_.pop_front();
    const auto first = part_of_.begin() + static_cast<std::ptrdiff_t>(given_);
    given_ += static_cast<std::size_t>(batch.rows);
    return Parted{without_.of(std::move(batch)),
                  {first, part_of_.begin() + static_cast<std::ptrdiff_t>(given_)}};
  }

 private:
  struct Row {
    std::uint64_t value, hash;
    std::size_t number;
    bool operator<(const Row& other) const {
      return std::tie(value, hash, number) < std::tie(other.value, other.hash, other.number);
    }
  };

  void collect() {
    collected_ = true;
    std::vector<Row> rows;
    RowHash hash(seed_);
    while (auto batch = source_->next()) {
      const std::size_t key = batch->columns.size() - 1;
      for (std::int64_t row = 0; row < batch->rows; ++row) {
        rows.push_back({hash(*batch, row, key, key + 1), hash(*batch, row, 0, key), rows.size()});
      }
      batches_.push_back(std::move(*batch));
    }
    std::sort(rows.begin(), rows.end());
    part_of_.resize(rows.size());
    std::size_t alone = 0;
    for (std::size_t first = 0; first < rows.size();) {
      std::size_t last = first + 1;
      while (last < rows.size() && rows[last].value == rows[first].value) ++last;
      assign({rows.data() + first, last - first});
      alone += last - first == 1;
      first = last;
    }
    if (alone * 2 > rows.size()) {
      warn("{} of {} rows have a value of column '{}' that occurs once: these are split by chance alone",
           alone, rows.size(), printable(source_->schema()->fields.back().name));
    }
  }

  void assign(std::span<const Row> rows) {
    // Of few rows, which part has one more differs from value to value; else all of them were the first
    // part's.
    const double shift = uniform_of(XXH3_64bits_withSeed(&rows[0].value, sizeof rows[0].value, seed_));
    std::size_t at = 0;
    for (std::size_t part = 0; part <= ends_.size(); ++part) {
      const auto n = static_cast<double>(rows.size());
      const std::size_t end = part == ends_.size()
                                  ? rows.size()
                                  : together(rows, static_cast<std::size_t>(n * ends_[part] + 1e-9 + shift));
      for (; at < end; ++at) part_of_[rows[at].number] = part;
    }
  }

  // The cut that is nearest to `end` and doesn't part equal rows.
  static std::size_t together(std::span<const Row> rows, std::size_t end) {
    end = std::min(end, rows.size());
    std::size_t low = end, high = end;
    while (low > 0 && low < rows.size() && rows[low - 1].hash == rows[low].hash) --low;
    while (high > 0 && high < rows.size() && rows[high - 1].hash == rows[high].hash) ++high;
    return end - low <= high - end ? low : high;
  }

  SourcePtr source_;
  std::vector<double> ends_;
  std::uint64_t seed_;
  WithoutKey without_;
  bool collected_ = false;
  std::deque<Batch> batches_;
  std::vector<std::size_t> part_of_;  // of all rows
  std::size_t given_ = 0;
};

}  // namespace

std::unique_ptr<PartedRows> parted_rows(SourcePtr source, const Splitting& splitting) {
  if (splitting.by == Splitting::By::stratified)
    return std::make_unique<StratifiedRows>(std::move(source), splitting);
  return std::make_unique<HashedRows>(std::move(source), splitting);
}

namespace {

class PartSource : public BatchSource {
 public:
  PartSource(std::unique_ptr<PartedRows> rows, std::size_t part) : rows_(std::move(rows)), part_(part) {}
  const std::shared_ptr<const Schema>& schema() const override { return rows_->schema(); }

  std::optional<Batch> next() override {
    while (auto parted = rows_->next()) {
      std::vector<std::int64_t> chosen;
      for (std::size_t row = 0; row < parted->part_of.size(); ++row) {
        if (parted->part_of[row] == part_) chosen.push_back(static_cast<std::int64_t>(row));
      }
      if (chosen.empty()) continue;
      const auto count = static_cast<std::int64_t>(chosen.size());
      Batch out =
          count == parted->batch.rows ? std::move(parted->batch) : take_rows(parted->batch, chosen, 0);
      return renumbered(std::move(out), std::exchange(given_, given_ + count));
    }
    return std::nullopt;
  }

 private:
  std::unique_ptr<PartedRows> rows_;
  std::size_t part_;
  std::int64_t given_ = 0;
};

}  // namespace

SourcePtr row_part(SourcePtr source, const Splitting& splitting, std::size_t part) {
  return std::make_unique<PartSource>(parted_rows(std::move(source), splitting), part);
}

}  // namespace nn::table
