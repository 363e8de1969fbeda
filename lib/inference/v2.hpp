// The Open Inference Protocol, version 2, over HTTP (kserve/open-inference-protocol; triton-inference-server:
// extension_binary_data.md, extension_classification.md, extension_parameters.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inference/rows.hpp"

namespace nn::inference {

// An output that is wanted.
struct WantedOutput {
  std::size_t index = 0;  // of Signature::outputs()
  bool binary = false;
  // So many of the best classes, as texts "score:index:label", in place of the tensor; 0: the tensor.
  std::int64_t classes = 0;
};

// What a request wants of its answer. Its memory is kept from one request to the next.
struct V2Request {
  std::string id;  // empty: none
  std::optional<std::chrono::microseconds> timeout;
  std::uint64_t priority = 0;         // as it came; 0: it didn't
  std::vector<WantedOutput> outputs;  // in the order of the answer
};

// Reads requests. Keeps its memory from one to the next. One thread.
class V2Reader {
 public:
  // A request's rows, of which a byte may become a number of eight, take `most_bytes` at most.
  explicit V2Reader(std::uint64_t most_bytes = 256u << 20);
  ~V2Reader();
  V2Reader(V2Reader&&) noexcept;
  V2Reader& operator=(V2Reader&&) noexcept;

  // `body`: behind its end 64 bytes may be read, and it may be changed. `header_length`: the value of the
  // field inference-header-content-length, as it came; without it all of the body is JSON, and 0 says that
  // all of it is the model's only input as raw bytes. Afterwards `rows` has the rows, finished, which are
  // views of its own memory and none of the body's. Data errors.
  void read(std::string_view body, std::optional<std::string_view> header_length, const Signature& signature,
            Rows& rows, V2Request& request);

 private:
  struct State;
  std::uint64_t most_bytes_;
  std::unique_ptr<State> state_;
};

// Who answers. Parameters are pairs of texts, such as label and canary.
struct V2Answerer {
  std::string_view model;
  std::uint64_t version = 0;
  std::span<const std::pair<std::string_view, std::string_view>> parameters;
};

// Appends the answer to an empty body. The length of its JSON where tensors follow it, which goes into the
// field inference-header-content-length, with application/octet-stream as the type; nothing where all of it
// is JSON.
std::optional<std::size_t> append_v2_answer(std::string& body, const V2Request& request,
                                            const V2Answerer& answerer, const Answers& answers, bool strict);

}  // namespace nn::inference
