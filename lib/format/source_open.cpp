#include "format/source_open.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "format/csv/csv.hpp"
#include "format/csv/decode.hpp"
#include "format/foreign.hpp"
#include "format/json/objects.hpp"
#include "format/libsvm/text.hpp"
#include "format/readers.hpp"
#include "table/columns.hpp"

namespace nn::format {
namespace {

constexpr std::size_t most_head_bytes = 64 << 10;
constexpr std::string_view idx_types = "\x08\x09\x0B\x0C\x0D\x0E";

// The name without a compression suffix, in lower case.
std::string plain_name(std::string name) {
  for (char& c : name) c = to_lower(c);
  for (const std::string_view suffix : {".gz", ".zst"}) {
    if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  }
  return name;
}

bool is_idx(std::string_view head) {
  return head.size() >= 4 && head[0] == 0 && head[1] == 0 &&
         idx_types.find(head[2]) != std::string_view::npos && head[3] >= 1 && head[3] <= 8;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Enough of the input to know its format: 8 bytes, and lines that say whether they are LIBSVM's where it is
// text.
std::vector<std::byte> read_head(ByteInput& input) {
  std::vector<std::byte> head;
  for (bool ended = false; !ended && head.size() < most_head_bytes;) {
    const std::string_view text = as_text(head);
    if (head.size() >= 8 && (text.find('\0') != std::string_view::npos || looks_like_stream(head) ||
                             looks_like_libsvm(text, false))) {
      break;
    }
    const std::size_t had = head.size();
    head.resize(had + 4096);
    const std::size_t n = input.read(std::span(head).subspan(had));
    head.resize(had + n);
    ended = n == 0;
  }
  return head;
}

SourceOptions as_tsv(SourceOptions options) {
  options.format = FileFormat::tsv;
  return options;
}

StreamUse use_of(const SourceOptions& options) {
  const auto id = [columns = options.columns](const Schema& schema) -> std::optional<std::size_t> {
    try {
      return table::choose_columns(schema, table::with_usual(columns, schema)).id;
    } catch (const Error&) {  // told by who chooses
      return std::nullopt;
    }
  };
  return {.id = id, .says_rounded = !options.read_before};
}

table::SourcePtr open_format(FileFormat format, std::unique_ptr<ByteInput> input,
                             const SourceOptions& options, const Schema* like) {
  switch (format) {
    case FileFormat::npy: return read_npy(std::move(input), "x");
    case FileFormat::npz: return read_npz(spooled(std::move(input))->mapped(), options.columns.drop);
    case FileFormat::idx: return read_idx(std::move(input), "x");
    case FileFormat::json: return read_json(std::move(input), options, like);
    case FileFormat::libsvm: return read_libsvm(std::move(input), options, like);
    case FileFormat::stream: return read_stream(std::move(input), options.limits, use_of(options));
    case FileFormat::tsv: return read_csv_like(std::move(input), as_tsv(options), like);
    default: return read_csv_like(std::move(input), options, like);
  }
}

struct OpenedInput {
  FileFormat format;
  std::unique_ptr<ByteInput> bytes;
};

OpenedInput open_input(const std::string& path, const SourceOptions& options) {
  OpenedInput out{options.format, open_bytes(path)};
  if (options.format != FileFormat::automatic) return out;
  if (const auto file = out.bytes->mapped()) {
    out.format = detect_format(file->text().substr(0, most_head_bytes), path);
    refuse_foreign(file->text(), out.bytes->name());
  } else {
    std::vector<std::byte> head = read_head(*out.bytes);
    out.format = detect_format(as_text(head), path);
    refuse_foreign(as_text(head), out.bytes->name());
    out.bytes = with_head(std::move(head), std::move(out.bytes));
  }
  return out;
}

table::SourcePtr open_path(const std::string& path, const SourceOptions& options, const Schema* like) {
  OpenedInput input = open_input(path, options);
  return open_format(input.format, std::move(input.bytes), options, like);
}

table::SourcePtr open_labels(const std::string& path) {
  auto input = open_bytes(path);
  std::vector<std::byte> head(8);
  head.resize(read_full(*input, head));
  const FileFormat format = detect_format(as_text(head), path);
  const std::string name = input->name();
  if (const auto file = input->mapped()) {
    input = open_bytes(path);
  } else {
    input = with_head(std::move(head), std::move(input));
  }
  table::SourcePtr labels;
  if (format == FileFormat::idx) {
    labels = read_idx(std::move(input), "y");
  } else if (format == FileFormat::npy) {
    labels = read_npy(std::move(input), "y");
  } else {
    throw data_error("a file of labels is IDX or .npy, with one label a row").within_file(name);
  }
  return labels;
}

// Two inputs side by side: the columns of one, and the labels of the other.
class LabelledSource : public BatchSource {
 public:
  LabelledSource(table::SourcePtr data, table::SourcePtr labels, std::string data_name,
                 std::string labels_name)
      : data_(std::move(data)),
        labels_(std::move(labels)),
        data_name_(std::move(data_name)),
        labels_name_(std::move(labels_name)) {
    auto schema = std::make_shared<Schema>(*data_->schema());
    if (schema->find("y"))
      throw data_error("has a column 'y' already, and {} would be another", labels_name_)
          .within_file(data_name_);
    schema->fields.push_back(labels_->schema()->fields.at(0));
    schema_ = std::move(schema);
  }

  const std::shared_ptr<const Schema>& schema() const override { return schema_; }
  std::optional<std::int64_t> total_rows() const override { return data_->total_rows(); }

  // A batch has as many rows as both inputs have ready.
  std::optional<Batch> next() override {
    const bool more_data = refill(*data_, rows_, rows_at_);
    const bool more_labels = refill(*labels_, marks_, marks_at_);
    if (more_data != more_labels) {
      fail_data("{} ends after {} rows, and {} goes on", more_data ? labels_name_ : data_name_, given_,
                more_data ? data_name_ : labels_name_);
    }
    if (!more_data) return std::nullopt;
    const std::int64_t count = std::min(rows_.rows - rows_at_, marks_.rows - marks_at_);
    Batch out = slice(rows_, rows_at_, count);
    out.columns.push_back(slice(marks_.schema->fields[0], marks_.columns[0], marks_at_));
    out.schema = schema_;
    rows_at_ += count;
    marks_at_ += count;
    given_ += count;
    return out;
  }

 private:
  static bool refill(BatchSource& source, Batch& batch, std::int64_t& at) {
    if (at < batch.rows) return true;
    auto next = source.next();
    if (!next) {
      batch.rows = at = 0;
      return false;
    }
    batch = std::move(*next);
    at = 0;
    return true;
  }

  table::SourcePtr data_, labels_;
  std::string data_name_, labels_name_;
  std::shared_ptr<const Schema> schema_;
  Batch rows_, marks_;
  std::int64_t rows_at_ = 0, marks_at_ = 0, given_ = 0;
};

}  // namespace

FileFormat detect_format(std::string_view head, const std::string& name) {
  const auto bytes = std::as_bytes(std::span(head.data(), head.size()));
  if (head.starts_with("\x93NUMPY")) return FileFormat::npy;
  if (head.starts_with("PK\x03\x04") || head.starts_with("PK\x05\x06")) return FileFormat::npz;
  if (head.size() >= 8 && (looks_like_stream(bytes) || looks_like_arrow_file(bytes)))
    return FileFormat::stream;
  if (is_idx(head)) return FileFormat::idx;
  const std::string plain = plain_name(name);
  const auto ends_with = [&](std::initializer_list<std::string_view> suffixes) {
    return std::any_of(suffixes.begin(), suffixes.end(),
                       [&](std::string_view s) { return plain.ends_with(s); });
  };
  if (ends_with({".csv"})) return FileFormat::csv;
  if (ends_with({".tsv", ".tab"})) return FileFormat::tsv;
  if (ends_with({".jsonl", ".ndjson", ".json"})) return FileFormat::json;
  if (ends_with({".npy"})) return FileFormat::npy;
  if (ends_with({".npz"})) return FileFormat::npz;
  if (ends_with({".idx", "-ubyte"})) return FileFormat::idx;
  if (ends_with({".svm", ".libsvm", ".svmlight"})) return FileFormat::libsvm;
  if (ends_with({".arrows", ".arrow", ".feather"})) return FileFormat::stream;
  if (has_wide_mark(head)) return FileFormat::csv;
  if (looks_like_json(head)) return FileFormat::json;
  // A first row that goes on behind the head is looked at up to its last word there.
  if (head.size() >= most_head_bytes && !looks_like_libsvm(head, false))
    head = head.substr(0, head.find_last_of(" \t"));
  return looks_like_libsvm(head, true).value_or(false) ? FileFormat::libsvm : FileFormat::csv;
}

bool may_be_text(const SourceOptions& options) {
  const auto is_text = [](FileFormat format) {
    return format >= FileFormat::csv && format <= FileFormat::json;
  };
  if (options.format != FileFormat::automatic) return is_text(options.format);
  const auto may_be = [&](const std::string& path) {
    if (!is_regular_file(path)) return true;
    try {
      return is_text(open_input(path, options).format);
    } catch (const Error&) {
      return false;
    }
  };
  return options.inputs.empty() || std::any_of(options.inputs.begin(), options.inputs.end(), may_be);
}

bool is_regular_file(const std::string& path) {
  struct stat status {};
  return path != "-" && ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

table::SourcePtr open_one(const SourceOptions& options, std::size_t index, const Schema* like) {
  const std::string& path = options.inputs[index];
  if (options.labels_files.empty()) return open_path(path, options, like);
  const std::string& labels = options.labels_files[index];
  return std::make_unique<LabelledSource>(open_path(path, options, like), open_labels(labels), path, labels);
}

std::vector<ColumnSeen> columns_seen_in(const SourceOptions& options, std::size_t index, std::size_t bytes) {
  OpenedInput input = open_input(options.inputs[index], options);
  if (input.format == FileFormat::csv) return columns_of_csv(std::move(input.bytes), options, bytes);
  if (input.format == FileFormat::tsv) return columns_of_csv(std::move(input.bytes), as_tsv(options), bytes);
  if (input.format == FileFormat::json) return columns_of_json(std::move(input.bytes), options, bytes);
  return {};
}

}  // namespace nn::format
