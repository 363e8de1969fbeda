// The files of read_schema(), those that others depend on first. Names and numbers are the published ones.
#pragma once

#include <array>
#include <string_view>

namespace nn::inference {

inline constexpr std::array<std::string_view, 7> schema_words{
    R"(file google/protobuf/wrappers.proto google.protobuf
message Int64Value
  int64 value 1
)",
    R"(file google/protobuf/any.proto google.protobuf
message Any
  string type_url 1
  bytes value 2
)",
    R"(file grpc/health/v1/health.proto grpc.health.v1
message HealthCheckRequest
  string service 1
message HealthCheckResponse
  enum ServingStatus UNKNOWN=0 SERVING=1 NOT_SERVING=2 SERVICE_UNKNOWN=3
  ServingStatus status 1
service Health
  rpc Check HealthCheckRequest HealthCheckResponse
  rpc Watch HealthCheckRequest stream HealthCheckResponse
)",
    R"(file model_config.proto inference
enum DataType TYPE_INVALID=0 TYPE_BOOL=1 TYPE_UINT8=2 TYPE_UINT16=3 TYPE_UINT32=4 TYPE_UINT64=5 TYPE_INT8=6 TYPE_INT16=7 TYPE_INT32=8 TYPE_INT64=9 TYPE_FP16=10 TYPE_FP32=11 TYPE_FP64=12 TYPE_STRING=13 TYPE_BF16=14
message ModelInstanceGroup
  enum Kind KIND_AUTO=0 KIND_GPU=1 KIND_CPU=2 KIND_MODEL=3
  string name 1
  int32 count 2
  repeated int32 gpus 3
  Kind kind 4
message ModelInput
  string name 1
  DataType data_type 2
  repeated int64 dims 4
message ModelOutput
  string name 1
  DataType data_type 2
  repeated int64 dims 3
  string label_filename 4
message ModelVersionPolicy
  oneof policy_choice ModelVersionPolicy.Latest latest 1
  oneof policy_choice ModelVersionPolicy.All all 2
  oneof policy_choice ModelVersionPolicy.Specific specific 3
message ModelVersionPolicy.Latest
  uint32 num_versions 1
message ModelVersionPolicy.All
message ModelVersionPolicy.Specific
  repeated int64 versions 1
message ModelDynamicBatching
  repeated int32 preferred_batch_size 1
  uint64 max_queue_delay_microseconds 2
message ModelEnsembling
  repeated ModelEnsembling.Step step 1
message ModelEnsembling.Step
  string model_name 1
  int64 model_version 2
  map string string input_map 3
  map string string output_map 4
message ModelConfig
  string name 1
  string platform 2
  ModelVersionPolicy version_policy 3
  int32 max_batch_size 4
  repeated ModelInput input 5
  repeated ModelOutput output 6
  repeated ModelInstanceGroup instance_group 7
  oneof scheduling_choice ModelDynamicBatching dynamic_batching 11
  oneof scheduling_choice ModelEnsembling ensemble_scheduling 15
  string backend 17
)",
    R"(file grpc_service.proto inference
depends model_config.proto
message ServerLiveRequest
message ServerLiveResponse
  bool live 1
message ServerReadyRequest
message ServerReadyResponse
  bool ready 1
message ModelReadyRequest
  string name 1
  string version 2
message ModelReadyResponse
  bool ready 1
message ServerMetadataRequest
message ServerMetadataResponse
  string name 1
  string version 2
  repeated string extensions 3
message ModelMetadataRequest
  string name 1
  string version 2
message ModelMetadataResponse
  string name 1
  repeated string versions 2
  string platform 3
  repeated ModelMetadataResponse.TensorMetadata inputs 4
  repeated ModelMetadataResponse.TensorMetadata outputs 5
  map string string properties 6
message ModelMetadataResponse.TensorMetadata
  string name 1
  string datatype 2
  repeated int64 shape 3
message InferParameter
  oneof parameter_choice bool bool_param 1
  oneof parameter_choice int64 int64_param 2
  oneof parameter_choice string string_param 3
  oneof parameter_choice double double_param 4
  oneof parameter_choice uint64 uint64_param 5
message InferTensorContents
  repeated bool bool_contents 1
  repeated int32 int_contents 2
  repeated int64 int64_contents 3
  repeated uint32 uint_contents 4
  repeated uint64 uint64_contents 5
  repeated float fp32_contents 6
  repeated double fp64_contents 7
  repeated bytes bytes_contents 8
message ModelInferRequest
  string model_name 1
  string model_version 2
  string id 3
  map string InferParameter parameters 4
  repeated ModelInferRequest.InferInputTensor inputs 5
  repeated ModelInferRequest.InferRequestedOutputTensor outputs 6
  repeated bytes raw_input_contents 7
message ModelInferRequest.InferInputTensor
  string name 1
  string datatype 2
  repeated int64 shape 3
  map string InferParameter parameters 4
  InferTensorContents contents 5
message ModelInferRequest.InferRequestedOutputTensor
  string name 1
  map string InferParameter parameters 2
message ModelInferResponse
  string model_name 1
  string model_version 2
  string id 3
  map string InferParameter parameters 4
  repeated ModelInferResponse.InferOutputTensor outputs 5
  repeated bytes raw_output_contents 6
message ModelInferResponse.InferOutputTensor
  string name 1
  string datatype 2
  repeated int64 shape 3
  map string InferParameter parameters 4
  InferTensorContents contents 5
message ModelStreamInferResponse
  string error_message 1
  ModelInferResponse infer_response 2
message ModelConfigRequest
  string name 1
  string version 2
message ModelConfigResponse
  ModelConfig config 1
message ModelStatisticsRequest
  string name 1
  string version 2
message StatisticDuration
  uint64 count 1
  uint64 ns 2
message InferStatistics
  StatisticDuration success 1
  StatisticDuration fail 2
  StatisticDuration queue 3
  StatisticDuration compute_input 4
  StatisticDuration compute_infer 5
  StatisticDuration compute_output 6
  StatisticDuration cache_hit 7
  StatisticDuration cache_miss 8
message InferBatchStatistics
  uint64 batch_size 1
  StatisticDuration compute_input 2
  StatisticDuration compute_infer 3
  StatisticDuration compute_output 4
message ModelStatistics
  string name 1
  string version 2
  uint64 last_inference 3
  uint64 inference_count 4
  uint64 execution_count 5
  InferStatistics inference_stats 6
  repeated InferBatchStatistics batch_stats 7
message ModelStatisticsResponse
  repeated ModelStatistics model_stats 1
message ModelRepositoryParameter
  oneof parameter_choice bool bool_param 1
  oneof parameter_choice int64 int64_param 2
  oneof parameter_choice string string_param 3
  oneof parameter_choice bytes bytes_param 4
message RepositoryIndexRequest
  string repository_name 1
  bool ready 2
message RepositoryIndexResponse
  repeated RepositoryIndexResponse.ModelIndex models 1
message RepositoryIndexResponse.ModelIndex
  string name 1
  string version 2
  string state 3
  string reason 4
message RepositoryModelLoadRequest
  string repository_name 1
  string model_name 2
  map string ModelRepositoryParameter parameters 3
message RepositoryModelLoadResponse
message RepositoryModelUnloadRequest
  string repository_name 1
  string model_name 2
  map string ModelRepositoryParameter parameters 3
message RepositoryModelUnloadResponse
service GRPCInferenceService
  rpc ServerLive ServerLiveRequest ServerLiveResponse
  rpc ServerReady ServerReadyRequest ServerReadyResponse
  rpc ModelReady ModelReadyRequest ModelReadyResponse
  rpc ServerMetadata ServerMetadataRequest ServerMetadataResponse
  rpc ModelMetadata ModelMetadataRequest ModelMetadataResponse
  rpc ModelInfer ModelInferRequest ModelInferResponse
  rpc ModelStreamInfer stream ModelInferRequest stream ModelStreamInferResponse
  rpc ModelConfig ModelConfigRequest ModelConfigResponse
  rpc ModelStatistics ModelStatisticsRequest ModelStatisticsResponse
  rpc RepositoryIndex RepositoryIndexRequest RepositoryIndexResponse
  rpc RepositoryModelLoad RepositoryModelLoadRequest RepositoryModelLoadResponse
  rpc RepositoryModelUnload RepositoryModelUnloadRequest RepositoryModelUnloadResponse
)",
    R"(file tensorflow.proto tensorflow
enum DataType DT_INVALID=0 DT_FLOAT=1 DT_DOUBLE=2 DT_INT32=3 DT_UINT8=4 DT_INT16=5 DT_INT8=6 DT_STRING=7 DT_INT64=9 DT_BOOL=10 DT_BFLOAT16=14 DT_UINT16=17 DT_HALF=19 DT_UINT32=22 DT_UINT64=23
message TensorShapeProto
  repeated TensorShapeProto.Dim dim 2
  bool unknown_rank 3
message TensorShapeProto.Dim
  int64 size 1
  string name 2
message TensorProto
  DataType dtype 1
  TensorShapeProto tensor_shape 2
  int32 version_number 3
  bytes tensor_content 4
  repeated float float_val 5
  repeated double double_val 6
  repeated int32 int_val 7
  repeated bytes string_val 8
  repeated int64 int64_val 10
  repeated bool bool_val 11
  repeated int32 half_val 13
  repeated uint32 uint32_val 16
  repeated uint64 uint64_val 17
message TensorInfo
  string name 1
  DataType dtype 2
  TensorShapeProto tensor_shape 3
message SignatureDef
  map string TensorInfo inputs 1
  map string TensorInfo outputs 2
  string method_name 3
message BytesList
  repeated bytes value 1
message FloatList
  repeated float value 1
message Int64List
  repeated int64 value 1
message Feature
  oneof kind BytesList bytes_list 1
  oneof kind FloatList float_list 2
  oneof kind Int64List int64_list 3
message Features
  map string Feature feature 1
message Example
  Features features 1
)",
    R"(file tensorflow_serving.proto tensorflow.serving
depends google/protobuf/wrappers.proto
depends google/protobuf/any.proto
depends tensorflow.proto
message ModelSpec
  string name 1
  oneof version_choice .google.protobuf.Int64Value version 2
  oneof version_choice string version_label 4
  string signature_name 3
message PredictRequest
  ModelSpec model_spec 1
  map string .tensorflow.TensorProto inputs 2
  repeated string output_filter 3
message PredictResponse
  map string .tensorflow.TensorProto outputs 1
  ModelSpec model_spec 2
message ExampleList
  repeated .tensorflow.Example examples 1
message ExampleListWithContext
  repeated .tensorflow.Example examples 1
  .tensorflow.Example context 2
message Input
  oneof kind ExampleList example_list 1
  oneof kind ExampleListWithContext example_list_with_context 2
message Class
  string label 1
  float score 2
message Classifications
  repeated Class classes 1
message ClassificationResult
  repeated Classifications classifications 1
message ClassificationRequest
  ModelSpec model_spec 1
  Input input 2
message ClassificationResponse
  ClassificationResult result 1
  ModelSpec model_spec 2
message Regression
  float value 1
message RegressionResult
  repeated Regression regressions 1
message RegressionRequest
  ModelSpec model_spec 1
  Input input 2
message RegressionResponse
  RegressionResult result 1
  ModelSpec model_spec 2
message SignatureDefMap
  map string .tensorflow.SignatureDef signature_def 1
message GetModelMetadataRequest
  ModelSpec model_spec 1
  repeated string metadata_field 2
message GetModelMetadataResponse
  ModelSpec model_spec 1
  map string .google.protobuf.Any metadata 2
message GetModelStatusRequest
  ModelSpec model_spec 1
message StatusProto
  enum Code OK=0 CANCELLED=1 UNKNOWN=2 INVALID_ARGUMENT=3 DEADLINE_EXCEEDED=4 NOT_FOUND=5 ALREADY_EXISTS=6 PERMISSION_DENIED=7 RESOURCE_EXHAUSTED=8 FAILED_PRECONDITION=9 ABORTED=10 OUT_OF_RANGE=11 UNIMPLEMENTED=12 INTERNAL=13 UNAVAILABLE=14 DATA_LOSS=15 UNAUTHENTICATED=16
  Code error_code 1
  string error_message 2
message ModelVersionStatus
  enum State UNKNOWN=0 START=10 LOADING=20 AVAILABLE=30 UNLOADING=40 END=50
  int64 version 1
  State state 2
  StatusProto status 3
message GetModelStatusResponse
  repeated ModelVersionStatus model_version_status 1
service PredictionService
  rpc Predict PredictRequest PredictResponse
  rpc Classify ClassificationRequest ClassificationResponse
  rpc Regress RegressionRequest RegressionResponse
  rpc GetModelMetadata GetModelMetadataRequest GetModelMetadataResponse
service ModelService
  rpc GetModelStatus GetModelStatusRequest GetModelStatusResponse
)"};

}  // namespace nn::inference
