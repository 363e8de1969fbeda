#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/ordered_workers.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "format/csv/csv.hpp"
#include "format/csv/decode.hpp"
#include "format/csv/parse.hpp"
#include "format/findings.hpp"

namespace nn::format {
namespace {

// A dictionary travels as one message, and a column of so many texts is no feature anyway.
constexpr std::size_t most_texts = 1'000'000;

constexpr std::size_t most_chunk_bytes = 8 << 20;

// Everything a chunk's columns point into.
struct ChunkMemory {
  std::shared_ptr<Buffer> values;
  std::vector<std::vector<std::uint8_t>> validity;
  std::vector<std::vector<char>> bytes;
};

class CsvReader : public BatchSource {
 public:
  CsvReader(std::unique_ptr<ByteInput> input, const SourceOptions& options, const Schema* like)
      : name_(input->name()),
        limits_(options.limits),
        findings_(options.findings),
        quiet_(options.read_before) {
    chunks_ = cut_chunks(decoded(std::move(input), options.csv.encoding, options.csv.quote.value_or('"')),
                         options.limits.max_frame);
    layout_ = read_csv_layout(*chunks_, options, name_, like);
    lines_ = layout_.lines;
    texts_.resize(layout_.columns.size());
    readers_ = options.readers;
    // Of wide tables a chunk has some hundred rows too: what a batch says of each column, and what columns
    // are padded with, would otherwise be more than the values are.
    constexpr std::size_t bytes_a_column = 512;
    const std::size_t aim =
        std::clamp(layout_.columns.size() * bytes_a_column, csv_chunk_bytes, most_chunk_bytes);
    chunks_->set_aim(aim);
    // A chunk's columns take at most eight times its text, beside the text itself.
    most_pending_ = std::clamp<std::size_t>(options.queue_bytes / (9 * aim), 2, 1024);
  }

  const std::shared_ptr<const Schema>& schema() const override { return layout_.schema; }

  std::optional<Batch> next() override {
    throw_if_stopped();
    while (at_ == rows_.rows) {
      auto parsed = next_chunk();
      if (!parsed) return std::nullopt;
      adopt(std::move(*parsed));
      at_ = 0;
    }
    Batch batch = slice(rows_, at_, std::min(usual_batch_rows, rows_.rows - at_));
    at_ += batch.rows;
    return batch;
  }

 private:
  using Workers = OrderedWorkers<CsvChunk, ParsedChunk>;

  ParsedChunk parse(const CsvChunk& chunk) {
    return parse_csv_chunk(chunk, layout_, chunks_->dialect(), pool_);
  }

  std::optional<ParsedChunk> next_chunk() {
    if (!workers_) {
      auto chunk = chunks_->next();
      if (!chunk) return std::nullopt;
      // A single chunk is parsed sooner than threads are started.
      if (readers_ <= 1 || chunk->last) return parse(*chunk);
      workers_ =
          std::make_unique<Workers>(readers_, most_pending_, [this](const CsvChunk& c) { return parse(c); });
      workers_->submit(std::move(*chunk));
    }
    // Every thread is kept busy; beyond that, what is ready goes first: reading on may wait.
    while (!ended_ && workers_->pending() < most_pending_) {
      const bool enough = workers_->pending() > static_cast<std::size_t>(readers_);
      if (enough && !chunks_->mapped() && workers_->ready()) break;
      if (auto chunk = chunks_->next()) {
        workers_->submit(std::move(*chunk));
      } else {
        ended_ = true;
      }
    }
    if (workers_->pending() == 0) return std::nullopt;
    return workers_->take();
  }

  // Makes a chunk's columns part of the file: rows_ is all of it.
  void adopt(ParsedChunk parsed) {
    if (parsed.fault) {
      const CsvFault& fault = *parsed.fault;
      throw Error(ErrorKind::data, fault.message)
          .advise("{}", fault.advice)
          .within_file(name_, lines_ + fault.line + 1);
    }
    for (const CsvNote& note : parsed.notes) tell(note);
    const std::int64_t first_row = rows_.first_row + rows_.rows;
    for (const auto& [row, line] : parsed.unlabelled)
      findings_->add_unlabelled(name_, first_row + row, fmt::format("{}:{}", name_, lines_ + line + 1));
    lines_ += parsed.lines;
    auto memory = std::make_shared<ChunkMemory>();
    memory->values = std::move(parsed.values);
    rows_ = Batch{layout_.schema, first_row, parsed.rows, {}};
    for (std::size_t i = 0; i < parsed.columns.size(); ++i) {
      ParsedColumn& from = parsed.columns[i];
      Column column;
      if (layout_.columns[i].kind == CsvKind::number) {
        column.data = reinterpret_cast<const std::byte*>(from.numbers);
      } else if (layout_.columns[i].kind == CsvKind::category) {
        renumber(i, from, parsed.rows);
        column.data = reinterpret_cast<const std::byte*>(from.indices);
        column.dictionary = texts_[i].dictionary();
      } else if (layout_.columns[i].kind == CsvKind::text) {
        column.offsets = from.offsets;
        memory->bytes.push_back(std::move(from.bytes));
        column.data = reinterpret_cast<const std::byte*>(memory->bytes.back().data());
      }
      if (!from.validity.empty()) {
        memory->validity.push_back(std::move(from.validity));
        column.validity = memory->validity.back().data();
      }
      column.owner = memory;
      rows_.columns.push_back(std::move(column));
    }
  }

  // Once for each column and kind, and for a few columns only.
  void tell(const CsvNote& note) {
    if (quiet_) return;
    constexpr std::size_t most_told = 3;
    std::set<std::size_t>& told = told_[static_cast<std::size_t>(note.what)];
    if (!told.insert(note.column).second || told.size() > most_told + 1) return;
    const std::string column = printable(layout_.schema->fields[note.column].name);
    const std::string where = fmt::format("{}:{}: column '{}'", name_, lines_ + note.line + 1, column);
    if (told.size() > most_told) return warn("{}: and so it is in further columns", where);
    switch (note.what) {
      case CsvNote::What::word:
        return warn("{}: '{}' is taken for a missing value; --text {} reads the column as text", where,
                    printable(note.text), column);
      case CsvNote::What::rounded:
        return warn("{}: {} is rounded, as whole numbers over 2^53 are; --id or --text keeps its digits",
                    where, printable(note.text));
      case CsvNote::What::empty:
        return warn(
            "{}: quotes with nothing between are taken for an empty text; --missing '' takes them for "
            "a missing value",
            where);
    }
  }

  // From the numbers that texts have within the chunk to those they have in the file.
  void renumber(std::size_t i, ParsedColumn& column, std::int64_t rows) {
    std::vector<std::int32_t> numbers(column.texts.size());
    bool same = true;
    for (std::size_t k = 0; k < numbers.size(); ++k) {
      numbers[k] = texts_[i].index_of(column.texts[k]);
      same = same && numbers[k] == static_cast<std::int32_t>(k);
    }
    check_size(i);
    if (same) return;
    for (std::int64_t row = 0; row < rows; ++row) {
      column.indices[row] = numbers[static_cast<std::size_t>(column.indices[row])];
    }
  }

  void check_size(std::size_t i) const {
    const table::TextIndex& texts = texts_[i].texts();
    if (texts.size() <= most_texts && texts.bytes() <= limits_.max_frame / 2) return;
    const std::string column = printable(layout_.schema->fields[i].name);
    throw data_error("column '{}' has more different texts than a category may have ({} so far)", column,
                     texts.size())
        .within_file(name_)
        .advise("; leave it out with --drop {}, or pass it on with --id {}", column, column);
  }

  std::string name_;
  StreamLimits limits_;
  std::shared_ptr<Findings> findings_;
  bool quiet_;
  std::unique_ptr<CsvChunks> chunks_;
  CsvLayout layout_;
  BufferPool pool_;
  std::vector<table::GrowingDictionary> texts_;  // of the category columns
  std::int64_t lines_ = 0;                       // in front of the next chunk
  std::array<std::set<std::size_t>, 3> told_;    // columns, for each kind of note
  Batch rows_;
  std::int64_t at_ = 0;
  int readers_ = 1;
  std::size_t most_pending_ = 2;
  bool ended_ = false;
  std::unique_ptr<Workers> workers_;  // last: its threads use what stands above
};

}  // namespace

std::unique_ptr<BatchSource> read_csv_like(std::unique_ptr<ByteInput> input, const SourceOptions& options,
                                           const Schema* like) {
  return std::make_unique<CsvReader>(std::move(input), options, like);
}

std::vector<ColumnSeen> columns_of_csv(std::unique_ptr<ByteInput> input, const SourceOptions& options,
                                       std::size_t bytes) {
  const std::string name = input->name();
  const auto chunks =
      cut_chunks(decoded(std::move(input), options.csv.encoding, options.csv.quote.value_or('"')),
                 options.limits.max_frame);
  return columns_of_csv(*chunks, options, name, bytes);
}

std::unique_ptr<BatchSource> read_csv(std::unique_ptr<ByteInput> input, const SourceOptions& options) {
  return read_csv_like(std::move(input), options, nullptr);
}

}  // namespace nn::format
