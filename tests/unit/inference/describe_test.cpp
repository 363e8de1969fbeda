// What protocols tell of a server and its models.
#include "inference/describe.hpp"

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "inference/model.hpp"

namespace nn::inference {
namespace {

using Json = nlohmann::json;
using serving::VersionState;

serving::ModelEntry entry() {
  serving::ModelEntry model;
  model.versions[2] = {
      VersionState::end, nullptr,
      data_error("checksum mismatch in tensor 3").within_file("/srv/models/iris/2/model.nn")};
  model.versions[3] = {VersionState::available, nullptr, {}};
  model.versions[10] = {VersionState::loading, nullptr, {}};
  return model;
}

TEST_CASE("TensorFlow Serving's status and metadata") {
  std::string body;
  append_v1_status(body, "iris", entry());
  CHECK(
      body ==
      R"({"model_version_status":[{"version":"10","state":"LOADING","status":{"error_code":"OK","error_message":""}},)"
      R"({"version":"3","state":"AVAILABLE","status":{"error_code":"OK","error_message":""}},)"
      R"({"version":"2","state":"END","status":{"error_code":"INVALID_ARGUMENT","error_message":"checksum mismatch in tensor 3"}}],)"
      R"("name":"iris","ready":"True"})");
  // gRPC says the same of it.
  serving::ModelEntry unreadable;
  unreadable.versions[1] = {VersionState::end, nullptr, make_error(ErrorKind::io, "no such file")};
  body.clear();
  append_v1_status(body, "iris", unreadable);
  CHECK_THAT(body, Catch::Contains(R"("error_code":"INTERNAL")"));
  body.clear();
  append_v1_status(body, "iris", entry(), 2);
  CHECK(Json::parse(body).at("model_version_status").size() == 1);
  CHECK(Json::parse(body).at("ready") == "False");
  body.clear();
  append_v1_metadata(body, "iris", 3, test::signature_named("matrix"));
  CHECK(Json::parse(body) == Json::parse(R"({"model_spec":{"name":"iris","signature_name":"","version":"3"},
    "metadata":{"signature_def":{"signature_def":{
      "serving_default":{"inputs":{"x":{"dtype":"DT_FLOAT","tensor_shape":{"dim":[{"size":"-1","name":""},{"size":"4","name":""}],"unknown_rank":false},"name":"x:0"}},
        "outputs":{"proba":{"dtype":"DT_FLOAT","tensor_shape":{"dim":[{"size":"-1","name":""},{"size":"3","name":""}],"unknown_rank":false},"name":"proba:0"}},
        "method_name":"tensorflow/serving/predict","defaults":{}},
      "all":{"inputs":{"x":{"dtype":"DT_FLOAT","tensor_shape":{"dim":[{"size":"-1","name":""},{"size":"4","name":""}],"unknown_rank":false},"name":"x:0"}},
        "outputs":{"proba":{"dtype":"DT_FLOAT","tensor_shape":{"dim":[{"size":"-1","name":""},{"size":"3","name":""}],"unknown_rank":false},"name":"proba:0"},
                   "label":{"dtype":"DT_STRING","tensor_shape":{"dim":[{"size":"-1","name":""}],"unknown_rank":false},"name":"label:0"}},
        "method_name":"tensorflow/serving/predict","defaults":{}},
      "classify":{"inputs":{"x":{"dtype":"DT_FLOAT","tensor_shape":{"dim":[{"size":"-1","name":""},{"size":"4","name":""}],"unknown_rank":false},"name":"x:0"}},
        "outputs":{"classes":{"dtype":"DT_STRING","tensor_shape":{"dim":[{"size":"-1","name":""},{"size":"3","name":""}],"unknown_rank":false},"name":"classes:0"},
                   "scores":{"dtype":"DT_FLOAT","tensor_shape":{"dim":[{"size":"-1","name":""},{"size":"3","name":""}],"unknown_rank":false},"name":"scores:0"}},
        "method_name":"tensorflow/serving/classify","defaults":{}}}}}})"));
  body.clear();
  append_v1_metadata(body, "p", 1, test::signature_named("people"));
  const Json people = Json::parse(body).at("metadata").at("signature_def").at("signature_def");
  CHECK(people.at("serving_default").at("inputs").at("work").at("dtype") == "DT_STRING");
  CHECK(people.at("serving_default").at("inputs").at("age").at("dtype") == "DT_DOUBLE");
  CHECK(people.at("regress").at("outputs").contains("outputs"));
  body.clear();
  const std::string_view names[] = {"a", "b\""};
  append_v1_models(body, names);
  CHECK(body == R"({"models":["a","b\""]})");
  CHECK(v1_no_servable("iris2", 0) == "Servable not found for request: Latest(iris2)");
  CHECK(v1_no_servable("iris", 9) == "Servable not found for request: Specific(iris, 9)");
  CHECK(v1_no_version("iris2", 0) == "Could not find any versions of model iris2");
  CHECK(v1_no_version("iris", 9) == "Could not find version 9 of model iris");
  CHECK(v1_no_label("foo") == "Unrecognized servable version label: foo");
  CHECK(v1_malformed("POST", "/v1/foo") == "Malformed request: POST /v1/foo");
}

TEST_CASE("the Open Inference Protocol's metadata and configuration") {
  std::string body;
  append_v2_server(body, "1.4.0");
  CHECK(
      body ==
      R"({"name":"nn-serve","version":"1.4.0","extensions":["classification","model_repository",)"
      R"j("model_repository(unload_dependents)","model_configuration","binary_tensor_data","parameters","statistics"]})j");
  body.clear();
  const std::uint64_t versions[] = {2, 3};
  append_v2_metadata(body, {"iris", versions, {}, {}}, test::signature_named("matrix"));
  CHECK(
      body ==
      R"({"name":"iris","versions":["2","3"],"platform":"nn","inputs":[{"name":"x","datatype":"FP32","shape":[-1,4]}],)"
      R"("outputs":[{"name":"proba","datatype":"FP32","shape":[-1,3]},{"name":"label","datatype":"BYTES","shape":[-1]}]})");
  body.clear();
  const std::string_view labels[] = {"stable"};
  append_v2_metadata(body, {"m", versions, "xxh3:1", labels}, test::signature_named("people"));
  CHECK(
      body ==
      R"({"name":"m","versions":["2","3"],"platform":"nn","inputs":[{"name":"age","datatype":"FP64","shape":[-1]},)"
      R"({"name":"work","datatype":"BYTES","shape":[-1]}],"outputs":[{"name":"value","datatype":"FP32","shape":[-1]}],)"
      R"("parameters":{"digest":"xxh3:1","labels":["stable"]}})");
  body.clear();
  const std::string devices[] = {"cpu:0", "cuda:1"};
  append_v2_config(body,
                   {.name = "iris", .latest_versions = 2, .max_rows = 256, .devices = devices, .members = {}},
                   test::signature_named("matrix"));
  CHECK(Json::parse(body) ==
        Json::parse(
            R"({"name":"iris","platform":"nn","backend":"nn","version_policy":{"latest":{"num_versions":2}},
     "max_batch_size":256,"input":[{"name":"x","data_type":"TYPE_FP32","format":"FORMAT_NONE","dims":[4]}],
     "output":[{"name":"proba","data_type":"TYPE_FP32","dims":[3],"label_filename":""},{"name":"label","data_type":"TYPE_STRING","dims":[],"label_filename":""}],
     "instance_group":[{"name":"cpu:0","kind":"KIND_CPU","count":1,"gpus":[]},{"name":"cuda:1","kind":"KIND_GPU","count":1,"gpus":[1]}],
     "dynamic_batching":{"preferred_batch_size":[],"max_queue_delay_microseconds":0}})"));
  body.clear();
  const V2ConfigWords::Step steps[] = {{"a", 0}, {"b", 4}};
  append_v2_config(body, {.name = "e", .latest_versions = 0, .max_rows = 8, .devices = {}, .members = steps},
                   test::signature_named("matrix"));
  const Json ensemble = Json::parse(body);
  CHECK(ensemble.at("platform") == "ensemble");
  CHECK(ensemble.at("version_policy").contains("all"));
  CHECK(ensemble.at("ensemble_scheduling").at("step").at(0).at("model_version") == -1);
  CHECK(ensemble.at("ensemble_scheduling").at("step").at(1).at("model_version") == 4);
  body.clear();
  append_v2_model_ready(body, "m", true);
  append_v2_live(body, true);
  append_v2_ready(body, false);
  CHECK(body == R"({"name":"m","ready":true}{"live":true}{"live":true,"ready":false})");
  CHECK(v2_no_model("x", 0) == "Request for unknown model: 'x' is not found");
  CHECK(v2_no_model("m", 9) == "Request for unknown model: 'm' version 9 is not found");
}

TEST_CASE("statistics have all that perf_analyzer reads") {
  const BatchStatistics batches[] = {{8, {1, 2}, {3, 4}, {5, 6}}};
  ModelStatistics model;
  model.name = "m";
  model.version = 1;
  model.last_inference_ms = 1764343522000;
  model.inference_count = 123;
  model.execution_count = 17;
  model.success = {100, 5000000};
  model.batches = batches;
  std::string body;
  append_v2_statistics(body, std::span(&model, 1));
  CHECK(
      body ==
      R"({"model_stats":[{"name":"m","version":"1","last_inference":1764343522000,"inference_count":123,"execution_count":17,)"
      R"("inference_stats":{"success":{"count":100,"ns":5000000},"fail":{"count":0,"ns":0},"queue":{"count":0,"ns":0},)"
      R"("compute_input":{"count":0,"ns":0},"compute_infer":{"count":0,"ns":0},"compute_output":{"count":0,"ns":0},)"
      R"("cache_hit":{"count":0,"ns":0},"cache_miss":{"count":0,"ns":0}},"response_stats":{},"batch_stats":[{"batch_size":8,)"
      R"("compute_input":{"count":1,"ns":2},"compute_infer":{"count":3,"ns":4},"compute_output":{"count":5,"ns":6}}],"memory_usage":[]}]})");
}

TEST_CASE("the repository's index, and loads that bring no files") {
  serving::Catalog catalog;
  serving::ModelEntry never;
  never.reason = data_error("no versions");
  catalog.models = serving::SnapshotMap<serving::ModelEntry>({{"iris", entry()}, {"never", never}});
  std::string body;
  append_v2_index(body, index_of(catalog, false));
  CHECK(
      body ==
      R"([{"name":"iris","version":"2","state":"UNAVAILABLE","reason":"checksum mismatch in tensor 3"},)"
      R"({"name":"iris","version":"3","state":"READY","reason":""},{"name":"iris","version":"10","state":"LOADING","reason":""},)"
      R"({"name":"never","reason":"no versions"}])");
  body.clear();
  append_v2_index(body, index_of(catalog, true));
  CHECK(body == R"([{"name":"iris","version":"3","state":"READY","reason":""}])");
  CHECK(!parse_v2_index(""));
  CHECK(!parse_v2_index("{}"));
  CHECK(parse_v2_index(R"({"ready":true})"));
  CHECK(!parse_v2_index(R"({"ready":false,"x":1})"));
  for (const char* wrong : {"[]", "{", "7", R"({"ready":1})"}) CHECK_THROWS_AS(parse_v2_index(wrong), Error);
  CHECK_THROWS_AS(parse_v2_index(std::string(5000, '[')), Error);
  CHECK_NOTHROW(check_v2_load(""));
  CHECK_NOTHROW(check_v2_load(R"({"parameters":{"unload_dependents":true}})"));
  for (const char* wrong : {R"({"parameters":{"config":"{}"}})", R"({"parameters":{"file:1/model":"AA=="}})",
                            R"({"parameters":7})", R"({"parameters":{"unload_dependents":7}})", "x"}) {
    CHECK_THROWS_AS(check_v2_load(wrong), Error);
  }
}

}  // namespace
}  // namespace nn::inference
