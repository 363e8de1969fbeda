// ModelInfer and ModelStreamInfer of gRPC's inference.GRPCInferenceService (triton-inference-server/common:
// protobuf/grpc_service.proto; kserve/open-inference-protocol: open_inference_grpc.proto).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/proto_output.hpp"
#include "inference/proto_tensor.hpp"
#include "inference/rows.hpp"
#include "inference/v2.hpp"

namespace nn::inference {

// A ModelInferRequest. Keeps its memory from one to the next, so that nothing is allocated when they are
// alike. One thread.
//
// Order of calls: read(), then whose model it is can be asked; fill() with that model's signature; then the
// message is needed no more, and append_infer_answer() may follow.
class InferRequest {
 public:
  // Data errors where it is no such message, or says what can't be, of whatever model.
  void read(std::string_view message);

  // Views of the message.
  std::string_view model() const { return model_; }
  std::string_view version() const { return version_; }  // as it came; empty: none was said

  // What is kept when the message is gone.
  const std::string& id() const { return id_; }
  std::optional<std::chrono::microseconds> timeout() const { return timeout_; }
  std::uint64_t priority() const { return priority_; }  // as it came; 0: it didn't

  // Puts the inputs into `rows`, finished, and resolves the outputs. Data errors say what was expected.
  void fill(const Signature& signature, const proto::RowLimits& limits, Rows& rows);
  // Those that are wanted, in the order of the answer.
  std::span<const WantedOutput> outputs() const { return outputs_; }

 private:
  struct Input {
    std::string_view name, type, tensor;  // the tensor is all of the message, where its contents are found
    proto::TensorShape shape;
    bool has_contents = false;
    std::size_t column = 0;
  };
  struct Requested {
    std::string_view name;
    std::int64_t classes = 0;  // 0: the tensor itself
  };

  void read_parameter(std::string_view entry);
  void read_input(std::string_view tensor);
  void read_output(std::string_view output);
  void check_sources() const;
  void resolve_outputs(const Signature& signature);
  bool is_matrix(const Signature& signature) const;
  void resolve_inputs(const Signature& signature, const std::vector<TensorSpec>& specs);
  DType tensor_type(const std::vector<TensorSpec>& specs) const;
  DataType check_type(const Input& input, const TensorSpec& spec, const Signature& signature) const;
  void fill_input(std::size_t index, DataType type, std::size_t count, Rows& rows) const;

  friend void append_infer_answer(std::string&, InferRequest&, const V2Answerer&, const Answers&);
  friend void append_stream_answer(std::string&, InferRequest&, const V2Answerer&, const Answers&);
  void prepare(const Answers& answers);
  template <typename Out>
  void write(Out& out, const V2Answerer& answerer) const;

  std::string_view model_, version_;
  std::string id_;
  std::optional<std::chrono::microseconds> timeout_;
  std::uint64_t priority_ = 0;
  std::vector<Input> inputs_;
  std::vector<std::string_view> raw_;
  std::vector<Requested> requested_;
  std::vector<std::uint8_t> seen_;  // columns, outputs
  bool answer_raw_ = false;
  std::vector<WantedOutput> outputs_;
  std::vector<proto::ReadyOutput> ready_;
};

// Appends a ModelInferResponse to the request that was filled last: raw where that was, or where its outputs
// have no other form.
void append_infer_answer(std::string& message, InferRequest& request, const V2Answerer& answerer,
                         const Answers& answers);
// The same in a ModelStreamInferResponse.
void append_stream_answer(std::string& message, InferRequest& request, const V2Answerer& answerer,
                          const Answers& answers);
// A ModelStreamInferResponse that says why there is no answer to the request of that id, which may be empty.
void append_stream_error(std::string& message, std::string_view id, std::string_view error);

}  // namespace nn::inference
