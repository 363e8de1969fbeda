// One way to open data: any number of files of any known format as one sequence of
// batches, with rows and columns chosen. What nn-read does, and every tool that takes data.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/parse.hpp"
#include "format/stream.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

enum class FileFormat { automatic, csv, tsv, npy, npz, idx, libsvm, stream };

struct CsvOptions {
  char delimiter = 0;  // 0: tab for .tsv, else comma
  enum class Header {
    automatic,
    yes,
    no
  } header = Header::automatic;      // automatic: no cell of the
                                     // first line is a number
  std::int64_t skip = 0;             // lines before anything else
  std::string comment;               // lines that start with it are left out
  std::vector<std::string> missing;  // besides the empty cell and NA
  std::vector<std::string> text;     // columns that are text even where they look like numbers
  std::vector<std::string> number;   // columns that must be numbers
};

// A part of the rows, by a seeded hash of the row's content: equal rows meet in one part.
struct SplitPart {
  std::string name;
  double fraction = 0;
};

struct SourceOptions {
  std::vector<std::string> inputs;  // empty: stdin
  FileFormat format = FileFormat::automatic;
  CsvOptions csv;
  StreamLimits limits;
  std::int64_t features = 0;  // width of LIBSVM rows; 0: the largest index of the file

  // Columns. A column is given by name, by number from 0, or as "last".
  std::optional<std::string> label;       // becomes y: classes (category, or int64 where all are integers)
  std::optional<std::string> target;      // becomes y: numbers (f64)
  std::vector<std::string> labels_files;  // --labels: IDX or npy with one label a row, one file per input
  std::string trim_label;                 // characters stripped from both ends of a text label
  std::optional<std::string> id;          // becomes id: passed through, not a feature
  std::vector<std::string> select;        // only these (and y, id); empty: all
  std::vector<std::string> drop;

  // Rows. Applied in this order: rows, shard, split, shuffle, repeat, batch.
  RowRange rows;
  Shard shard;                          // row i goes to shard i mod N
  std::vector<SplitPart> split;         // laid out in order over [0, 1)
  std::string part;                     // the one to give; empty: the first
  std::optional<std::int64_t> shuffle;  // buffer of so many rows; 0: all rows
  std::int64_t repeat = 1;              // 0: for ever
  std::int64_t batch = 0;               // rows of a batch; 0: as they come
  std::uint64_t seed = 0;               // of split and shuffle

  int readers = 1;                      // threads; the result is the same whatever the number
  std::size_t queue_bytes = 64u << 20;  // memory that read-ahead may take
};

// Throws usage errors for options that contradict each other. Opens nothing.
void check_options(const SourceOptions& options);

// Throws usage errors for contradictions, data and io errors for the inputs. Inputs are
// opened and the first one's schema is read; the others must agree with it.
// first_row is the row's place in the concatenated inputs as long as the rows are
// consecutive (--rows); after shard, split, shuffle or repeat rows are numbered anew.
std::unique_ptr<BatchSource> open_source(const SourceOptions& options);

}  // namespace nn::format
