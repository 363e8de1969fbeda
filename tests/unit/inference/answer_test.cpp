// What is answered, in the words of both REST protocols.
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "inference/failure.hpp"
#include "inference/model.hpp"
#include "inference/outputs.hpp"
#include "inference/rest_error.hpp"
#include "inference/v1.hpp"
#include "inference/v2.hpp"

namespace nn::inference {
namespace {

using Json = nlohmann::json;

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

std::string text_of(float value, bool strict = false) {
  std::string out;
  append_json_float(out, value, strict);
  return out;
}

struct Model {
  explicit Model(std::string_view name, std::vector<float> its_values)
      : signature(test::signature_named(name)), values(std::move(its_values)) {
    answers = {&signature, static_cast<std::int64_t>(values.size()) / signature.kind().width(), values};
  }
  std::string v1(V1Request request, bool strict = false) const {
    std::string body;
    append_v1_answer(body, request, answers, strict);
    return body;
  }

  Signature signature;
  std::vector<float> values;
  Answers answers;
};

using Name = V1Request::Signature;

TEST_CASE("floats are written by the fewest digits, and are seen to be floats") {
  CHECK(text_of(0) == "0.0");
  CHECK(text_of(-0.0f) == "-0.0");
  CHECK(text_of(3) == "3.0");
  CHECK(text_of(0.1f) == "0.1");
  CHECK(text_of(1e6f) == "1e+06");
  CHECK(text_of(9e6f) == "9e+06");
  CHECK(text_of(6e-7f) == "6e-07");
  CHECK(text_of(16777216) == "16777216.0");
  CHECK(text_of(1234.5f) == "1234.5");
  CHECK(text_of(std::numeric_limits<float>::max()) == "3.4028235e+38");
  CHECK(text_of(std::numeric_limits<float>::denorm_min()) == "1e-45");
  CHECK(text_of(not_a_number) == "NaN");
  CHECK(text_of(infinity) == "Infinity");
  CHECK(text_of(-infinity) == "-Infinity");
  CHECK(text_of(not_a_number, true) == "null");
  CHECK(text_of(-infinity, true) == "null");
  std::uint32_t bits = 1;
  for (int i = 0; i < 20000; ++i) {
    bits = bits * 1664525u + 1013904223u;
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    const std::string text = text_of(value);
    CHECK(std::strtof(text.c_str(), nullptr) == value);
    CHECK(Json::parse(text).is_number_float());
  }
}

TEST_CASE("TensorFlow Serving's answers") {
  const Model classes("matrix", {0.25f, 0.5f, 0.25f, 1, 0, 0});
  CHECK(classes.v1({}) == R"({"predictions":[[0.25,0.5,0.25],[1.0,0.0,0.0]]})");
  CHECK(classes.v1({.by_column = true}) == R"({"outputs":[[0.25,0.5,0.25],[1.0,0.0,0.0]]})");
  CHECK(classes.v1({.signature = Name::all}) ==
        R"({"predictions":[{"label":"b","proba":[0.25,0.5,0.25]},{"label":"a","proba":[1.0,0.0,0.0]}]})");
  CHECK(classes.v1({.by_column = true, .signature = Name::all}) ==
        R"({"outputs":{"label":["b","a"],"proba":[[0.25,0.5,0.25],[1.0,0.0,0.0]]}})");
  CHECK(classes.v1({.signature = Name::classify}) ==
        R"({"predictions":[{"classes":["b","a","c"],"scores":[0.5,0.25,0.25]},)"
        R"({"classes":["a","b","c"],"scores":[1.0,0.0,0.0]}]})");
  CHECK(classes.v1({.by_column = true, .signature = Name::classify}) ==
        R"({"outputs":{"classes":[["b","a","c"],["a","b","c"]],"scores":[[0.5,0.25,0.25],[1.0,0.0,0.0]]}})");
  CHECK(classes.v1({.verb = V1Verb::classify}) ==
        R"({"results":[[["b",0.5],["a",0.25],["c",0.25]],[["a",1.0],["b",0.0],["c",0.0]]]})");
  const Model digits("digits", {0.25f, 0.25f, 0.5f});
  CHECK(digits.v1({.signature = Name::all}) == R"({"predictions":[{"label":7,"proba":[0.25,0.25,0.5]}]})");
  CHECK(digits.v1({.by_column = true, .signature = Name::all}) ==
        R"({"outputs":{"label":[7],"proba":[[0.25,0.25,0.5]]}})");
  CHECK(digits.v1({.verb = V1Verb::classify}) == R"({"results":[[["7",0.5],["0",0.25],["1",0.25]]]})");
  const Model numbers("people", {3.5f, -2});
  CHECK(numbers.v1({}) == R"({"predictions":[3.5,-2.0]})");
  CHECK(numbers.v1({.by_column = true}) == R"({"outputs":[3.5,-2.0]})");
  CHECK(numbers.v1({.signature = Name::all}) == R"({"predictions":[3.5,-2.0]})");
  CHECK(numbers.v1({.verb = V1Verb::regress}) == R"({"results":[3.5,-2.0]})");
  const Model vector("mixed", {1, 2, not_a_number, infinity});
  CHECK(vector.v1({}) == R"({"predictions":[[1.0,2.0],[NaN,Infinity]]})");
  CHECK(vector.v1({}, true) == R"({"predictions":[[1.0,2.0],[null,null]]})");
}

struct V2Answer {
  std::string body;
  std::optional<std::size_t> header;
};

V2Answer v2(const Model& model, std::vector<WantedOutput> outputs, std::string id = {}, bool strict = false,
            std::span<const std::pair<std::string_view, std::string_view>> parameters = {}) {
  V2Request request;
  request.id = std::move(id);
  request.outputs = std::move(outputs);
  V2Answer answer;
  answer.header = append_v2_answer(answer.body, request, {"m", 3, parameters}, model.answers, strict);
  return answer;
}

TEST_CASE("the Open Inference Protocol's answers") {
  const Model classes("matrix", {0.25f, 0.5f, 0.25f, 1, 0, 0});
  V2Answer answer = v2(classes, {{.index = 0}, {.index = 1}}, "q\"7");
  CHECK(!answer.header);
  CHECK(
      answer.body ==
      R"({"id":"q\"7","model_name":"m","model_version":"3","outputs":[{"name":"proba","datatype":"FP32","shape":[2,3],)"
      R"("data":[0.25,0.5,0.25,1.0,0.0,0.0]},{"name":"label","datatype":"BYTES","shape":[2],"data":["b","a"]}]})");
  const std::pair<std::string_view, std::string_view> parameters[] = {{"label", "canary"},
                                                                      {"members", "a,b"}};
  CHECK(v2(classes, {{.index = 1}}, {}, false, parameters).body ==
        R"({"model_name":"m","model_version":"3","parameters":{"label":"canary","members":"a,b"},)"
        R"("outputs":[{"name":"label","datatype":"BYTES","shape":[2],"data":["b","a"]}]})");
  CHECK(
      v2(classes, {{.index = 0, .classes = 2}}).body ==
      R"({"model_name":"m","model_version":"3","outputs":[{"name":"proba","datatype":"BYTES","shape":[2,2],)"
      R"("data":["0.500000:1:b","0.250000:0:a","1.000000:0:a","0.000000:1:b"]}]})");
  const Model digits("digits", {0.25f, 0.25f, 0.5f});
  CHECK(
      v2(digits, {{.index = 1}}).body ==
      R"({"model_name":"m","model_version":"3","outputs":[{"name":"label","datatype":"INT64","shape":[1],"data":[7]}]})");
  const Model vector("mixed", {1, not_a_number});
  CHECK(
      v2(vector, {{.index = 0}}).body ==
      R"({"model_name":"m","model_version":"3","outputs":[{"name":"value","datatype":"FP32","shape":[1,2],"data":[1.0,NaN]}]})");
  CHECK(
      v2(vector, {{.index = 0}}, {}, true).body ==
      R"({"model_name":"m","model_version":"3","outputs":[{"name":"value","datatype":"FP32","shape":[1,2],"data":[1.0,null]}]})");
  CHECK(
      v2(vector, {{.index = 0, .classes = 1}}).body ==
      R"({"model_name":"m","model_version":"3","outputs":[{"name":"value","datatype":"BYTES","shape":[1,1],"data":["1.000000:0"]}]})");
}

std::string raw_text(std::string_view text) {
  std::string out;
  append_text(out, text);
  return out;
}

TEST_CASE("tensors of answers as bytes, behind the JSON that says their lengths") {
  const Model classes("matrix", {0.25f, 0.5f, 0.25f, 1, 0, 0});
  const std::string values(reinterpret_cast<const char*>(classes.values.data()), 24);
  V2Answer answer = v2(classes, {{.index = 0, .binary = true}});
  std::string json =
      R"({"model_name":"m","model_version":"3","outputs":[{"name":"proba","datatype":"FP32","shape":[2,3],)"
      R"("parameters":{"binary_data_size":24}}]})";
  CHECK(answer.header == json.size());
  CHECK(answer.body == json + values);
  answer = v2(classes, {{.index = 1, .binary = true}, {.index = 0}});
  json = R"({"model_name":"m","model_version":"3","outputs":[{"name":"label","datatype":"BYTES","shape":[2],)"
         R"("parameters":{"binary_data_size":10}},{"name":"proba","datatype":"FP32","shape":[2,3],)"
         R"("data":[0.25,0.5,0.25,1.0,0.0,0.0]}]})";
  CHECK(answer.header == json.size());
  CHECK(answer.body == json + raw_text("b") + raw_text("a"));
  answer = v2(classes, {{.index = 0, .binary = true, .classes = 1}});
  json =
      R"({"model_name":"m","model_version":"3","outputs":[{"name":"proba","datatype":"BYTES","shape":[2,1],)"
      R"("parameters":{"binary_data_size":32}}]})";
  CHECK(answer.header == json.size());
  CHECK(answer.body == json + raw_text("0.500000:1:b") + raw_text("1.000000:0:a"));
  const Model digits("digits", {0.25f, 0.25f, 0.5f});
  answer = v2(digits, {{.index = 1, .binary = true}});
  REQUIRE(answer.header);
  std::int64_t label = 0;
  REQUIRE(answer.body.size() == *answer.header + sizeof label);
  std::memcpy(&label, answer.body.data() + *answer.header, sizeof label);
  CHECK(label == 7);
}

TEST_CASE("the best classes come first, the lower index on ties, and NaN last") {
  std::vector<std::uint32_t> best;
  const auto of = [&](std::vector<float> values, std::int64_t count) {
    best_of(values, count, best);
    return best;
  };
  using Best = std::vector<std::uint32_t>;
  CHECK(of({0.1f, 0.7f, 0.2f}, 3) == Best{1, 2, 0});
  CHECK(of({0.5f, 0.5f, 0.5f}, 2) == Best{0, 1});
  CHECK(of({not_a_number, 0.5f, not_a_number, -1}, 4) == Best{1, 3, 0, 2});
  CHECK(of({1, 2}, 9) == Best{1, 0});
  CHECK(of({-infinity, infinity}, 1) == Best{1});
}

TEST_CASE("errors are JSON whatever the text") {
  const auto body_of = [](std::string_view message) {
    std::string body;
    append_error(body, message);
    return body;
  };
  CHECK(body_of("no") == R"({"error":"no"})");
  CHECK(body_of("a\"b\\c\n\x01\xff\xc3\xa9") == "{\"error\":\"a\\\"b\\\\c\\n\\u0001\xEF\xBF\xBD\xc3\xa9\"}");
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  CHECK(Json::parse(body_of(all)).at("error").is_string());
  std::string local;
  append_error(local, data_error("wrong").within("row 3").within_file("/etc/secret"));
  CHECK(local == R"({"error":"row 3: wrong"})");
}

TEST_CASE("a failure has a status of HTTP and one of gRPC, and errors are failures by their kind") {
  const std::pair<ErrorKind, Failure> kinds[] = {{ErrorKind::usage, Failure::invalid},
                                                 {ErrorKind::data, Failure::invalid},
                                                 {ErrorKind::unavailable, Failure::unavailable},
                                                 {ErrorKind::unsupported, Failure::unsupported},
                                                 {ErrorKind::io, Failure::internal},
                                                 {ErrorKind::device, Failure::internal},
                                                 {ErrorKind::internal, Failure::internal}};
  for (const auto& [kind, failure] : kinds) CHECK(failure_of(make_error(kind, "x")) == failure);

  const std::tuple<Failure, int, std::string_view, std::string_view> statuses[] = {
      {Failure::invalid, 400, "INVALID_ARGUMENT", "3"},
      {Failure::unauthenticated, 401, "UNAUTHENTICATED", "16"},
      {Failure::forbidden, 403, "PERMISSION_DENIED", "7"},
      {Failure::not_found, 404, "NOT_FOUND", "5"},
      {Failure::method_not_allowed, 405, "UNIMPLEMENTED", "12"},
      {Failure::conflict, 409, "ABORTED", "10"},
      {Failure::too_large, 413, "RESOURCE_EXHAUSTED", "8"},
      {Failure::unsupported_media, 415, "UNIMPLEMENTED", "12"},
      {Failure::exhausted, 429, "RESOURCE_EXHAUSTED", "8"},
      {Failure::cancelled, 499, "CANCELLED", "1"},
      {Failure::internal, 500, "INTERNAL", "13"},
      {Failure::unsupported, 501, "UNIMPLEMENTED", "12"},
      {Failure::unavailable, 503, "UNAVAILABLE", "14"},
      {Failure::late, 504, "DEADLINE_EXCEEDED", "4"}};
  for (const auto& [failure, http, name, digits] : statuses) {
    CHECK(http_status_of(failure) == http);
    CHECK(name_of(status_code_of(failure)) == name);
    CHECK(digits_of(status_code_of(failure)) == digits);
  }
}

}  // namespace
}  // namespace nn::inference
