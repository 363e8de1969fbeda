// TensorFlow Serving's REST protocol, version 1 (tensorflow/serving: g3doc/api_rest.md, util/json_tensor.cc),
// and KServe's version 1, which is the part of it that has rows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "inference/rows.hpp"

namespace nn::inference {

// The word behind the colon: M:predict.
enum class V1Verb : std::uint8_t { predict, classify, regress };

// What a request wants of its answer.
struct V1Request {
  V1Verb verb = V1Verb::predict;
  bool by_column = false;  // "inputs", which "outputs" answers; else "instances" and "predictions"
  // serving_default: one output, proba or value; all: proba and label, or value; classify: classes and
  // scores, best first; regress: outputs.
  enum class Signature : std::uint8_t { serving_default, all, classify, regress };
  Signature signature = Signature::serving_default;
};

// Reads requests. Keeps its memory from one to the next. One thread.
class V1Reader {
 public:
  // A request's rows, of which two bytes may become a number of eight, take `most_bytes` at most.
  explicit V1Reader(std::uint64_t most_bytes = 256u << 20);
  ~V1Reader();
  V1Reader(V1Reader&&) noexcept;
  V1Reader& operator=(V1Reader&&) noexcept;

  // `body`: behind its end 64 bytes may be read. Afterwards `rows` has the rows, finished, which are views of
  // its own memory and none of the body's, and `request` the rest. Data errors say where in the document:
  // "instances[1]: expected 4 numbers, got 3".
  void read(std::string_view body, V1Verb verb, const Signature& signature, Rows& rows, V1Request& request);

 private:
  struct State;
  std::uint64_t most_bytes_;
  std::unique_ptr<State> state_;
};

// Appends the answer. `strict`: null in place of NaN and Infinity, which are not JSON.
void append_v1_answer(std::string& body, const V1Request& request, const Answers& answers, bool strict);

}  // namespace nn::inference
