// The Open Inference Protocol over HTTP: requests and answers.
#include "inference/v2.hpp"

#include "catch.hpp"
#include "inference/model.hpp"

namespace nn::inference {
namespace {

using namespace std::chrono_literals;
using test::Body;

struct Case {
  const char* model;
  const char* body;
  const char* expected;  // the table, or the error
};

struct Read {
  std::string table;  // or the error
  V2Request request;
};

Read read(std::string_view model, std::string_view text, std::optional<std::string_view> header,
          V2Reader& reader) {
  const Signature signature = test::signature_named(model);
  Rows rows;
  Read read;
  const Body body(text);
  try {
    reader.read(body.text(), header, signature, rows, read.request);
    read.table = test::table_text(rows);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    read.table = error.public_statement();
  }
  return read;
}
Read read(std::string_view model, std::string_view text,
          std::optional<std::string_view> header = std::nullopt) {
  V2Reader reader;
  return read(model, text, header, reader);
}

template <typename... T>
std::string raw(T... values) {
  std::string out;
  (out.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
  return out;
}
std::string raw_text(std::string_view text) {
  return raw(static_cast<std::uint32_t>(text.size())) + std::string(text);
}
// The header's length as the field has it.
Read read_binary(std::string_view model, const std::string& header, const std::string& tensors) {
  return read(model, header + tensors, std::to_string(header.size()));
}

// clang-format off
const Case good[] = {
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[[1,2.5,3,4]]}]})", "x=[1 2.5 3 4]"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[2,4],"datatype":"FP32","data":[1,2,3,4,5,6,7,8]}]})", "x=[1 2 3 4|5 6 7 8]"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[2,4],"datatype":"FP32","data":[[[1,2],3],[4,[5,[6]]],7,[],8]}]})", "x=[1 2 3 4|5 6 7 8]"},
    {"matrix", R"({"inputs":[{"data":[1,2,3,4],"datatype":"FP32","shape":[1,4],"name":"x"}]})", "x=[1 2 3 4]"},
    {"matrix", R"({"inputs":[{"shape":[1,4],"data":[1,2,3,4],"name":"x","datatype":"FP32"}]})", "x=[1 2 3 4]"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[NaN,Infinity,-Infinity,Inf]}]})", "x=[nan inf -inf inf]"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[null,1e3,-0,1E-2]}]})", "x=[nan 1000 -0 0.01]"},
    {"matrix", R"({"id":"q7","model_name":"zz","foo":{"a":[1]},"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}],"outputs":[{"name":"proba"}]})", "x=[1 2 3 4]"},
    {"matrix", R"({"id":"","inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"a":1},"data":[1,2,3,4]}],"outputs":[]})", "x=[1 2 3 4]"},
    {"matrix", R"({"parameters":{"sequence_id":1,"headers":"a","x":1.5,"y":true},"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]})", "x=[1 2 3 4]"},
    {"matrix", R"({"outputs":[{"name":"label"},{"name":"proba","parameters":{"classification":2}}],"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]})", "x=[1 2 3 4]"},
    {"matrix", R"({"inp\u0075ts":[{"n\u0061me":"\u0078","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]})", "x=[1 2 3 4]"},
    {"matrix", R"({"inputs":[{"name":"c0","shape":[2],"datatype":"FP64","data":[1,2]},{"name":"c1","shape":[2,1],"datatype":"INT64","data":[[3],[4]]},{"name":"c2","shape":[2],"datatype":"UINT8","data":[255,0]},{"name":"c3","shape":[2],"datatype":"BOOL","data":[true,false]}]})", "c0=[1|2] c1=[3|4] c2=[255|0] c3=[1|0]"},
    {"matrix", R"({"inputs":[{"name":"c3","shape":[1],"datatype":"INT8","data":[-128]},{"name":"c1","shape":[1],"datatype":"INT16","data":[32767]},{"name":"c2","shape":[1],"datatype":"UINT16","data":[65535]},{"name":"c0","shape":[1],"datatype":"FP32","data":[0.1]}]})", "c0=[0.1] c1=[32767] c2=[65535] c3=[-128]"},
    {"people", R"({"inputs":[{"name":"age","shape":[2],"datatype":"FP64","data":[41,null]},{"name":"work","shape":[2],"datatype":"BYTES","data":["Private","a\"\u00e9"]}]})", "age=[41|nan] work=[Private|a\"\xc3\xa9]"},
    {"people", R"({"inputs":[{"name":"work","shape":[2,1],"datatype":"BYTES","data":[[null],[""]]},{"name":"age","shape":[2,1],"datatype":"INT32","data":[[7],[-8]]}]})", "age=[7|-8] work=[-|]"},
    {"people", R"({"inputs":[{"name":"age","shape":[1],"datatype":"UINT64","data":[18446744073709551615]},{"name":"work","shape":[1],"datatype":"BYTES","data":["a"]}]})", "age=[1.8446744073709552e+19] work=[a]"},
    {"people", R"({"inputs":[{"name":"age","shape":[1],"datatype":"INT64","data":[-9223372036854775808]},{"name":"work","shape":[1],"datatype":"BYTES","data":["a"]}]})", "age=[-9.223372036854776e+18] work=[a]"},
    {"people", R"({"inputs":[{"name":"age","shape":[1],"datatype":"UINT32","data":[4294967295]},{"data":["a"],"name":"work","shape":[1],"datatype":"BYTES"}]})", "age=[4294967295] work=[a]"},
    {"word", R"({"inputs":[{"name":"word","shape":[3],"datatype":"BYTES","data":["a","b","c"]}]})", "word=[a|b|c]"},
    {"single", R"({"inputs":[{"name":"x","shape":[2,1],"datatype":"FP32","data":[1,2]}]})", "x=[1|2]"},
    {"single", R"({"inputs":[{"name":"a","shape":[2],"datatype":"FP32","data":[1,2]}]})", "a=[1|2]"},
    {"image", R"({"inputs":[{"name":"image","shape":[1,2,3],"datatype":"FP32","data":[1,2,3,4,5,6]}]})", "image=[1 2 3 4 5 6]"},
    {"image", R"({"inputs":[{"name":"image","shape":[1,2,3],"datatype":"UINT8","data":[1,2,3,4,5,255]}]})", "image=[1 2 3 4 5 255]"},
    {"mixed", R"({"inputs":[{"name":"t","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]},{"name":"w","shape":[2],"datatype":"BYTES","data":["a","b"]},{"name":"n","shape":[2],"datatype":"FP64","data":[5,6]}]})", "t=[1 2|3 4] w=[a|b] n=[5|6]"},
    {"named_x", R"({"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]}]})", "x=[1 2|3 4]"},
    {"named_x", R"({"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]},{"name":"y2","shape":[2],"datatype":"FP32","data":[3,4]}]})", "x=[1|2] y2=[3|4]"},
};

#define X R"({"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]})"
const Case wrong[] = {
    {"matrix", "", "the body is empty, but JSON is expected"},
    {"matrix", "[]", "the body is no JSON object"},
    {"matrix", "{}", "'inputs' is missing"},
    {"matrix", R"({"inputs":)", "the body is not JSON: its lists and objects do not end where it does"},
    {"matrix", R"({"inputs":})", "the body is not JSON: unexpected text at offset 10"},
    {"matrix", R"({"inputs":7})", "inputs: expected a list, got 7"},
    {"matrix", R"({"inputs":[]})", "expected 1 inputs but got 0: 'x' is missing"},
    {"people", R"({"inputs":[]})", "expected 2 inputs but got 0: 'age' is missing"},
    {"matrix", R"({"inputs":[7]})", "inputs[0]: expected an object, got 7"},
    {"matrix", R"({"inputs":[{}]})", "inputs[0]: 'name' is missing"},
    {"matrix", R"({"inputs":[{"name":"x"}]})", "inputs[0]: 'datatype' is missing"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32"}]})", "inputs[0]: 'shape' is missing"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,4]}]})", "inputs[0]: input 'x' must have either 'data' or 'binary_data_size' in 'parameters'"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,4],"data":[1,2,3,4],"parameters":{"binary_data_size":16}}]})", "inputs[0]: input 'x' must have either 'data' or 'binary_data_size' in 'parameters'"},
    {"matrix", R"({"inputs":[{"name":7,"datatype":"FP32","shape":[1,4],"data":[1,2,3,4]}]})", "inputs[0].name: expected a string, got 7"},
    {"matrix", R"({"inputs":[{"name":"x","name":"x","datatype":"FP32","shape":[1,4],"data":[1,2,3,4]}]})", "inputs[0]: 'name' is there twice"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,4],"data":[1,2,3,4],"data":[1,2,3,4]}]})", "inputs[0]: 'data' is there twice"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FLOAT","shape":[1,4],"data":[1,2,3,4]}]})", "inputs[0]: invalid datatype 'FLOAT'"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP64","shape":[1,4],"data":[1,2,3,4]}]})", "inference input 'x' data-type is 'FP64', but the model expects 'FP32'"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"UINT8","shape":[1,4],"data":[1,2,3,4]}]})", "inference input 'x' data-type is 'UINT8', but the model expects 'FP32'"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":4,"data":[1,2,3,4]}]})", "inputs[0].shape: expected a list, got 4"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[-1,4],"data":[1,2,3,4]}]})", "inputs[0].shape: expected a dimension from 0 on, got -1"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1.0,4],"data":[1,2,3,4]}]})", "inputs[0].shape: expected a dimension from 0 on, got 1.0"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":["1",4],"data":[1,2,3,4]}]})", "inputs[0].shape: expected a dimension from 0 on, got \"1\""},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[],"data":[1,2,3,4]}]})", "unexpected shape for input 'x'. Expected [-1,4], got []"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[4],"data":[1,2,3,4]}]})", "unexpected shape for input 'x'. Expected [-1,4], got [4]"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,5],"data":[1,2,3,4,5]}]})", "unexpected shape for input 'x'. Expected [-1,4], got [1,5]"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2,2],"data":[1,2,3,4]}]})", "unexpected shape for input 'x'. Expected [-1,4], got [1,2,2]"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[0,4],"data":[]}]})", "input 'x' has no rows: its shape is [0,4]"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data":[1]}]})", "inputs[0].shape: more than 16 dimensions"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[9223372036854775807,4],"data":[1]}]})", "input 'x' is too large: its shape is [9223372036854775807,4]"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[18446744073709551615,4],"data":[1]}]})", "inputs[0].shape: expected a dimension from 0 on, got 18446744073709551615"},
    {"matrix", R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1000000000000,4],"data":[1]}]})", "inputs[0].data: the shape of 'x' says 4000000000000 elements, but there are fewer"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3]}]})", "inputs[0].data: the shape of 'x' says 4 elements, but there are 3"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4,5,6]}]})", "inputs[0].data: the shape of 'x' says 4 elements, but there are 6"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[]}]})", "inputs[0].data: the shape of 'x' says 4 elements, but there are 0"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":"AAAA"}]})", "inputs[0].data: expected a list, got \"AAAA\""},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":["1","2","3","4"]}]})", "inputs[0].data[0]: expected a number, got \"1\""},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,true,4]}]})", "inputs[0].data[2]: expected a number, got true"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,{},4]}]})", "inputs[0].data[2]: expected a number, got an object"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,1e400,4]}]})", "inputs[0].data[2]: expected a number, got 1e400"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4,]}]})", "the body is not JSON: unexpected text at offset 71"},
    {"matrix", R"({"inputs":[{"name":"z","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]})", "unexpected inference input 'z': the model takes x"},
    {"matrix", R"({"inputs":[)" X "," X R"(]})", "input 'x' is there twice"},
    {"matrix", R"({"inputs":[)" X R"(,{"name":"c0","shape":[1],"datatype":"FP64","data":[1]}]})", "unexpected inference input 'c0' beside 'x'"},
    {"matrix", R"({"inputs":[{"name":"c0","shape":[1],"datatype":"FP64","data":[1]},)" X R"(]})", "unexpected inference input 'x': the model takes x"},
    {"matrix", R"({"inputs":[)" X R"(],"inputs":[)" X R"(]})", "the request: 'inputs' is there twice"},
    {"matrix", R"({"inputs":[{"name":"c0","shape":[1],"datatype":"FP64","data":[1]}]})", "expected 4 inputs but got 1: 'c1' is missing"},
    {"matrix", R"({"id":7,"inputs":[)" X R"(]})", "id: expected a string, got 7"},
    {"matrix", R"({"id":"a","id":"b","inputs":[)" X R"(]})", "the request: 'id' is there twice"},
    {"matrix", R"({"parameters":7,"inputs":[)" X R"(]})", "parameters: expected an object, got 7"},
    {"matrix", R"({"parameters":{"timeout":-1},"inputs":[)" X R"(]})", "parameters.timeout: expected a whole number from 0 on, got -1"},
    {"matrix", R"({"parameters":{"timeout":"1"},"inputs":[)" X R"(]})", "parameters.timeout: expected a whole number from 0 on, got \"1\""},
    {"matrix", R"({"parameters":{"priority":1.5},"inputs":[)" X R"(]})", "parameters.priority: expected a whole number from 0 on, got 1.5"},
    {"matrix", R"({"parameters":{"binary_data_output":1},"inputs":[)" X R"(]})", "parameters.binary_data_output: expected true or false, got 1"},
    {"matrix", R"({"parameters":{"triton_x":1},"inputs":[)" X R"(]})", "parameter keys starting with 'triton_' are reserved"},
    {"matrix", R"({"parameters":{"a":[1]},"inputs":[)" X R"(]})", "parameters.a: expected a text, a number or a boolean, got a list"},
    {"matrix", R"({"inputs":[)" X R"(],"outputs":7})", "outputs: expected a list, got 7"},
    {"matrix", R"({"inputs":[)" X R"(],"outputs":[7]})", "outputs[0]: expected an object, got 7"},
    {"matrix", R"({"inputs":[)" X R"(],"outputs":[{}]})", "outputs[0]: 'name' is missing"},
    {"matrix", R"({"inputs":[)" X R"(],"outputs":[{"name":"nope"}]})", "unexpected inference output 'nope': the model has proba, label"},
    {"people", R"({"inputs":[],"outputs":[{"name":"proba"}]})", "unexpected inference output 'proba': the model has value"},
    {"matrix", R"({"inputs":[)" X R"(],"outputs":[{"name":"proba"},{"name":"proba"}]})", "output 'proba' is there twice"},
    {"matrix", R"({"inputs":[)" X R"(],"outputs":[{"name":"proba","parameters":{"classification":0}}]})", "outputs[0].classification: expected 1 or more classes, got 0"},
    {"matrix", R"({"inputs":[)" X R"(],"outputs":[{"name":"label","parameters":{"classification":1}}]})", "classification is of numbers, but 'label' is a label"},
    {"matrix", R"({"inputs":[)" X R"(],"outputs":[{"name":"proba","parameters":{"binary_data":"yes"}}]})", "outputs[0].binary_data: expected true or false, got \"yes\""},
    {"matrix", R"({"inputs":[)" X R"(],"outputs":[{"name":"proba","parameters":{"shared_memory_region":"r"}}]})", "outputs[0]: shared memory is not supported"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":16}}]})", "inputs[0]: shared memory is not supported"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}]})", "unexpected size for input 'x', expecting 16 additional bytes"},
    {"matrix", R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":-1}}]})", "inputs[0].binary_data_size: expected a whole number from 0 on, got -1"},
    {"matrix", R"({"inputs":[{"name":"c0","shape":[1],"datatype":"FP16","data":[1]}]})", "inputs[0].data: elements of FP16 come as binary data only"},
    {"matrix", R"({"inputs":[{"name":"c0","shape":[1],"datatype":"BF16","data":[1]}]})", "inputs[0].data: elements of BF16 come as binary data only"},
    {"matrix", R"({"inputs":[{"name":"c0","shape":[1],"datatype":"INT32","data":[1.0]}]})", "inputs[0].data[0]: expected INT32, got 1.0"},
    {"matrix", R"({"inputs":[{"name":"c0","shape":[1],"datatype":"INT8","data":[128]}]})", "inputs[0].data[0]: expected INT8, got 128"},
    {"matrix", R"({"inputs":[{"name":"c0","shape":[1],"datatype":"UINT8","data":[-1]}]})", "inputs[0].data[0]: expected UINT8, got -1"},
    {"matrix", R"({"inputs":[{"name":"c0","shape":[1],"datatype":"UINT64","data":[18446744073709551616]}]})", "inputs[0].data[0]: expected UINT64, got 18446744073709551616"},
    {"matrix", R"({"inputs":[{"name":"c0","shape":[1],"datatype":"BOOL","data":[1]}]})", "inputs[0].data[0]: expected true or false, got 1"},
    {"matrix", R"({"inputs":[{"name":"c0","shape":[1],"datatype":"BYTES","data":["a"]}]})", "inference input 'c0' data-type is 'BYTES', but the model expects 'FP64'"},
    {"matrix", R"({"inputs":[{"name":"c0","shape":[1],"datatype":"FP64","data":[1]},{"name":"c0","shape":[1],"datatype":"FP64","data":[1]}]})", "input 'c0' is there twice"},
    {"people", R"({"inputs":[{"name":"work","shape":[1],"datatype":"FP32","data":[1]}]})", "inference input 'work' data-type is 'FP32', but the model expects 'BYTES'"},
    {"people", R"({"inputs":[{"name":"work","shape":[1],"datatype":"BYTES","data":[1]}]})", "inputs[0].data[0]: expected a text, got 1"},
    {"people", R"({"inputs":[{"name":"work","shape":[2],"datatype":"BYTES","data":["a","b"]},{"name":"age","shape":[1],"datatype":"FP64","data":[1]}]})", "input 'age' has 1 rows, but 'work' has 2"},
    {"image", R"({"inputs":[{"name":"image","shape":[1,6],"datatype":"FP32","data":[1,2,3,4,5,6]}]})", "unexpected shape for input 'image'. Expected [-1,2,3], got [1,6]"},
    {"image", R"({"inputs":[{"name":"image","shape":[1,2,3],"datatype":"FP32","data":[1,2,3,4,5,null]}]})", "inputs[0].data[5]: expected a number, got null"},
};
// clang-format on

TEST_CASE("inputs of the Open Inference Protocol become tables") {
  for (const Case& its : good) {
    INFO(its.model << ": " << its.body);
    CHECK(read(its.model, its.body).table == its.expected);
  }
}

TEST_CASE("broken requests of the Open Inference Protocol are refused, with the place") {
  for (const Case& its : wrong) {
    INFO(its.model << ": " << its.body);
    const std::string error = read(its.model, its.body).table;
    CHECK(error == its.expected);
    CHECK(error.size() < 200);
  }
  const std::string deep(200, '[');
  const std::string body = R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":)" + deep + "1" +
                           std::string(200, ']') + "}]}";
  CHECK_THAT(read("matrix", body).table, Catch::Matchers::Contains("more than 100 deep"));
  CHECK_THAT(read("matrix", R"({"a":)" + deep + std::string(200, ']') + "}").table,
             Catch::Matchers::Contains("more than 100 deep"));
}

TEST_CASE("a reader of the Open Inference Protocol remembers nothing of the requests before") {
  std::vector<Case> all(std::begin(good), std::end(good));
  all.insert(all.end(), std::begin(wrong), std::end(wrong));
  std::vector<std::string> alone;
  for (const Case& its : all) alone.push_back(read(its.model, its.body).table);
  for (const Case& before : all) {
    INFO("after " << before.model << ": " << before.body);
    for (std::size_t i = 0; i < all.size(); ++i) {
      V2Reader reader;
      read(before.model, before.body, std::nullopt, reader);
      const std::string after = read(all[i].model, all[i].body, std::nullopt, reader).table;
      if (after != alone[i]) CHECK(all[i].body + after == all[i].body + alone[i]);
    }
  }
}

TEST_CASE("a request says what it wants of its answer") {
  const std::string x = R"("inputs":[)" X "]";
  V2Request request = read("matrix", "{" + x + "}").request;
  CHECK(request.id.empty());
  CHECK(!request.timeout);
  CHECK(request.priority == 0);
  REQUIRE(request.outputs.size() == 2);
  CHECK((request.outputs[0].index == 0 && request.outputs[1].index == 1));
  CHECK((!request.outputs[0].binary && !request.outputs[1].binary));
  request =
      read("matrix",
           R"({"id":"a\"b","parameters":{"timeout":20000,"priority":3,"binary_data_output":true},)" + x + "}")
          .request;
  CHECK(request.id == "a\"b");
  CHECK(request.timeout == 20000us);
  CHECK(request.priority == 3);
  REQUIRE(request.outputs.size() == 2);
  CHECK((request.outputs[0].binary && request.outputs[1].binary));
  // What all outputs are is not said of those that are named.
  request = read("matrix",
                 R"({"parameters":{"binary_data_output":true},"outputs":[{"name":"label"},{"name":"proba",)"
                 R"("parameters":{"binary_data":true,"classification":99}}],)" +
                     x + "}")
                .request;
  REQUIRE(request.outputs.size() == 2);
  CHECK((request.outputs[0].index == 1 && !request.outputs[0].binary && request.outputs[0].classes == 0));
  CHECK((request.outputs[1].index == 0 && request.outputs[1].binary && request.outputs[1].classes == 3));
  CHECK(!read("matrix", R"({"parameters":{"timeout":0},)" + x + "}").request.timeout);
  CHECK(read("matrix", R"({"parameters":{"timeout":18446744073709551615},)" + x + "}").request.timeout > 1h);
}

std::string binary_input(std::string_view name, std::string_view shape, std::string_view type,
                         std::size_t size) {
  return fmt::format(R"({{"name":"{}","shape":{},"datatype":"{}","parameters":{{"binary_data_size":{}}}}})",
                     name, shape, type, size);
}

TEST_CASE("tensors come as bytes behind the JSON") {
  const auto request = [](const std::string& inputs) { return R"({"inputs":[)" + inputs + "]}"; };
  const std::string four = raw(1.5f, 2.0f, -3.0f, 4.0f);
  const std::string x = request(binary_input("x", "[1,4]", "FP32", 16));
  CHECK(read_binary("matrix", x, four).table == "x=[1.5 2 -3 4]");
  CHECK(read_binary("matrix", request(binary_input("x", "[2,4]", "FP32", 32)), four + four).table ==
        "x=[1.5 2 -3 4|1.5 2 -3 4]");
  CHECK(read("matrix", R"({"inputs":[)" X "]}", std::to_string(sizeof(R"({"inputs":[)" X "]}") - 1)).table ==
        "x=[1 2 3 4]");
  CHECK(read("matrix", x + four, " 94 ").table == "x=[1.5 2 -3 4]");
  CHECK(
      read_binary("image", request(binary_input("image", "[1,2,3]", "UINT8", 6)), "\x01\x02\x03\x04\x05\xff")
          .table == "image=[1 2 3 4 5 255]");
  CHECK(read_binary("image", request(binary_input("image", "[1,2,3]", "FP32", 24)),
                    raw(1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f))
            .table == "image=[1 2 3 4 5 6]");
  // Some as bytes, some not.
  const std::string age = R"({"name":"age","shape":[2],"datatype":"FP64","data":[1,2]})";
  const std::string work = binary_input("work", "[2]", "BYTES", 9);
  CHECK(read_binary("people", request(age + "," + work), raw_text("a") + raw_text("")).table ==
        "age=[1|2] work=[a|]");
  CHECK(read_binary("people", request(work + "," + age), raw_text("") + raw_text("b")).table ==
        "age=[1|2] work=[|b]");
  CHECK(
      read_binary("mixed",
                  request(binary_input("n", "[1]", "INT16", 2) + "," + binary_input("t", "[1,2]", "FP32", 8) +
                          "," + binary_input("w", "[1,1]", "BYTES", 5)),
                  raw(std::int16_t{-7}) + raw(1.0f, 2.0f) + raw_text("z"))
          .table == "t=[1 2] w=[z] n=[-7]");
  const auto column = [&](std::string_view type, const std::string& bytes) {
    return read_binary("single", request(binary_input("a", "[1]", type, bytes.size())), bytes).table;
  };
  // What bytes become is bounded, whatever they are.
  V2Reader small(64);
  const auto bytes = [&](std::size_t count) {
    const std::string json = request(binary_input("a", fmt::format("[{}]", count), "UINT8", count));
    return read("single", json + std::string(count, '\1'), std::to_string(json.size()), small).table;
  };
  CHECK(bytes(8) == "a=[1|1|1|1|1|1|1|1]");
  CHECK(bytes(9) == "the request's rows take more than 64 bytes in memory: send fewer of them at once");
  const auto numbers = [&](std::string_view count, std::string_view list) {
    const std::string input =
        R"({"name":"a","shape":[)" + std::string(count) + R"(],"datatype":"FP32","data":)";
    return read("single", request(input + std::string(list) + "}"), std::nullopt, small).table;
  };
  CHECK(numbers("8", "[1,1,1,1,1,1,1,1]") == "a=[1|1|1|1|1|1|1|1]");
  CHECK(numbers("9", "[1,1,1,1,1,1,1,1,1]") ==
        "the request's rows take more than 64 bytes in memory: send fewer of them at once");
  CHECK(column("BOOL", raw(std::uint8_t{1})) == "a=[1]");
  CHECK(column("BOOL", raw(std::uint8_t{2})) == "input 'a' has a BOOL that is neither 0 nor 1");
  CHECK(column("UINT8", raw(std::uint8_t{200})) == "a=[200]");
  CHECK(column("INT8", raw(std::int8_t{-100})) == "a=[-100]");
  CHECK(column("UINT16", raw(std::uint16_t{60000})) == "a=[60000]");
  CHECK(column("INT16", raw(std::int16_t{-30000})) == "a=[-30000]");
  CHECK(column("UINT32", raw(std::uint32_t{4000000000})) == "a=[4000000000]");
  CHECK(column("INT32", raw(std::int32_t{-2000000000})) == "a=[-2000000000]");
  CHECK(column("UINT64", raw(std::uint64_t{1} << 63)) == "a=[9.223372036854776e+18]");
  CHECK(column("INT64", raw(std::int64_t{-5})) == "a=[-5]");
  CHECK(column("FP16", raw(std::uint16_t{0x3E00})) == "a=[1.5]");
  CHECK(column("BF16", raw(std::uint16_t{0x3FC0})) == "a=[1.5]");
  CHECK(column("FP32", raw(0.5f)) == "a=[0.5]");
  CHECK(column("FP64", raw(0.1)) == "a=[0.1]");
}

TEST_CASE("bytes that do not fit what the JSON says are refused") {
  const auto request = [](const std::string& inputs) { return R"({"inputs":[)" + inputs + "]}"; };
  const std::string four = raw(1.5f, 2.0f, -3.0f, 4.0f);
  const std::string x = request(binary_input("x", "[1,4]", "FP32", 16));
  struct BytesCase {
    const char* model;
    std::string header, tensors, expected;
  };
  const BytesCase cases[] = {
      {"matrix", x, four.substr(1), "unexpected size for input 'x', expecting 1 additional bytes"},
      {"matrix", x, four + "a", "unexpected additional input data: 1 bytes behind the inputs"},
      {"matrix", x, "", "unexpected size for input 'x', expecting 16 additional bytes"},
      {"matrix", request(X), "a", "unexpected additional input data: 1 bytes behind the inputs"},
      {"matrix", request(binary_input("x", "[1,4]", "FP32", 15)), four.substr(1),
       "input byte size mismatch for input 'x'. Expected 16, got 15"},
      {"matrix", request(binary_input("x", "[1,4]", "FP32", 0)), "",
       "input byte size mismatch for input 'x'. Expected 16, got 0"},
      {"matrix", request(binary_input("x", "[2305843009213693951,4]", "FP32", 16)), four,
       "input 'x' is too large: its shape is [2305843009213693951,4]"},
      {"word", request(binary_input("word", "[2]", "BYTES", 5)), raw_text("a"),
       "input 'word' ends before element 1 of 2"},
      {"word", request(binary_input("word", "[1]", "BYTES", 3)), "abc",
       "input 'word' ends before element 0 of 1"},
      {"word", request(binary_input("word", "[1]", "BYTES", 5)), raw(std::uint32_t{9}) + "a",
       "input 'word', element 0: a text of 9 bytes, but 1 are left"},
      {"word", request(binary_input("word", "[1]", "BYTES", 5)), raw(std::uint32_t{0xFFFFFFFF}) + "a",
       "input 'word', element 0: a text of 4294967295 bytes, but 1 are left"},
      {"word", request(binary_input("word", "[1]", "BYTES", 6)), raw_text("a") + "b",
       "input 'word' has 1 bytes behind its 1 elements"},
      {"word", request(binary_input("word", "[1]", "BYTES", 5)), raw_text("\xff"),
       "input 'word', element 0: the text is not UTF-8"},
      {"word", request(binary_input("word", "[1000000000000]", "BYTES", 5)), raw_text("a"),
       "input 'word' ends before element 1 of 1000000000000"},
  };
  for (const BytesCase& its : cases) {
    INFO(its.header);
    CHECK(read_binary(its.model, its.header, its.tensors).table == its.expected);
  }
  const std::string all = x + four;
  CHECK(read("matrix", all, "999").table == "inference header size should be in range (0, 110), got: 999");
  CHECK(read("matrix", all, "99999999999999999999").table ==
        "the inference header's content length is not a number of bytes: '99999999999999999999'");
  for (const char* wrong_length : {"abc", "", "-1", "1.5", "94a", "0x5e"}) {
    CHECK(read("matrix", all, wrong_length).table ==
          fmt::format("the inference header's content length is not a "
                      "number of bytes: '{}'",
                      wrong_length));
  }
  CHECK_THAT(read("matrix", all, "93").table, Catch::Matchers::StartsWith("the body is not JSON"));
  CHECK_THAT(read("matrix", all).table, Catch::Matchers::StartsWith("the body is not JSON"));
}

TEST_CASE("a body may be nothing but the only input's bytes") {
  const std::string four = raw(1.5f, 2.0f, -3.0f, 4.0f);
  Read one = read("matrix", four, "0");
  CHECK(one.table == "x=[1.5 2 -3 4]");
  REQUIRE(one.request.outputs.size() == 2);
  CHECK((one.request.outputs[0].binary && one.request.outputs[1].binary));
  CHECK(read("matrix", four + four, "0").table == "x=[1.5 2 -3 4|1.5 2 -3 4]");
  CHECK(read("word", raw_text("a") + raw_text("bc"), "0").table == "word=[a|bc]");
  CHECK(read("word", raw_text("a") + "b", "0").table == "input 'word' ends before element 1 of 2");
  CHECK(read("matrix", four.substr(1), "0").table ==
        "input byte size mismatch for input 'x'. Expected 16 for each row, got 15 in all");
  CHECK(read("matrix", "", "0").table == "input 'x' has no rows: its shape is [0,4]");
  CHECK(read("people", four, "0").table == "raw bytes can be a model's only input, but there are 2");
}

}  // namespace
}  // namespace nn::inference
