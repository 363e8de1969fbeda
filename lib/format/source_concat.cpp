#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "format/agreement.hpp"
#include "format/findings.hpp"
#include "format/source_open.hpp"
#include "table/text_index.hpp"

namespace nn::format {
namespace {

// Above this a plain file of text is better parsed by all threads together.
constexpr std::size_t large_file_bytes = 8 << 20;
// Of each input, to see what its columns are before the first one is read.
constexpr std::size_t glimpse_bytes = 4 << 10;

// Gives the texts of a category column the same numbers in every batch, whichever
// dictionary its input has.
class CategoryColumn {
 public:
  // `name` of the column; null: nothing is said of it.
  explicit CategoryColumn(const std::string* name) : name_(name) {}

  void renumber(Column& column, std::int64_t rows) {
    if (column.dictionary != seen_) learn(column.dictionary);
    if (same_) {
      // All its texts have their own numbers here: it is good as it is, if nothing was known beyond it.
      if (seen_->size() < texts_.texts().size()) column.dictionary = texts_.dictionary();
      return;
    }
    Buffer values(static_cast<std::size_t>(rows) * sizeof(std::int32_t));
    auto* out = values.as<std::int32_t>();
    for (std::int64_t row = 0; row < rows; ++row) {
      out[row] = column.valid(row) ? numbers_[static_cast<std::size_t>(column.as<std::int32_t>()[row])] : 0;
    }
    auto both =
        std::make_shared<std::pair<Buffer, std::shared_ptr<const void>>>(std::move(values), column.owner);
    column.data = both->first.data();
    column.owner = std::move(both);
    column.dictionary = texts_.dictionary();
  }

 private:
  void learn(const std::shared_ptr<const Dictionary>& dictionary) {
    std::size_t learned = numbers_.size();
    if (!seen_ || !dictionary->continues(*seen_)) {
      learned = 0;
      same_ = true;
    }
    seen_ = dictionary;
    numbers_.resize(dictionary->size());
    for (std::size_t i = learned; i < numbers_.size(); ++i) {
      const std::string_view text = (*dictionary)[i];
      look_for_truth(text);
      const table::TextIndex& known = texts_.texts();
      numbers_[i] =
          i < known.size() && known[i] == text ? static_cast<std::int32_t>(i) : texts_.index_of(text);
      same_ = same_ && numbers_[i] == static_cast<std::int32_t>(i);
    }
  }

  // Programs write true in their own ways, and a table of several has two categories for one.
  void look_for_truth(std::string_view text) {
    if (name_ == nullptr) return;
    for (const std::string_view word : {"true", "false"}) {
      if (!equal_ignoring_case(text, word)) continue;
      std::string& spelling = spellings_[word == "true" ? 0 : 1];
      if (spelling.empty()) spelling = text;
      if (spelling == text) continue;
      warn("column '{}' has both '{}' and '{}', which are two categories here; write them alike",
           printable(*std::exchange(name_, nullptr)), spelling, text);
      return;
    }
  }

  const std::string* name_;
  std::array<std::string, 2> spellings_;  // of true and false
  table::GrowingDictionary texts_;
  std::shared_ptr<const Dictionary> seen_;
  std::vector<std::int32_t> numbers_;  // of the texts of seen_
  bool same_ = true;
};

// A source of which a batch was taken already.
class WithFirst : public BatchSource {
 public:
  WithFirst(Batch first, table::SourcePtr rest) : first_(std::move(first)), rest_(std::move(rest)) {}
  const std::shared_ptr<const Schema>& schema() const override { return rest_->schema(); }
  std::optional<Batch> next() override {
    return first_ ? std::exchange(first_, std::nullopt) : rest_->next();
  }

 private:
  std::optional<Batch> first_;
  table::SourcePtr rest_;
};

class AllInputs : public BatchSource {
 public:
  explicit AllInputs(const SourceOptions& options) : options_(options), several_(options.inputs.size() > 1) {
    check_readable();
    const bool ahead = options_.readers > 1 && several_ && reads_ahead();
    if (ahead) options_.readers = 1;  // of each input
    source_ = open_one(options_, 0, nullptr);
    pass_empty();
    if (several_ && decide_over_all()) {
      if (options_.findings) options_.findings->begin_again();
      source_ = open_one(options_, 0, nullptr);
    }
    auto schema = std::make_shared<Schema>(*source_->schema());
    for (Field& field : schema->fields) field.nullable = field.nullable || several_;
    schema_ = std::move(schema);
    for (const Field& field : schema_->fields)
      categories_.emplace_back(options_.read_before ? nullptr : &field.name);
    note_input();
    if (ahead) {
      ahead_ = std::make_unique<InputsAhead>(
          std::move(source_), [this](std::size_t i) { return open_one(options_, i, schema_.get()); },
          options_.inputs.size(), options.readers, options_.queue_bytes);
    }
  }

  const std::shared_ptr<const Schema>& schema() const override { return schema_; }
  std::optional<std::int64_t> total_rows() const override {
    return several_ || !source_ ? std::nullopt : source_->total_rows();
  }

  std::optional<Batch> next() override {
    throw_if_stopped();
    while (at_ < options_.inputs.size()) {
      if (auto batch = next_of_input()) {
        batch->schema = schema_;
        for (std::size_t i = 0; i < batch->columns.size(); ++i) {
          if (batch->columns[i].dictionary) categories_[i].renumber(batch->columns[i], batch->rows);
        }
        if (several_) batch->first_row = std::exchange(given_, given_ + batch->rows);
        return batch;
      }
      if (++at_ < options_.inputs.size()) {
        open_next();
        note_input();
      }
    }
    return std::nullopt;
  }

 private:
  // A mistyped name is an error before hours of work, not after.
  void check_readable() const {
    for (const std::string& path : options_.inputs) {
      if (several_ && path != "-" && ::access(path.c_str(), R_OK) != 0) fail_errno(path);
    }
  }

  // The first inputs, where they hold no row, say nothing of what a column is: the first one with rows does.
  void pass_empty() {
    std::vector<std::string>& inputs = options_.inputs;
    while (inputs.size() > 1) {
      auto first = source_->next();
      while (first && first->rows == 0) first = source_->next();
      if (first) {
        source_ = std::make_unique<WithFirst>(std::move(*first), std::move(source_));
        return;
      }
      const std::string empty = inputs.front();
      const std::shared_ptr<const Schema> schema = source_->schema();
      inputs.erase(inputs.begin());
      if (!options_.labels_files.empty()) options_.labels_files.erase(options_.labels_files.begin());
      if (options_.findings) options_.findings->forget_open();
      source_ = open_one(options_, 0, nullptr);
      if (!schema->fields.empty() && !source_->schema()->fields.empty())
        check_names(*schema, empty, *source_->schema(), inputs.front());
    }
  }

  // Of what has no rows, or was opened behind such: kinds may differ, columns may not.
  static void check_names(const Schema& first, const std::string& first_name, Schema now,
                          const std::string& name) {
    for (std::size_t i = 0; i < std::min(first.fields.size(), now.fields.size()); ++i) {
      now.fields[i].type = first.fields[i].type;
      now.fields[i].shape = first.fields[i].shape;
    }
    try {
      check_agreement(first, first_name, now);
    } catch (const Error& error) {
      throw error.within_file(name);
    }
  }

  struct Seen {  // of a column in inputs behind the first
    bool numbers = false;
    std::string place, text;  // of the first text
    std::optional<Field> other;
    std::string padded_in, padded;  // a number with a leading zero, and the input that has it
    bool plain = false;             // numbers in an input where it is nothing else
  };

  // A column without a text in the first input may have some in another: then it is one of text in all. True
  // where that changes the first one, which has to be opened again. Faults are left to those who read.
  bool decide_over_all() {
    if (!is_regular_file(options_.inputs[0])) return false;
    const Schema& schema = *source_->schema();
    const auto is_number_of_text = [](const Field& f) { return f.type == DType::f64 && f.shape.empty(); };
    if (std::none_of(schema.fields.begin(), schema.fields.end(), is_number_of_text)) return false;
    std::map<std::string, Seen> columns;
    for (std::size_t i = 1; i < options_.inputs.size(); ++i) {
      if (!is_regular_file(options_.inputs[i])) continue;
      try {
        for (const ColumnSeen& seen : columns_seen_in(options_, i, glimpse_bytes)) {
          const auto at = schema.find(seen.column);
          if (!at || !is_number_of_text(schema.fields[*at])) continue;
          Seen& column = columns[seen.column];
          column.numbers = column.numbers || seen.numbers;
          column.plain = column.plain || (seen.numbers && !seen.other);
          if (seen.other && !column.other) column.other = seen.other;
          if (column.padded_in.empty() && !seen.padded.empty()) {
            column.padded_in = options_.inputs[i];
            column.padded = seen.padded;
          }
          if (seen.line == 0 || !column.place.empty()) continue;
          column.place = fmt::format("{}:{}", options_.inputs[i], seen.line);
          column.text = seen.text;
        }
      } catch (const Error&) {
      }
    }
    bool changed = false;
    for (const auto& [name, column] : columns) {
      if (is_told(name)) continue;
      const bool only_others = column.place.empty() && !column.plain && column.other;
      if (only_others && options_.findings && options_.findings->is_open(name)) {
        options_.findings->decide_open(*column.other);
        changed = true;
      }
      if (column.place.empty()) continue;
      options_.csv.text.push_back(name);
      changed = true;
      // Where no input has a number there, nobody is surprised.
      const bool numbers = column.numbers || !options_.findings || !options_.findings->is_open(name);
      if (options_.read_before || !numbers) continue;
      warn("{}: '{}' makes column '{}' one of text in all inputs; --number {} says that it is one of numbers",
           column.place, printable(column.text), printable(name), printable(name));
    }
    tell_of_padded(columns);
    return changed;
  }

  // Of columns that are numbers in all inputs, where the first one had no reason to say so.
  void tell_of_padded(const std::map<std::string, Seen>& columns) const {
    if (options_.read_before) return;
    for (const auto& [name, column] : columns) {
      const bool known = options_.findings && options_.findings->is_padded(name);
      if (column.padded_in.empty() || !column.place.empty() || known || is_told(name)) continue;
      warn(
          "{}: leading zeros are lost in '{}' ({}), which is taken for numbers; --text keeps cells as they "
          "are written",
          column.padded_in, printable(name), printable(column.padded));
      return;  // the first one says enough
    }
  }

  void note_input() const {
    if (!options_.findings) return;
    const std::string& path = options_.inputs[at_];
    options_.findings->add_input(path == "-" ? "standard input" : path, given_);
  }

  bool is_told(const std::string& column) const {
    const auto is_in = [&](const std::vector<std::string>& names) {
      return std::find(names.begin(), names.end(), column) != names.end();
    };
    const auto& known = options_.form.columns;
    return is_in(options_.csv.number) || is_in(options_.csv.text) ||
           std::any_of(known.begin(), known.end(), [&](const auto& c) { return c.name == column; });
  }

  // Threads of their own for inputs that one thread can only read from end to end: compressed
  // and small ones. Pipes stay in this thread, where a signal ends the wait for them.
  bool reads_ahead() const {
    bool large_text = false;
    for (const std::string& path : options_.inputs) {
      if (!is_regular_file(path)) return false;
      const auto file = open_bytes(path)->mapped();
      large_text = large_text || (file && file->bytes().size() > large_file_bytes &&
                                  detect_format(file->text().substr(0, 4096), path) <= FileFormat::tsv);
    }
    return !large_text;
  }

  void open_next() {
    if (!ahead_) source_ = open_one(options_, at_, schema_.get());
    const auto schema = ahead_ ? ahead_->schema(at_) : source_->schema();
    try {
      check_agreement(*schema_, options_.inputs.front(), *schema);
    } catch (const Error& error) {
      if (has_rows()) throw error.within_file(options_.inputs[at_]);
      at_end_ = true;
      if (!schema->fields.empty())
        check_names(*schema_, options_.inputs.front(), *schema, options_.inputs[at_]);
    }
  }

  std::optional<Batch> next_of_input() {
    if (std::exchange(at_end_, false)) return std::nullopt;
    return ahead_ ? ahead_->next(at_) : source_->next();
  }

  // Of the input that was opened and whose columns differ: what is wrong with its rows matters less.
  bool has_rows() {
    try {
      for (;;) {
        const auto batch = next_of_input();
        if (!batch || batch->rows > 0) return batch.has_value();
      }
    } catch (const Error&) {
      return true;
    }
  }

  SourceOptions options_;
  bool several_;
  std::shared_ptr<const Schema> schema_;
  std::vector<CategoryColumn> categories_;
  table::SourcePtr source_;
  std::size_t at_ = 0;
  bool at_end_ = false;  // of the input, as is known already
  std::int64_t given_ = 0;
  std::unique_ptr<InputsAhead> ahead_;  // last: its threads use what stands above
};

}  // namespace

table::SourcePtr open_all(const SourceOptions& options) { return std::make_unique<AllInputs>(options); }

}  // namespace nn::format
