// Options about a table: which columns and rows are wanted, as people write it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nn::table {

// A column's new name, as "OLD=NEW".
struct Renaming {
  std::string from, to;
};
Renaming parse_renaming(std::string_view text);

// A column is given by name, by number from 0, or as "last".
struct ColumnOptions {
  std::vector<Renaming> rename;       // before all else: what follows means the new names
  std::optional<std::string> label;   // becomes y: classes (category, or int64 where all are integers)
  std::optional<std::string> target;  // becomes y: numbers (f64); several, with commas between: [count]
  std::string where;                  // keeps only the rows for which this is true (table/where.hpp)
  bool drop_unlabelled = false;       // leaves rows out whose y is missing
  // Columns with these names are features, though nothing else becomes y or id.
  bool y_is_feature = false, id_is_feature = false;
  std::string trim_label;         // characters stripped from both ends of a text label
  std::optional<std::string> id;  // becomes id: passed through, not a feature
  std::optional<std::string> usual_label, usual_target, usual_id;  // likewise, where the table has such a
                                                                   // column and nothing else is said
  std::optional<std::string> weight;  // becomes sample_weight: how much each row counts, not a feature
  std::optional<std::string> key;     // comes once more behind all others, for a split by it
  std::vector<std::string> select;    // only these (and y, id); empty: all
  std::vector<std::string> drop;
};

// Half-open, as "A:B", "A:" or ":B".
struct RowRange {
  std::int64_t first = 0;
  std::int64_t last = INT64_MAX;
  bool operator==(const RowRange&) const = default;
};
RowRange parse_row_range(std::string_view text);

// "I/N" with 0 <= I < N.
struct Shard {
  std::int64_t index = 0;
  std::int64_t count = 1;
  bool operator==(const Shard&) const = default;
};
Shard parse_shard(std::string_view text);

// A part of the rows, by a seeded hash of the row's content: equal rows meet in one part.
struct SplitPart {
  std::string name;
  double fraction = 0;
};

// So many rows, drawn at random: a number of them, or a share.
struct Sample {
  std::int64_t rows = 0;
  double fraction = 0;  // of all, where it is not 0
  bool operator==(const Sample&) const = default;
};
// "1000", or "10%" with more than 0 and at most 100.
Sample parse_sample(std::string_view text);

// Applied in this order: range, shard, sample, split, shuffle, repeat, batch.
struct RowOptions {
  RowRange range;
  Shard shard;  // row i goes to shard i mod N
  std::optional<Sample> sample;
  std::vector<SplitPart> split;         // laid out in order over [0, 1)
  std::string part;                     // the one to give; empty: the first
  std::optional<std::string> group;     // a column: rows with one value of it stay together
  std::optional<std::string> stratify;  // a column: each of its values is split alike
  std::optional<std::int64_t> shuffle;  // buffer of so many rows; 0: all rows
  std::int64_t repeat = 1;              // 0: for ever
  std::int64_t batch = 0;               // rows of a batch; 0: as they come
  std::uint64_t seed = 0;               // of sample, split and shuffle
};

}  // namespace nn::table
