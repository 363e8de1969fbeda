#include "inference/outputs.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "predict/argmax.hpp"

namespace nn::inference {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors go as they are in memory");

void append_length(std::string& out, std::size_t length) {
  const auto bytes = std::bit_cast<std::array<char, 4>>(static_cast<std::uint32_t>(length));
  out.append(bytes.data(), bytes.size());
}

std::size_t class_of(const Answers& answers, std::int64_t row) {
  if (!answers.labels.empty()) return static_cast<std::size_t>(answers.labels[static_cast<std::size_t>(row)]);
  const std::span<const float> values = row_of(answers, row);
  return static_cast<std::size_t>(
      predict::argmax_row(values.data(), static_cast<std::int64_t>(values.size())));
}

}  // namespace

OutputKind output_kind(const Signature& signature, std::size_t index) {
  return signature.kind().classes && index == 1 ? OutputKind::label : OutputKind::values;
}

std::int64_t label_number(const Answers& answers, std::int64_t row) {
  return answers.signature->class_numbers()[class_of(answers, row)];
}

std::string_view label_text(const Answers& answers, std::int64_t row) {
  return answers.signature->kind().names[class_of(answers, row)];
}

std::span<const float> row_of(const Answers& answers, std::int64_t row) {
  const auto width = static_cast<std::size_t>(answers.signature->kind().width());
  return answers.values.subspan(static_cast<std::size_t>(row) * width, width);
}

void append_raw(std::string& out, const Answers& answers, std::size_t index) {
  const Signature& signature = *answers.signature;
  if (output_kind(signature, index) == OutputKind::values) {
    out.append(reinterpret_cast<const char*>(answers.values.data()), answers.values.size_bytes());
    return;
  }
  for (std::int64_t row = 0; row < answers.rows; ++row) {
    if (signature.kind().integers) {
      const auto bytes = std::bit_cast<std::array<char, 8>>(label_number(answers, row));
      out.append(bytes.data(), bytes.size());
    } else {
      append_text(out, label_text(answers, row));
    }
  }
}

void append_text(std::string& out, std::string_view text) {
  append_length(out, text.size());
  out += text;
}

void best_of(std::span<const float> values, std::int64_t count, std::vector<std::uint32_t>& best) {
  best.resize(values.size());
  for (std::size_t i = 0; i < best.size(); ++i) best[i] = static_cast<std::uint32_t>(i);
  const auto better = [&](std::uint32_t a, std::uint32_t b) {
    const bool a_is_none = std::isnan(values[a]), b_is_none = std::isnan(values[b]);
    if (a_is_none || b_is_none) return a_is_none == b_is_none ? a < b : b_is_none;
    return values[a] > values[b] || (values[a] == values[b] && a < b);
  };
  const auto kept = std::clamp<std::int64_t>(count, 0, static_cast<std::int64_t>(best.size()));
  std::partial_sort(best.begin(), best.begin() + kept, best.end(), better);
  best.resize(static_cast<std::size_t>(kept));
}

void append_classification(std::string& out, float score, std::uint32_t index, std::string_view name) {
  std::array<char, 64> text;
  const int length = std::snprintf(text.data(), text.size(), "%f:%u", static_cast<double>(score),
                                   static_cast<unsigned>(index));
  out.append(text.data(), static_cast<std::size_t>(length));
  if (name.empty()) return;
  out += ':';
  out += name;
}

}  // namespace nn::inference
