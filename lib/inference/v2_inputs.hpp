// The inputs of a request of version 2, in JSON or as binary data behind it, as rows. For this module's
// sources only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "inference/elements.hpp"
#include "inference/json.hpp"
#include "inference/rows.hpp"
#include "inference/signature.hpp"

namespace nn::inference {

// Of one request: either read() and finish(), or read_raw(). Data errors.
class V2Inputs {
 public:
  // What is kept from one request to the next.
  struct Memory {
    std::vector<std::int64_t> shape;
    std::vector<bool> seen;  // inputs of the signature
  };

  // The first `json_bytes` of the body are JSON, which `json` has open. The rows take `most_bytes` at most.
  V2Inputs(Memory& memory, JsonBody& json, std::string_view body, std::size_t json_bytes,
           const Signature& signature, Rows& rows, std::uint64_t most_bytes)
      : memory_(memory),
        json_(json),
        body_(body),
        signature_(signature),
        rows_(rows),
        most_bytes_(most_bytes),
        binary_at_(json_bytes) {}

  // The list of inputs.
  void read(json::value& value);
  // None is missing, and nothing is behind them: finishes the rows.
  void finish();
  // All of the body is the model's only input.
  void read_raw();

 private:
  struct Input;
  void read_input(json::object object, const Place& place);
  void read_shape(json::value& value, const Place& place);
  void read_parameters(json::value& value, Input& input, const Place& place);
  CheckedInput begin_input(const Input& input, bool binary);
  void read_data(json::value& value, const Input& input, const Place& place);
  void read_binary(const Input& input);
  void read_elements(json::value& value, DataType type, const CheckedInput& input, const Place& place);
  template <typename Take>
  void flatten(json::value& value, int depth, Take&& take, const Place& place);

  Memory& memory_;
  JsonBody& json_;
  std::string_view body_;
  const Signature& signature_;
  Rows& rows_;
  const std::uint64_t most_bytes_;
  std::size_t binary_at_;  // the next binary tensor
  std::int64_t inputs_ = 0;
  Signature::Form form_ = Signature::Form::columns;
  std::int64_t row_count_ = 0;
  std::string_view first_name_;
};

}  // namespace nn::inference
