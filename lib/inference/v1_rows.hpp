// Rows of a table in the forms that TensorFlow Serving's JSON has for them. For this module's sources only.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference/json.hpp"
#include "inference/json_rows.hpp"
#include "inference/rows.hpp"
#include "inference/signature.hpp"

namespace nn::inference {

// Of one request. Data errors.
class V1Rows {
 public:
  // What the first row is, and so must all be.
  enum class Form : std::uint8_t {
    matrix,        // [1,2,3]
    named_matrix,  // {"x":[1,2,3]}
    columns,       // {"age":41,"work":"a"}
    column         // 41, of a model with one column
  };
  // What is kept from one request to the next.
  struct Memory {
    Base64 base64;
    std::vector<std::int64_t> seen;  // of each column, the last row that had it; -1: none
    Rows context;                    // what all examples have in common, as one row
    std::vector<std::size_t> context_columns;
  };

  // `examples`: keys that nobody knows are passed over, and what a row lacks may be in the context. The rows
  // take `most_bytes` at most.
  V1Rows(Memory& memory, JsonBody& json, const Signature& signature, Rows& rows, bool examples,
         std::uint64_t most_bytes);

  // Calls form_of(), begin() and read() for a list's elements.
  Form form_of(json::value& value, const Place& place) const;
  void begin(Form form);
  void read(json::value& value, Form form, std::int64_t row, const Place& place);

  // A row of the matrix, or of a column.
  void read_matrix(json::value& value, std::int64_t row, const Place& place);
  void read_column(json::value& value, std::size_t column, std::int64_t row, const Place& place);
  // The object that says what all examples have in common; before any row.
  void read_context(json::value& value);

  // Does this key name the matrix, and not a column of that name? `nested`: its value is nested as deep as
  // the matrix is there, and a column isn't.
  bool names_matrix(std::string_view key, bool nested) const;
  // Clients write columns in the model's order, mostly: the one that is expected is looked at first.
  std::optional<std::size_t> column_named(std::string_view name, std::size_t expected) const;
  // The row has this column now. False where it had it before.
  bool note(std::size_t column, std::int64_t row);
  // Names the first column that this row hasn't: of one without any the matrix, where the model is described
  // so.
  [[noreturn]] void fail_missing(std::int64_t row, fmt::format_string<std::string> text) const;

  bool one_scalar() const;
  std::string columns_wanted() const;  // "an object of age, work", for messages

 private:
  void read_named_matrix(json::object object, std::int64_t row, const Place& place);
  void read_columns(json::object object, std::int64_t row, const Place& place);
  void read_element(json::value& value, std::size_t column, std::int64_t row, const Place& place, Rows& rows);
  std::size_t add_context(std::int64_t row);
  const std::string& matrix_name() const { return signature_.inputs()[0].name; }

  Memory& memory_;
  JsonBody& json_;
  JsonRows elements_;
  const Signature& signature_;
  Rows& rows_;
  bool examples_;
  std::uint64_t most_bytes_;
  JsonBody::NumberRule matrix_rule_;
};

}  // namespace nn::inference
