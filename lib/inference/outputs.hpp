// What models answer, as the tensors of protocols: bytes of an output, labels, best classes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/rows.hpp"

namespace nn::inference {

// The outputs of Signature::outputs(), by what they are.
enum class OutputKind : std::uint8_t { values, label };
OutputKind output_kind(const Signature& signature, std::size_t index);

// The label of a row: its class.
std::int64_t label_number(const Answers& answers, std::int64_t row);    // INT64
std::string_view label_text(const Answers& answers, std::int64_t row);  // BYTES

// A row of the values.
std::span<const float> row_of(const Answers& answers, std::int64_t row);

// Appends an output's elements of all rows, as they go over wires: little-endian, row-major; texts each with
// its length in 4 bytes before it.
void append_raw(std::string& out, const Answers& answers, std::size_t index);

// Appends a text as it goes over wires.
void append_text(std::string& out, std::string_view text);

// The best `count` of values, best first and the lower index first on ties; NaN is the least. Overwrites
// `best`, which keeps its memory, with their indices.
void best_of(std::span<const float> values, std::int64_t count, std::vector<std::uint32_t>& best);
// Appends "0.970000:0:setosa", as the classification extension has it; without a name it is "0.970000:0".
void append_classification(std::string& out, float score, std::uint32_t index, std::string_view name);

}  // namespace nn::inference
