// Messages of TensorFlow Serving's gRPC services, tensorflow.serving.PredictionService and ModelService
// (tensorflow/serving:
// apis/{model,predict,input,classification,regression,get_model_metadata,get_model_status}.proto;
// tensorflow/core: framework/{tensor,tensor_shape,types}.proto, example/{example,feature}.proto).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/proto_output.hpp"
#include "inference/proto_tensor.hpp"
#include "inference/rows.hpp"
#include "serving/catalog.hpp"

namespace nn::inference {

// Whose model a request is for: views of the message.
struct ModelSpec {
  std::string_view name;
  std::uint64_t version = 0;   // 0: none was said
  std::string_view label;      // empty: none was said; never with a version
  std::string_view signature;  // as it came
};

// A PredictRequest. Keeps its memory from one to the next. One thread. The message must outlive the answer.
//
// Order of calls: read(), fill() with the signature of the model that spec() names, append_predict_answer().
class PredictRequest {
 public:
  // Data errors where it is no such message.
  void read(std::string_view message);
  const ModelSpec& spec() const { return spec_; }
  // Puts the inputs into `rows`, finished, and resolves the outputs: those of the filter, or of the
  // signature: serving_default has one, proba or value; all has all. Data errors say what was expected.
  void fill(const Signature& signature, const proto::RowLimits& limits, Rows& rows);
  std::span<const WantedOutput> outputs() const { return outputs_; }

 private:
  struct Input {
    std::string_view name, tensor;
  };
  // What a TensorProto says before its elements.
  struct Tensor {
    std::uint64_t type = 0;
    proto::TensorShape shape;
    std::string_view content;
    bool unknown_rank = false;
  };
  static Tensor read_tensor(std::string_view message);
  void resolve_outputs(const Signature& signature);
  Signature::Form form_of_inputs(const Signature& signature) const;
  void resolve_inputs(const Signature& signature, Signature::Form form, const std::vector<TensorSpec>& specs);
  DType tensor_type(const std::vector<TensorSpec>& specs) const;
  void fill_column(const Signature& signature, const TensorSpec& spec, std::size_t column,
                   proto::BatchCheck& batch, Rows& rows) const;
  friend void append_predict_answer(std::string&, PredictRequest&, std::uint64_t, const Answers&);

  ModelSpec spec_;
  std::vector<Input> inputs_;
  std::vector<std::string_view> filter_;
  struct Column {
    std::string_view message;  // its TensorProto
    bool there = false;
  };
  std::vector<Column> columns_;
  std::vector<WantedOutput> outputs_;
  std::vector<proto::ReadyOutput> ready_;
};

// Appends a PredictResponse of that version of the request's model, with tensor_content.
void append_predict_answer(std::string& message, PredictRequest& request, std::uint64_t version,
                           const Answers& answers);

// A ClassificationRequest or a RegressionRequest, which are alike. As PredictRequest.
class ExamplesRequest {
 public:
  enum class Verb : std::uint8_t { classify, regress };
  void read(std::string_view message, Verb verb);
  const ModelSpec& spec() const { return spec_; }
  // Data errors also where the model can't answer that. An example has a feature for each column, or one for
  // all numbers in their order, x; a feature without a value is a missing one.
  void fill(const Signature& signature, const proto::RowLimits& limits, Rows& rows);

 private:
  void read_input(std::string_view message);
  void check_verb(const Signature& signature) const;
  void check_limits(const std::vector<TensorSpec>& specs, const proto::RowLimits& limits) const;
  bool has_matrix(const Signature& signature) const;
  void find_features(const Signature& signature, bool matrix, std::string_view example, std::size_t number);
  void fill_feature(const TensorSpec& spec, std::size_t column, std::size_t row,
                    const proto::RowLimits& limits, Rows& rows);
  void fill_text(std::string_view feature, std::size_t column, std::size_t row,
                 const proto::RowLimits& limits, const proto::Place& place, Rows& rows);
  friend void append_examples_answer(std::string&, ExamplesRequest&, std::uint64_t, const Answers&);

  struct Feature {
    std::string_view message;  // its Feature
    std::size_t number = 0;    // of the example that it is of, from 1 on; 0: of the context, or none yet
    std::string_view of_context;
    bool in_context = false;
  };
  ModelSpec spec_;
  Verb verb_ = Verb::classify;
  std::vector<std::string_view> examples_;
  std::string_view context_;
  std::vector<Feature> features_;  // of the columns
  std::uint64_t text_bytes_ = 0;
  std::vector<std::uint32_t> best_;
};

// Appends a ClassificationResponse, with all classes, best first, or a RegressionResponse.
void append_examples_answer(std::string& message, ExamplesRequest& request, std::uint64_t version,
                            const Answers& answers);

// GetModelStatusRequest, and GetModelMetadataRequest, which must ask for signature_def (data error).
ModelSpec read_status_query(std::string_view message);
ModelSpec read_metadata_query(std::string_view message);
// GetModelStatusResponse: all versions, newest first, or only one.
void append_model_status(std::string& message, const serving::ModelEntry& model,
                         std::uint64_t only_version = 0);
// GetModelMetadataResponse.
void append_signatures(std::string& message, std::string_view name, std::uint64_t version,
                       const Signature& signature);

}  // namespace nn::inference
