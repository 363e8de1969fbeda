#include "format/source.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "format/findings.hpp"
#include "format/parts.hpp"
#include "format/source_open.hpp"
#include "table/columns.hpp"
#include "table/rows.hpp"
#include "table/where.hpp"
#include "tensor/column_roles.hpp"

namespace nn::format {
namespace {

void check_csv(const CsvOptions& csv) {
  constexpr std::string_view impossible = "\"\r\n+-.";
  const char c = csv.delimiter;
  const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (c != 0 &&
      (word || impossible.find(c) != std::string_view::npos || (static_cast<unsigned char>(c) & 0x80) != 0)) {
    fail_usage("cells cannot be delimited by '{}', which is part of numbers, texts or quotes",
               printable({&c, 1}));
  }
  const char quote = csv.quote.value_or('"');
  if (quote != 0 &&
      (quote == c || (static_cast<unsigned char>(quote) & 0x80) != 0 || quote == '\n' || quote == '\r')) {
    fail_usage("cells cannot be quoted with '{}'", printable({&quote, 1}));
  }
  if ((static_cast<unsigned char>(csv.escape.value_or('\0')) & 0x80) != 0)
    fail_usage("quotes cannot be escaped by '{}'", printable({&*csv.escape, 1}));
  const auto check_text = [](const std::string& text) {
    if (!is_utf8(text)) fail_usage("'{}' is not UTF-8, as all text is once it is read", printable(text));
  };
  for (const std::string& text : csv.missing) check_text(text);
  check_text(csv.comment);
  check_text(csv.encoding);
  if (csv.skip < 0) fail_usage("{} lines cannot be skipped", csv.skip);
}

// The column that says how rows are split, if any.
std::optional<std::string> key_of_split(const table::RowOptions& rows) {
  return rows.group ? rows.group : rows.stratify;
}

void check_split(const SourceOptions& options) {
  double sum = 0;
  for (const table::SplitPart& part : options.rows.split) {
    if (!(part.fraction > 0 && part.fraction <= 1)) {
      fail_usage("part '{}' of the split: its fraction is {}, and must be over 0 and at most 1",
                 printable(part.name), part.fraction);
    }
    const auto same = [&](const table::SplitPart& other) { return other.name == part.name; };
    if (std::count_if(options.rows.split.begin(), options.rows.split.end(), same) > 1) {
      fail_usage("there are two parts '{}' in the split", printable(part.name));
    }
    sum += part.fraction;
  }
  if (sum > 1 + 1e-9) fail_usage("the fractions of the split add up to {}, more than 1", sum);
  if (options.rows.split.empty() && key_of_split(options.rows)) {
    throw make_error(ErrorKind::usage, "column '{}' says how rows are split, which needs a split",
                     printable(*key_of_split(options.rows)))
        .advise(", for example --split train:0.8 --split test:0.2");
  }
  if (options.rows.split.empty() && !options.rows.part.empty()) {
    throw make_error(ErrorKind::usage, "part '{}' needs a split", printable(options.rows.part))
        .advise(", for example --split train:0.8 --split test:0.2");
  }
}

std::size_t part_number(const SourceOptions& options) {
  if (options.rows.part.empty()) return 0;
  for (std::size_t i = 0; i < options.rows.split.size(); ++i) {
    if (options.rows.split[i].name == options.rows.part) return i;
  }
  std::vector<std::string> names;
  for (const table::SplitPart& part : options.rows.split) names.push_back(part.name);
  fail_usage("there is no part '{}' in the split of {}", printable(options.rows.part),
             fmt::join(names, ", "));
}

void check_where(const std::string& text) {
  try {
    const table::Condition condition(text);
  } catch (const Error& error) {
    throw error.within("--where");
  }
}

void check_inputs(const SourceOptions& options) {
  const std::vector<std::string>& inputs = options.inputs;
  const auto standard = std::count(inputs.begin(), inputs.end(), "-") + (inputs.empty() ? 1 : 0);
  if (standard > 1) fail_usage("standard input can be read only once");
  if (options.rows.repeat != 1 && standard > 0) {
    fail_usage("standard input cannot be read again, which --repeat needs; write it to a file first");
  }
}

}  // namespace

void check_options(const SourceOptions& options) {
  if (!is_utf8(options.columns.trim_label))
    fail_usage("'{}' is not UTF-8, as labels are", printable(options.columns.trim_label));
  if (options.columns.label && options.columns.target)
    fail_usage("a table has a --label or a --target, not both");
  if (!options.labels_files.empty() &&
      options.labels_files.size() != std::max<std::size_t>(options.inputs.size(), 1)) {
    fail_usage("{} inputs need as many --labels files, and there {} {}",
               std::max<std::size_t>(options.inputs.size(), 1),
               options.labels_files.size() == 1 ? "is" : "are", options.labels_files.size());
  }
  if (!options.columns.where.empty()) check_where(options.columns.where);
  if (options.readers < 1) fail_usage("--readers must be at least 1");
  if (options.rows.batch < 0) fail_usage("--batch must be at least 1");
  if (options.rows.repeat < 0) fail_usage("--repeat must be at least 0 (0: for ever)");
  if (options.rows.shuffle && *options.rows.shuffle < 0)
    fail_usage("--shuffle must be at least 0 (0: all rows)");
  check_inputs(options);
  check_csv(options.csv);
  check_split(options);
  part_number(options);
}

namespace {

// Refuses rows without a y, and says where they stand in the inputs.
class RowsWithY : public BatchSource {
 public:
  RowsWithY(table::SourcePtr source, const SourceOptions& options)
      : source_(std::move(source)),
        findings_(options.findings),
        y_(source_->schema()->find(target_column)),
        numbered_(are_numbered_as_inputs(options)) {}

  const std::shared_ptr<const Schema>& schema() const override { return source_->schema(); }
  std::optional<std::int64_t> total_rows() const override { return source_->total_rows(); }

  std::optional<Batch> next() override {
    auto batch = source_->next();
    if (!batch || !y_) return batch;
    const Field& field = schema()->fields[*y_];
    const Column& y = batch->columns[*y_];
    if (y.validity == nullptr && !is_float(field.type)) return batch;
    const std::int64_t width = element_count(field.shape);
    for (std::int64_t row = 0; row < batch->rows; ++row) {
      bool present = y.valid(row);
      for (std::int64_t e = 0; present && is_float(field.type) && e < width; ++e)
        present = !std::isnan(number_at(field.type, y.data, row * width + e));
      if (!present) fail(field, batch->first_row + row);
    }
    return batch;
  }

 private:
  static bool are_numbered_as_inputs(const SourceOptions& options) {
    const table::RowOptions& rows = options.rows;
    return options.columns.where.empty() && !options.columns.drop_unlabelled && rows.shard.count == 1 &&
           !rows.sample && rows.split.empty() && !rows.shuffle;
  }

  [[noreturn]] void fail(const Field& field, std::int64_t row) const {
    const std::string* source = field.metadata.find("nn.source_name");
    const std::string column =
        fmt::format("column '{}'", printable(source == nullptr ? field.name : *source));
    std::string place = numbered_ ? findings_->place_of(row) : fmt::format("row {} of those chosen", row);
    if (place.empty()) place = fmt::format("row {}", row);
    const std::string places = numbered_ ? "" : findings_->unlabelled();
    throw data_error("the target is missing{}", places.empty() ? "" : ", as it is at " + places)
        .within(column)
        .within_file(place)
        .advise("; --drop-unlabelled leaves out the rows without one");
  }

  table::SourcePtr source_;
  std::shared_ptr<const Findings> findings_;
  std::optional<std::size_t> y_;
  bool numbered_;
};

table::SourcePtr open_epoch(const SourceOptions& options, std::uint64_t epoch) {
  SourceOptions keyed = options;  // readers leave out columns that nobody asked for
  keyed.findings = std::make_shared<Findings>();
  keyed.read_before = epoch > 0;
  if (!options.rows.split.empty()) keyed.columns.key = key_of_split(options.rows);
  const bool says_names = options.says_names && options.form.columns.empty();
  const table::Said said = epoch > 0    ? table::Said::nothing
                           : says_names ? table::Said::all
                                        : table::Said::all_but_names;
  table::SourcePtr source = table::with_columns(open_all(keyed), keyed.columns, said);
  if (options.rows.range != table::RowRange{})
    source = table::row_range(std::move(source), options.rows.range);
  if (options.rows.shard.count > 1) source = table::row_shard(std::move(source), options.rows.shard);
  if (options.rows.sample)
    source = table::row_sample(std::move(source), *options.rows.sample, options.rows.seed);
  if (!options.rows.split.empty()) {
    source = table::row_part(std::move(source), splitting_of(options.rows), part_number(options));
  }
  if (options.rows.shuffle)
    source = table::row_shuffle(std::move(source), *options.rows.shuffle, options.rows.seed, epoch);
  if (options.y_is_needed) source = std::make_unique<RowsWithY>(std::move(source), keyed);
  return source;
}

}  // namespace

namespace {

bool is_positional(const std::string& name) {
  return name.size() > 1 && name[0] == 'c' && name.find_first_not_of("0123456789", 1) == std::string::npos;
}

// The index that pandas writes is a column like any other, and hardly one to learn from. Where a model says
// what it wants, that does.
void warn_of_index(const SourceOptions& options, const Schema& schema) {
  if (!options.form.columns.empty()) return;
  std::vector<const std::string*> features;
  for (const Field& field : schema.fields) {
    if (!has_role(field.name)) features.push_back(&field.name);
  }
  if (features.empty()) return;
  const std::string* index = nullptr;
  for (const std::string* name : features) {
    if (*name == "__index_level_0__") index = name;
  }
  const bool nameless =
      features.size() > 1 && *features[0] == "c0" &&
      std::none_of(features.begin() + 1, features.end(), [](auto* name) { return is_positional(*name); });
  if (nameless || *features[0] == "Unnamed: 0") index = features[0];
  if (index == nullptr) return;
  const std::string name = printable(*index);
  warn("column '{}' {}, and is a column like the others; --drop '{}' leaves it out, --id passes it on", name,
       nameless ? "has no name, as the index that pandas writes" : "is the index that pandas wrote", name);
}

}  // namespace

std::unique_ptr<BatchSource> open_source(const SourceOptions& given) {
  SourceOptions options = given;
  if (options.inputs.empty()) options.inputs = {"-"};
  check_options(options);
  // A file of labels says that they are labels.
  if (!options.labels_files.empty() && !options.columns.label && !options.columns.target)
    options.columns.label = "y";
  table::SourcePtr source;
  if (options.rows.repeat == 1) {
    source = open_epoch(options, 0);
  } else {
    for (const std::string& path : options.inputs) {
      if (::access(path.c_str(), F_OK) == 0 && !is_regular_file(path)) {
        fail_usage("{} cannot be read again, which --repeat needs; write it to a file first", path);
      }
    }
    source = table::row_repeat([options](std::uint64_t epoch) { return open_epoch(options, epoch); },
                               options.rows.repeat);
  }
  warn_of_index(options, *source->schema());
  if (options.rows.batch > 0) source = table::row_batch(std::move(source), options.rows.batch);
  return source;
}

}  // namespace nn::format
