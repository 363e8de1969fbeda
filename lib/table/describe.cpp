#include "table/describe.hpp"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "table/sketches.hpp"

namespace nn::table {
namespace {

// All columns together take some of this; each is exact for as many values as that allows.
constexpr std::size_t memory_bytes = 256 << 20;
constexpr std::size_t least_exact = 256, most_exact = 16384;
constexpr std::size_t bytes_a_value =
    256;  // of all sketches of a column together, for each value they are exact for
constexpr std::size_t frequent_texts = 1024;
constexpr std::size_t few_numbers = 32;  // whose frequencies are of interest
constexpr std::size_t shown_top = 10;

std::uint64_t hash_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

// A finalizer of SplitMix64: equal numbers of any type are equal as doubles.
std::uint64_t hash_of(double value) {
  auto bits = std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value);
  bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9u;
  bits = (bits ^ bits >> 27) * 0x94D049BB133111EBu;
  return bits ^ bits >> 31;
}

// The mean of many values, without the largest sum of them.
class Mean {
 public:
  void add(double value) {
    ++count_;
    mean_ += (value - mean_) / static_cast<double>(count_);
  }
  double value() const { return mean_; }

 private:
  std::int64_t count_ = 0;
  double mean_ = 0;
};

}  // namespace

class Description::Figures {
 public:
  Figures(Field field, std::size_t size) : field_(std::move(field)), distinct_(size), quantiles_(size) {}

  void add(const Column& column, std::int64_t rows) {
    if (field_.type == DType::opaque) return;
    if (field_.type == DType::utf8) return add_texts(column, rows);
    if (field_.type == DType::category) return add_categories(column, rows);
    if (!field_.shape.empty()) return add_tensors(column, rows);
    for (std::int64_t row = 0; row < rows; ++row) {
      const double value = column.valid(row) ? number_at(field_.type, column.data, row)
                                             : std::numeric_limits<double>::quiet_NaN();
      if (std::isnan(value)) {
        ++missing_;
        continue;
      }
      add_number(value);
      quantiles_.add(value);
      distinct_.add(hash_of(value));
      if (few_.size() <= few_numbers) ++few_[value];
    }
  }

  ColumnSummary summary() {
    ColumnSummary out;
    out.field = field_;
    out.missing = missing_;
    if (field_.type == DType::opaque) return out;
    if (is_text(field_.type)) {
      summarize_texts(out);
      return out;
    }
    if (least_ <= largest_) {
      out.numbers = {least_, largest_, mean_.value(), {}, true};
      if (field_.shape.empty()) {
        out.numbers->quantiles = quantiles_.at({0.25, 0.5, 0.75});
        out.numbers->quantiles_exact = quantiles_.exact();
      }
    }
    if (field_.shape.empty()) {
      out.distinct = distinct_.count();
      out.distinct_exact = distinct_.exact();
      if (few_.size() <= few_numbers) summarize_few(out);
    }
    return out;
  }

 private:
  void add_number(double value) {
    least_ = std::min(least_, value);
    largest_ = std::max(largest_, value);
    mean_.add(value);
  }

  void add_tensors(const Column& column, std::int64_t rows) {
    const std::int64_t width = element_count(field_.shape);
    for (std::int64_t row = 0; row < rows; ++row) {
      bool whole = column.valid(row);
      for (std::int64_t e = row * width; column.valid(row) && e < (row + 1) * width; ++e) {
        const double value = number_at(field_.type, column.data, e);
        if (std::isnan(value)) {
          whole = false;
        } else {
          add_number(value);
        }
      }
      missing_ += whole ? 0 : 1;
    }
  }

  void add_texts(const Column& column, std::int64_t rows) {
    for (std::int64_t row = 0; row < rows; ++row) {
      if (!column.valid(row)) {
        ++missing_;
        continue;
      }
      const std::string_view text = column.text(row);
      const std::uint64_t hash = hash_of(text);
      distinct_.add(hash);
      texts_.add(text, hash);
    }
  }

  void add_categories(const Column& column, std::int64_t rows) {
    if (dictionary_ && column.dictionary != dictionary_ && !column.dictionary->continues(*dictionary_))
      flush();
    dictionary_ = column.dictionary;
    counts_.resize(std::max(counts_.size(), dictionary_->size()));
    for (std::int64_t row = 0; row < rows; ++row) {
      if (column.valid(row)) {
        ++counts_[static_cast<std::size_t>(column.as<std::int32_t>()[row])];
      } else {
        ++missing_;
      }
    }
  }

  // What was counted by the numbers of a dictionary.
  void flush() {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] == 0) continue;
      const std::string_view text = (*dictionary_)[i];
      const std::uint64_t hash = hash_of(text);
      distinct_.add(hash);
      texts_.add(text, hash, counts_[i]);
    }
    counts_.clear();
  }

  void summarize_texts(ColumnSummary& out) {
    flush();
    out.distinct = distinct_.count();
    out.distinct_exact = distinct_.exact();
    out.top_exact = texts_.exact();
    for (const FrequentTexts::Entry& entry : texts_.top(shown_top)) {
      // Of what may have occurred once nothing is said.
      if (out.top_exact || entry.count - entry.over > 1)
        out.top.push_back({entry.text, entry.count - entry.over});
    }
  }

  void summarize_few(ColumnSummary& out) const {
    std::vector<std::pair<double, std::int64_t>> values(few_.begin(), few_.end());
    std::stable_sort(values.begin(), values.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    if (values.size() > shown_top) values.resize(shown_top);
    for (const auto& [value, count] : values) {
      out.top.push_back(
          {field_.type == DType::boolean ? (value != 0 ? "true" : "false") : fmt::format("{}", value),
           count});
    }
  }

  Field field_;
  std::int64_t missing_ = 0;
  DistinctCount distinct_;
  Quantiles quantiles_;
  FrequentTexts texts_{frequent_texts};
  double least_ = std::numeric_limits<double>::infinity(),
         largest_ = -std::numeric_limits<double>::infinity();
  Mean mean_;
  std::map<double, std::int64_t> few_;  // until there are too many
  std::shared_ptr<const Dictionary> dictionary_;
  std::vector<std::int64_t> counts_;  // by its numbers
};

Description::Description(const Schema& schema) {
  const std::size_t columns = std::max<std::size_t>(schema.fields.size(), 1);
  exact_up_to_ = std::clamp(memory_bytes / columns / bytes_a_value, least_exact, most_exact);
  for (const Field& field : schema.fields) columns_.push_back(std::make_unique<Figures>(field, exact_up_to_));
}

Description::~Description() = default;

void Description::add(const Batch& batch) {
  rows_ += batch.rows;
  for (std::size_t i = 0; i < columns_.size(); ++i) columns_[i]->add(batch.columns[i], batch.rows);
}

TableSummary Description::summary() {
  TableSummary out;
  out.rows = rows_;
  out.exact_up_to = exact_up_to_;
  for (const auto& column : columns_) out.columns.push_back(column->summary());
  return out;
}

}  // namespace nn::table
