#include <fast_float/fast_float.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "format/csv/number.hpp"
#include "format/libsvm/text.hpp"
#include "format/lines.hpp"
#include "format/readers.hpp"
#include "format/source_open.hpp"
#include "tensor/first_feature.hpp"

namespace nn::format {
namespace {

constexpr std::int64_t max_features = 1 << 24;  // a dense row of 64 MiB
constexpr std::int64_t batch_bytes = 16 << 20;

// The number at the front of `text`, which must end there or before a blank; what rounds to infinity or zero
// is such.
template <typename T>
bool take_number(std::string_view& text, T& value) {
  std::string_view digits = text;
  if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
  const char* end = digits.data() + digits.size();
  const auto [at, error] = fast_float::from_chars(digits.data(), end, value);
  if (error == std::errc::invalid_argument || (at != end && !is_libsvm_blank(*at))) return false;
  text = std::string_view(at, static_cast<std::size_t>(end - at));
  return true;
}

// Whether the value is what the word says, where that is a whole number in digits.
template <typename T>
bool is_exact(T value, std::string_view word) {
  const bool negative = word.starts_with('-');
  if (negative || word.starts_with('+')) word.remove_prefix(1);
  if (word.find_first_not_of("0123456789") != std::string_view::npos) return true;
  word.remove_prefix(std::min(word.find_first_not_of('0'), word.size()));
  return word.empty() || fmt::format("{:.0f}", std::fabs(value)) == word;
}

// Width and first index of the files that are read as one table.
struct Extent {
  std::int64_t features = 0;
  std::int64_t first = 1;
  bool whole_labels = true;
};

std::optional<Extent> extent_of(const Schema* schema) {
  if (schema == nullptr || schema->fields.size() != 2) return std::nullopt;
  const Field& x = schema->fields[0];
  const std::string* first = x.metadata.find(first_feature_key);
  if (first == nullptr || x.shape.size() != 1) return std::nullopt;
  return Extent{x.shape[0], *first == "0" ? 0 : 1, schema->fields[1].type == DType::i64};
}

class LibsvmSource : public BatchSource {
 public:
  LibsvmSource(std::unique_ptr<ByteInput> input, const SourceOptions& options, const Schema* like)
      : lines_(std::move(input), options.limits.max_frame),
        told_of_groups_(options.read_before),
        told_of_rounding_(options.read_before) {
    if (options.features > max_features) {
      throw make_error(ErrorKind::usage, "{} features; {} is the limit", options.features, max_features)
          .within_file(lines_.name());
    }
    if (const auto extent = extent_of(like)) {
      extent_ = *extent;
    } else {
      look_ahead(options);
    }
    auto schema = std::make_shared<Schema>();
    schema->fields = {{"x", DType::f32, {extent_.features}, false, {}, {}},
                      {"y", extent_.whole_labels ? DType::i64 : DType::f64, {}, false, {}, {}}};
    schema->fields[0].metadata.set(std::string(first_feature_key), std::to_string(extent_.first));
    schema_ = std::move(schema);
    rows_ = std::clamp<std::int64_t>(
        batch_bytes / (extent_.features * static_cast<std::int64_t>(sizeof(float))), 1, usual_batch_rows);
  }

  const std::shared_ptr<const Schema>& schema() const override { return schema_; }

  std::optional<Batch> next() override {
    parse_rows();
    if (labels_.empty()) return std::nullopt;
    Batch batch{schema_, first_row_, static_cast<std::int64_t>(labels_.size()), {}};
    Buffer labels(labels_.size() * sizeof labels_[0]);
    std::memcpy(labels.data(), labels_.data(), labels.size());
    batch.columns = {make_column(std::move(values_)), make_column(std::move(labels))};
    first_row_ += batch.rows;
    return batch;
  }

 private:
  // Decides from all files that can be read again; of a pipe whose width is known, from its first lines.
  void look_ahead(const SourceOptions& options) {
    if (options.features <= 0) lines_.load_all();
    lines_.load(1);
    LibsvmSurvey found{.only_zero = options.features > 0};
    const std::string_view ahead = lines_.rest();
    found.look_at(lines_.complete() ? ahead : ahead.substr(0, ahead.rfind('\n') + 1));
    std::string zero_at = found.zero_line < 0 ? "" : fmt::format("{}:{}", lines_.name(), found.zero_line);
    for (std::size_t i = 1; i < options.inputs.size(); ++i) {
      if (!is_regular_file(options.inputs[i])) continue;
      LineReader other(open_bytes(options.inputs[i]), options.limits.max_frame);
      other.load_all();
      LibsvmSurvey more{.only_zero = found.only_zero};
      more.look_at(other.rest());
      if (zero_at.empty() && more.zero_line >= 0)
        zero_at = fmt::format("{}:{}", other.name(), more.zero_line);
      found.largest = std::max(found.largest, more.largest);
      found.any = found.any || more.any;
      found.whole_labels = found.whole_labels && more.whole_labels;
    }
    const bool from_zero = options.zero_based == ZeroBased::yes ||
                           (options.zero_based == ZeroBased::automatic && !zero_at.empty());
    if (from_zero && options.zero_based == ZeroBased::automatic && !options.read_before)
      warn("{}: index 0, so that features are counted from 0; --zero-based says which", zero_at);
    extent_.first = from_zero ? 0 : 1;
    extent_.whole_labels = found.whole_labels;
    extent_.features =
        options.features > 0 ? options.features : std::min(found.largest + (from_zero ? 1 : 0), max_features);
    if (extent_.features == 0 || (options.features <= 0 && !found.any))
      throw data_error("holds no features (\"label index:value …\")").within_file(lines_.name());
  }

  template <typename... Args>
  Error line_error(fmt::format_string<Args...> format, Args&&... args) const {
    return Error(ErrorKind::data, fmt::format(format, std::forward<Args>(args)...))
        .within_file(lines_.name(), lines_.line_number());
  }

  // Fills labels_ and values_ with up to rows_ rows.
  void parse_rows() {
    labels_.clear();
    values_ = Buffer(static_cast<std::size_t>(rows_ * extent_.features) * sizeof(float));
    std::string_view line;
    while (static_cast<std::int64_t>(labels_.size()) < rows_ && lines_.next(line)) {
      line = libsvm_line(line);
      if (line.empty()) continue;
      float* row = values_.as<float>() + static_cast<std::int64_t>(labels_.size()) * extent_.features;
      std::fill_n(row, extent_.features, 0.0f);
      parse_row(line, row);
    }
  }

  void parse_row(std::string_view line, float* row) {
    const std::string_view word = libsvm_word(line);
    labels_.push_back(label_bits(word));
    line.remove_prefix(word.size());
    indices_.clear();
    bool ascending = true;
    for (;;) {
      while (!line.empty() && is_libsvm_blank(line.front())) line.remove_prefix(1);
      if (line.empty()) break;
      if (indices_.empty() && line.starts_with("qid:")) {  // the group of a ranking task
        if (!std::exchange(told_of_groups_, true)) {
          warn("{}:{}: groups (qid) are left out, here and below: rows are not ranked", lines_.name(),
               lines_.line_number());
        }
        line.remove_prefix(libsvm_word(line).size());
        continue;
      }
      const std::int64_t index = parse_pair(line, row);
      ascending = ascending && (indices_.empty() || index > indices_.back());
      indices_.push_back(index);
    }
    if (ascending) return;
    std::sort(indices_.begin(), indices_.end());
    const auto twice = std::adjacent_find(indices_.begin(), indices_.end());
    if (twice != indices_.end()) throw line_error("two values of index {}", *twice);
  }

  std::uint64_t label_bits(std::string_view word) const {
    double value = 0;
    std::string_view rest = word;
    if (!take_number(rest, value)) {
      if (word.find(',') != std::string_view::npos)
        throw line_error("'{}' are several labels, and a row has one", printable(word));
      const Error error = line_error("the label '{}' is not a number", printable(word));
      throw word.find(':') == std::string_view::npos
          ? error
          : error.advise("; a row begins with its label, or with a 0");
    }
    if (extent_.whole_labels) {
      const auto whole = whole_label(word);
      if (!whole)
        throw line_error("the label {} is not an integer, as those of the first rows are", printable(word));
      return std::bit_cast<std::uint64_t>(*whole);
    }
    constexpr double first_inexact = 0x1p53;
    if (std::fabs(value) >= first_inexact && !is_exact(value, word)) {
      throw line_error(
          "the label {} is beyond what a number holds to the digit: labels are not all integers "
          "of 64 bits here, so that they are read as numbers",
          printable(word));
    }
    return std::bit_cast<std::uint64_t>(value);
  }

  // A pair as most are written, which is passed over: its index, or -1, and nothing has happened then.
  std::int64_t quick_pair(std::string_view& rest, float* row) const {
    constexpr std::size_t most_digits = 8;
    const char* p = rest.data();
    const char* const end = p + rest.size();
    if (lines_.rest().data() + lines_.rest().size() - p <
        static_cast<std::ptrdiff_t>(most_digits) + fast_number_reach)
      return -1;
    std::int64_t index = 0;
    unsigned digit;
    for (; p < rest.data() + most_digits && (digit = static_cast<unsigned>(*p - '0')) < 10u; ++p)
      index = index * 10 + digit;
    if (*p != ':' || p == rest.data() || index < extent_.first || index >= extent_.first + extent_.features)
      return -1;
    double value;
    const char* const behind = fast_number(p + 1, value);
    if (behind == nullptr || behind > end || (behind != end && !is_libsvm_blank(*behind))) return -1;
    // Rounded to a double and then to a float, a number is the nearest float unless the double lies just
    // between two.
    constexpr std::uint64_t lost_bits = (1u << 29) - 1, middle = 1u << 28;
    constexpr double first_inexact = 0x1p24, least = 0x1p-100;
    if (!(std::fabs(value) < first_inexact) || (std::fabs(value) < least && value != 0) ||
        (std::bit_cast<std::uint64_t>(value) & lost_bits) == middle)
      return -1;
    row[index - extent_.first] = static_cast<float>(value);
    rest.remove_prefix(static_cast<std::size_t>(behind - rest.data()));
    return index;
  }

  // Returns the index.
  std::int64_t parse_pair(std::string_view& rest, float* row) {
    if (const std::int64_t index = quick_pair(rest, row); index >= 0) return index;
    const std::string_view start = rest;
    const char* end = rest.data() + rest.size();
    std::int64_t index = 0;
    const auto [at, error] = std::from_chars(rest.data(), end, index);
    if (error == std::errc::result_out_of_range) index = INT64_MAX;
    if (error == std::errc::invalid_argument || at == end || *at != ':')
      throw line_error("expected index:value, found '{}'", printable(libsvm_word(start)));
    if (index < extent_.first || index >= extent_.first + extent_.features) fail_index(index);
    rest = std::string_view(at + 1, static_cast<std::size_t>(end - at - 1));
    while (!rest.empty() && is_libsvm_blank(rest.front())) rest.remove_prefix(1);
    const char* const digits = rest.data();
    float& value = row[index - extent_.first];
    if (!take_number(rest, value))
      throw line_error("the value in '{}' is not a number", printable(libsvm_word(start)));
    constexpr float first_inexact = 0x1p24f;
    if (!(std::fabs(value) < first_inexact))
      check_large(index, value, std::string_view(digits, static_cast<std::size_t>(rest.data() - digits)));
    return index;
  }

  [[noreturn]] void fail_index(std::int64_t index) const {
    if (index > max_features) throw line_error("index {}; {} is the limit", index, max_features);
    if (index < 0) throw line_error("index {}; indices count from 0 or 1", index);
    if (index == 0) {
      throw line_error("index 0, where indices count from 1").advise("; --zero-based counts from 0");
    }
    throw line_error("index {}, but there are {} features{}", index, extent_.features,
                     extent_.first == 0 ? ", counted from 0" : "")
        .advise(" (--features)");
  }

  // Features are floats of 32 bits.
  void check_large(std::int64_t index, float value, std::string_view word) {
    if (std::isnan(value)) return;
    if (std::isinf(value)) {
      if (word.find_first_of("iI") != std::string_view::npos) return;
      throw line_error("the value {} of index {} is beyond the 32-bit floats that features are",
                       printable(word), index);
    }
    if (told_of_rounding_ || is_exact(value, word)) return;
    told_of_rounding_ = true;
    warn("{}:{}: {} becomes {:.0f}: features are 32-bit floats, here and below", lines_.name(),
         lines_.line_number(), printable(word), value);
  }

  LineReader lines_;
  Extent extent_;
  std::int64_t rows_ = 0;  // of a batch
  std::shared_ptr<const Schema> schema_;
  std::int64_t first_row_ = 0;
  Buffer values_;                      // of the rows in labels_
  std::vector<std::uint64_t> labels_;  // int64 or double
  std::vector<std::int64_t> indices_;  // of the row at hand
  bool told_of_groups_, told_of_rounding_;
};

}  // namespace

std::unique_ptr<BatchSource> read_libsvm(std::unique_ptr<ByteInput> input, const SourceOptions& options,
                                         const Schema* like) {
  return std::make_unique<LibsvmSource>(std::move(input), options, like);
}

}  // namespace nn::format
