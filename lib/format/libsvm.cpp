#include <fast_float/fast_float.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "format/readers.hpp"

namespace nn::format {
namespace {

constexpr std::int64_t max_features = 1 << 24;  // a dense row of 64 MiB
constexpr std::int64_t batch_bytes = 16 << 20;
constexpr std::size_t max_line = 256u << 20;
constexpr std::size_t piece = 1u << 20;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view without_comment(std::string_view line) {
  line = line.substr(0, line.find('#'));
  while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
  while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
  return line;
}

std::string_view first_word(std::string_view text) { return text.substr(0, text.find_first_of(" \t")); }

// The number at the front of `text`, which must end there or before a space.
bool take_number(std::string_view& text, double& value) {
  std::string_view digits = text;
  if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
  const char* end = digits.data() + digits.size();
  const auto [at, error] = fast_float::from_chars(digits.data(), end, value);
  if (error != std::errc() || (at != end && !is_space(*at))) return false;
  text = std::string_view(at, static_cast<std::size_t>(end - at));
  return true;
}

bool fits_int64(double value) { return std::trunc(value) == value && std::fabs(value) <= 0x1p53; }

// Lines of a mapped file in place, or of a pipe piece by piece.
class LineReader {
 public:
  explicit LineReader(std::unique_ptr<ByteInput> input) : input_(std::move(input)) {
    if ((file_ = input_->mapped())) {
      rest_ = file_->text();
      complete_ = true;
    }
  }
  const std::string& name() const { return input_->name(); }
  std::int64_t line_number() const { return number_; }
  bool complete() const { return complete_; }
  std::string_view rest() const { return rest_; }  // what was read and not yet taken

  // Lines may be asked for again after a call to load_all() only.
  void load_all() {
    while (!complete_) refill();
  }

  bool next(std::string_view& line) {
    std::size_t searched = 0;
    for (;;) {
      const auto newline = rest_.find('\n', searched);
      if (newline != std::string_view::npos || (complete_ && !rest_.empty())) {
        line = rest_.substr(0, newline);
        rest_.remove_prefix(newline == std::string_view::npos ? rest_.size() : newline + 1);
        ++number_;
        return true;
      }
      if (complete_) return false;
      searched = rest_.size();
      if (searched > max_line) {
        throw data_error("a line of more than {} MiB", max_line >> 20).within_file(name(), number_ + 1);
      }
      refill();
    }
  }

 private:
  void refill() {
    buffer_.erase(0, buffer_.size() - rest_.size());
    const std::size_t kept = buffer_.size();
    buffer_.resize(kept + std::max(piece, kept));
    const std::size_t got = read_full(*input_, std::as_writable_bytes(std::span(buffer_)).subspan(kept));
    complete_ = got < buffer_.size() - kept;
    buffer_.resize(kept + got);
    rest_ = buffer_;
  }

  std::unique_ptr<ByteInput> input_;
  std::shared_ptr<const MappedFile> file_;
  std::string buffer_;
  std::string_view rest_;
  std::int64_t number_ = 0;
  bool complete_ = false;
};

struct Survey {
  std::int64_t features = 0;
  bool integers = true;
};

// The largest index and the kind of the labels. Lines that are wrong are left to the
// parser, which says what is wrong with them.
Survey survey(std::string_view text) {
  Survey out;
  while (!text.empty()) {
    const auto newline = text.find('\n');
    std::string_view line = without_comment(text.substr(0, newline));
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    if (line.empty()) continue;
    double label = 0;
    std::string_view pairs = line;
    out.integers = out.integers && (!take_number(pairs, label) || fits_int64(label));
    const auto colon = pairs.rfind(':');
    if (colon == std::string_view::npos) continue;
    std::string_view digits = pairs.substr(0, colon);
    digits.remove_prefix(digits.find_last_of(" \t") + 1);
    std::int64_t index = 1;
    std::from_chars(digits.data(), digits.data() + digits.size(), index);
    out.features = std::max(out.features, index);
  }
  return out;
}

class LibsvmSource : public BatchSource {
 public:
  LibsvmSource(std::unique_ptr<ByteInput> input, std::int64_t features)
      : lines_(std::move(input)), features_(features) {
    if (features_ > max_features) {
      throw make_error(ErrorKind::usage, "{} features; {} is the limit", features_, max_features)
          .within_file(lines_.name());
    }
    if (features_ <= 0) lines_.load_all();
    if (lines_.complete()) {
      const Survey found = survey(lines_.rest());
      integers_ = found.integers;
      if (features_ <= 0) features_ = std::min(found.features, max_features);
      if (features_ == 0)
        throw data_error("holds no features (\"label index:value …\")").within_file(lines_.name());
      rows_ = batch_rows();
    } else {
      rows_ = batch_rows();
      parse_rows();
      integers_ = std::all_of(labels_.begin(), labels_.end(), fits_int64);
    }
    auto schema = std::make_shared<Schema>();
    schema->fields = {{"x", DType::f32, {features_}, false, {}, {}},
                      {"y", integers_ ? DType::i64 : DType::f64, {}, false, {}, {}}};
    schema_ = std::move(schema);
  }

  const std::shared_ptr<const Schema>& schema() const override { return schema_; }

  std::optional<Batch> next() override {
    if (labels_.empty()) parse_rows();
    if (labels_.empty()) return std::nullopt;
    Batch batch{schema_, first_row_, static_cast<std::int64_t>(labels_.size()), {}};
    batch.columns = {make_column(std::move(values_)), make_column(take_labels())};
    first_row_ += batch.rows;
    labels_.clear();
    return batch;
  }

 private:
  std::int64_t batch_rows() const {
    return std::clamp<std::int64_t>(batch_bytes / (features_ * std::int64_t{sizeof(float)}), 1,
                                    usual_batch_rows);
  }

  template <typename... Args>
  [[noreturn]] void fail_line(fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(ErrorKind::data, fmt::format(format, std::forward<Args>(args)...))
        .within_file(lines_.name(), lines_.line_number());
  }

  // Fills labels_ and values_ with up to rows_ rows.
  void parse_rows() {
    values_ = Buffer(static_cast<std::size_t>(rows_ * features_) * sizeof(float));
    std::string_view line;
    while (static_cast<std::int64_t>(labels_.size()) < rows_ && lines_.next(line)) {
      line = without_comment(line);
      if (line.empty()) continue;
      float* row = values_.as<float>() + static_cast<std::int64_t>(labels_.size()) * features_;
      std::fill_n(row, features_, 0.0f);
      labels_.push_back(parse_row(line, row));
    }
  }

  double parse_row(std::string_view line, float* row) const {
    double label = 0;
    std::string_view rest = line;
    if (!take_number(rest, label)) {
      fail_line("the label '{}' is not a number", printable(first_word(line)));
    }
    std::int64_t previous = 0;
    for (;;) {
      while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
      if (rest.empty()) return label;
      if (previous == 0 && rest.starts_with("qid:")) {  // the group of a ranking task
        rest.remove_prefix(first_word(rest).size());
        continue;
      }
      parse_pair(rest, row, previous);
    }
  }

  void parse_pair(std::string_view& rest, float* row, std::int64_t& previous) const {
    const std::string_view start = rest;
    const char* end = rest.data() + rest.size();
    std::int64_t index = 0;
    const auto [at, error] = std::from_chars(rest.data(), end, index);
    if (error == std::errc::result_out_of_range) index = INT64_MAX;
    if (error == std::errc::invalid_argument || at == end || *at != ':') {
      fail_line("expected index:value, found '{}'", printable(first_word(start)));
    }
    if (index < 1) fail_line("index {}; indices count from 1", index);
    if (index <= previous) fail_line("index {} after {}; indices must ascend", index, previous);
    if (index > max_features) fail_line("index {}; {} is the limit", index, max_features);
    if (index > features_) fail_line("index {}, but there are {} features", index, features_);
    rest = std::string_view(at + 1, static_cast<std::size_t>(end - at - 1));
    double value = 0;
    if (!take_number(rest, value))
      fail_line("the value in '{}' is not a number", printable(first_word(start)));
    row[index - 1] = static_cast<float>(value);
    previous = index;
  }

  Buffer take_labels() const {
    Buffer out(labels_.size() * sizeof(double));
    if (!integers_) {
      std::memcpy(out.data(), labels_.data(), out.size());
      return out;
    }
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      if (!fits_int64(labels_[i])) {
        throw data_error("row {}: the label {} is not an integer, as those of the first rows are",
                         first_row_ + static_cast<std::int64_t>(i), labels_[i])
            .within_file(lines_.name());
      }
      out.as<std::int64_t>()[i] = static_cast<std::int64_t>(labels_[i]);
    }
    return out;
  }

  LineReader lines_;
  std::int64_t features_;
  std::int64_t rows_ = 0;
  bool integers_ = true;
  std::shared_ptr<const Schema> schema_;
  std::int64_t first_row_ = 0;
  Buffer values_;  // of the rows in labels_
  std::vector<double> labels_;
};

}  // namespace

std::unique_ptr<BatchSource> read_libsvm(std::unique_ptr<ByteInput> input, std::int64_t features) {
  return std::make_unique<LibsvmSource>(std::move(input), features);
}

}  // namespace nn::format
