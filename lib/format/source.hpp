// One way to open data: any number of files of any known format as one sequence of
// batches, with rows and columns chosen. What nn-read does, and every tool that takes data.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/arrow/stream.hpp"
#include "table/options.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

enum class FileFormat { automatic, csv, tsv, json, npy, npz, idx, libsvm, stream };

struct CsvOptions {
  char delimiter = 0;         // 0: what the text shows
  std::optional<char> quote;  // 0: none; absent: '"', in tables of tabs only within a line
  std::optional<char>
      escape;        // of quotes within quotes, besides a second one; 0: none; absent: what the text shows
  char decimal = 0;  // '.' or ','; 0: what a column's cells show
  enum class Header {
    automatic,
    yes,
    no
  } header = Header::automatic;      // automatic: no cell of the
                                     // first line is a number
  std::string encoding;              // as iconv(3) names it; empty: UTF-8, or what a byte order mark says
  std::int64_t skip = 0;             // lines before anything else
  std::string comment;               // lines that start with it are left out
  std::vector<std::string> missing;  // besides the empty cell
  bool usual_missing = true;         // and besides NA and nan
  std::vector<std::string> text;     // columns that are text even where they look like numbers
  std::vector<std::string> number;   // columns that must be numbers
};

// Whether LIBSVM's indices count from 0; automatic: where there is an index 0.
enum class ZeroBased { automatic, yes, no };

// What is known of a table of text before it is read, because another like it was learned from. Options that
// people give come first.
struct TableForm {
  struct Column {
    std::string name;
    bool text = false;  // otherwise numbers
  };
  std::vector<Column> columns;
  std::optional<bool> header;  // where it was said whether there is one
};

class Findings;

struct SourceOptions {
  std::vector<std::string> inputs;  // empty: stdin
  FileFormat format = FileFormat::automatic;
  CsvOptions csv;
  TableForm form;
  StreamLimits limits;
  std::int64_t features = 0;  // width of LIBSVM rows; 0: the largest index of the files
  ZeroBased zero_based = ZeroBased::automatic;

  std::vector<std::string> labels_files;  // IDX or npy with one label a row, one file per input: becomes y
  table::ColumnOptions columns;
  table::RowOptions rows;

  // Whether rows without a y are an error, which says where they stand: for who learns or counts by it.
  bool y_is_needed = false;
  // Whether it is said that y and id are taken by their names: for who learns from it.
  bool says_names = true;

  int readers = 1;                      // threads; the result is the same whatever the number
  std::size_t queue_bytes = 64u << 20;  // memory that read-ahead may take

  // Set by open_source() for its readers: what they find out, and whether all was said when the inputs were
  // read before.
  std::shared_ptr<Findings> findings;
  bool read_before = false;
};

// Throws usage errors for options that contradict each other. Opens nothing.
void check_options(const SourceOptions& options);

// Whether an input may be a table of text: pipes may be anything. Faults are left to who reads.
bool may_be_text(const SourceOptions& options);

// Throws usage errors for contradictions, data and io errors for the inputs. Inputs are
// opened and the first one's schema is read; the others must agree with it.
// first_row is the row's place in the concatenated inputs as long as the rows are
// consecutive (--rows); after shard, split, shuffle or repeat rows are numbered anew.
std::unique_ptr<BatchSource> open_source(const SourceOptions& options);

}  // namespace nn::format
