// TensorFlow Serving's protocol: requests and answers.
#include "inference/v1.hpp"

#include "catch.hpp"
#include "inference/model.hpp"

namespace nn::inference {
namespace {

using test::Body;

struct Case {
  const char* model;
  V1Verb verb;
  const char* body;
  const char* expected;  // the table, or the error
};

constexpr V1Verb predict = V1Verb::predict, classify = V1Verb::classify, regress = V1Verb::regress;

std::string what_comes_of(const Case& its, V1Reader& reader) {
  const Signature signature = test::signature_named(its.model);
  Rows rows;
  V1Request request;
  const Body body(its.body);
  try {
    reader.read(body.text(), its.verb, signature, rows, request);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    return error.public_statement();
  }
  return test::table_text(rows);
}
std::string what_comes_of(const Case& its) {
  V1Reader reader;
  return what_comes_of(its, reader);
}

// clang-format off
const Case good[] = {
    // Rows.
    {"matrix", predict, R"({"instances":[[1,2,3,4]]})", "x=[1 2 3 4]"},
    {"matrix", predict, R"({"instances":[[1.5,-2,3e2,0.25],[5,6,7,8]]})", "x=[1.5 -2 300 0.25|5 6 7 8]"},
    {"matrix", predict, " \n{ \"instances\" :\t[ [ 1 , 2 , 3 , 4 ] ] }\r\n ", "x=[1 2 3 4]"},
    {"matrix", predict, R"({"instances":[[NaN,Infinity,-Infinity,Inf]]})", "x=[nan inf -inf inf]"},
    {"matrix", predict, R"({"instances":[[1,-Inf,null,4]]})", "x=[1 -inf nan 4]"},
    {"matrix", predict, R"({"instances":[{"x":[1,2,3,4]},{"x":[5,6,7,8]}]})", "x=[1 2 3 4|5 6 7 8]"},
    {"matrix", predict, R"({"instances":[{"c0":1,"c1":2,"c2":3,"c3":4}]})", "c0=[1] c1=[2] c2=[3] c3=[4]"},
    {"matrix", predict, R"({"instances":[{"c3":4,"c1":2,"c0":null,"c2":NaN}]})", "c0=[nan] c1=[2] c2=[nan] c3=[4]"},
    {"matrix", predict, R"({"signature_name":"serving_default","instances":[[1,2,3,4]]})", "x=[1 2 3 4]"},
    {"matrix", predict, R"({"instances":[[1,2,3,4]],"signature_name":"all"})", "x=[1 2 3 4]"},
    {"matrix", predict, R"({"signature_name":"","instances":[[1,2,3,4]]})", "x=[1 2 3 4]"},
    {"matrix", predict, R"({"signature_name":"classify","instances":[[1,2,3,4]]})", "x=[1 2 3 4]"},
    {"matrix", predict, R"({"foo":{"a":[1,"b",null,true,{}]},"instances":[[1,2,3,4]],"bar":[]})", "x=[1 2 3 4]"},
    {"matrix", predict, R"({"instances":[[123456789012345678901234567890,0.1,1e-300,1E+2]]})", "x=[1.2345678901234568e+29 0.1 1e-300 100]"},
    {"matrix", predict, R"({"instances":[[-0.0,0,-0,1]]})", "x=[-0 0 -0 1]"},
    {"matrix", predict, R"({"inst\u0061nces":[[1,2,3,4]]})", "x=[1 2 3 4]"},
    // Digits that a double has, and one more than that.
    {"matrix", predict, R"({"instances":[[9007199254740992,9007199254740993,0.1234567890123456,123456789012345.6]]})", "x=[9007199254740992 9007199254740992 0.1234567890123456 123456789012345.6]"},
    {"matrix", predict, R"({"instances":[[9999999999999999,99999999999999990,0.000000000000001,5e0]]})", "x=[1e+16 9.999999999999998e+16 1e-15 5]"},
    {"matrix", predict, R"({"instances":[[0.95897056669466944153,0.00000000000000000000000000000000000000000001,-0.12345678901234567890123456789,1e-400]]})", "x=[0.9589705666946694 1e-44 -0.12345678901234568 0]"},
    {"single", predict, R"({"instances":[1,2.5,null]})", "a=[1|2.5|nan]"},
    {"single", predict, R"({"instances":[[1],[2.5]]})", "x=[1|2.5]"},
    {"single", predict, R"({"instances":[{"a":1},{"a":true}]})", "a=[1|1]"},
    {"people", predict, R"({"instances":[{"age":41,"work":"Private"},{"work":"","age":3.5}]})", "age=[41|3.5] work=[Private|]"},
    {"people", predict, R"({"instances":[{"age":null,"work":null}]})", "age=[nan] work=[-]"},
    {"people", predict, R"({"instances":[{"age":[41],"work":["a\tb\u00e9"]}]})", "age=[41] work=[a\tb\xc3\xa9]"},
    {"people", predict, R"({"instances":[{"age":false,"work":{"b64":"aGk="}}]})", "age=[0] work=[hi]"},
    {"people", predict, R"({"instances":[{"age":1,"work":{"b64":"aGk"}},{"age":1,"work":{"b64":""}}]})", "age=[1|1] work=[hi|]"},
    {"people", predict, R"({"instances":[{"\u0061ge":41,"wor\u006b":"x"}]})", "age=[41] work=[x]"},
    {"word", predict, R"({"instances":["a","b",null]})", "word=[a|b|-]"},
    {"word", predict, R"({"instances":[{"b64":"aGk="},{"b64":"eW8="}]})", "word=[hi|yo]"},
    {"word", predict, R"({"instances":[{"word":"a"},{"word":{"b64":"eW8="}}]})", "word=[a|yo]"},
    {"image", predict, R"({"instances":[[[1,2,3],[4,5,6]]]})", "image=[1 2 3 4 5 6]"},
    {"image", predict, R"({"instances":[{"image":[[1,2,3],[4,5,6]]},{"image":[[7,8,9],[0,0,NaN]]}]})", "image=[1 2 3 4 5 6|7 8 9 0 0 nan]"},
    {"mixed", predict, R"({"instances":[{"t":[1,2],"w":"a","n":3},{"n":4,"w":null,"t":[5,6]}]})", "t=[1 2|5 6] w=[a|-] n=[3|4]"},
    {"named_x", predict, R"({"instances":[{"x":1,"y2":2}]})", "x=[1] y2=[2]"},
    {"named_x", predict, R"({"instances":[{"x":[1,2]}]})", "x=[1 2]"},
    {"named_x", predict, R"({"instances":[[1,2]]})", "x=[1 2]"},
    {"named_x", predict, R"({"instances":[{"y2":2,"x":1}]})", "x=[1] y2=[2]"},
    // Columns.
    {"matrix", predict, R"({"inputs":[[1,2,3,4],[5,6,7,8]]})", "x=[1 2 3 4|5 6 7 8]"},
    {"matrix", predict, R"({"inputs":{"x":[[1,2,3,4]]}})", "x=[1 2 3 4]"},
    {"matrix", predict, R"({"inputs":{"foo":[["a"]],"x":[[1,2,3,4]],"bar":1}})", "x=[1 2 3 4]"},
    {"matrix", predict, R"({"inputs":{"c0":[1,2],"c1":[3,4],"c2":[5,6],"c3":[7,null]}})", "c0=[1|2] c1=[3|4] c2=[5|6] c3=[7|nan]"},
    {"matrix", predict, R"({"inputs":{"c3":1,"c2":2,"c1":3,"c0":4}})", "c0=[4] c1=[3] c2=[2] c3=[1]"},
    {"people", predict, R"({"inputs":{"age":[41,39],"work":["a","b"]}})", "age=[41|39] work=[a|b]"},
    {"people", predict, R"({"inputs":{"work":[["a"],["b"]],"age":[[41],[39]],"other":{}}})", "age=[41|39] work=[a|b]"},
    {"people", predict, R"({"inputs":{"age":41,"work":"a"}})", "age=[41] work=[a]"},
    {"people", predict, R"({"inputs":{"age":41,"work":{"b64":"aGk="}}})", "age=[41] work=[hi]"},
    {"word", predict, R"({"inputs":["a","b"]})", "word=[a|b]"},
    {"word", predict, R"({"inputs":"a"})", "word=[a]"},
    {"word", predict, R"({"inputs":{"b64":"aGk="}})", "word=[hi]"},
    {"word", predict, R"({"inputs":{"word":["a",{"b64":"aGk="}]}})", "word=[a|hi]"},
    {"single", predict, R"({"inputs":[1,2]})", "a=[1|2]"},
    {"single", predict, R"({"inputs":[[1],[2]]})", "a=[1|2]"},
    {"single", predict, R"({"inputs":7})", "a=[7]"},
    {"single", predict, R"({"inputs":{"x":[[1],[2]]}})", "x=[1|2]"},
    {"image", predict, R"({"inputs":[[[1,2,3],[4,5,6]],[[1,2,3],[4,5,6]]]})", "image=[1 2 3 4 5 6|1 2 3 4 5 6]"},
    {"image", predict, R"({"inputs":{"image":[[[1,2,3],[4,5,6]]]}})", "image=[1 2 3 4 5 6]"},
    {"mixed", predict, R"({"inputs":{"n":[3,4],"t":[[1,2],[5,6]],"w":["a",null]}})", "t=[1 2|5 6] w=[a|-] n=[3|4]"},
    {"named_x", predict, R"({"inputs":{"x":[1,3],"y2":[2,4]}})", "x=[1|3] y2=[2|4]"},
    // Examples.
    {"matrix", classify, R"({"examples":[{"c0":1,"c1":2,"c2":3,"c3":4}]})", "c0=[1] c1=[2] c2=[3] c3=[4]"},
    {"matrix", classify, R"({"examples":[{"x":[1,2,3,4]}]})", "x=[1 2 3 4]"},
    {"matrix", classify, R"({"signature_name":"classify","examples":[{"c0":[1],"c1":2,"more":[1,2],"c2":3,"c3":4}]})", "c0=[1] c1=[2] c2=[3] c3=[4]"},
    {"people", regress, R"({"context":{"age":41},"examples":[{"work":"a"},{"work":"b","age":7}]})", "age=[41|7] work=[a|b]"},
    {"people", regress, R"({"examples":[{"work":"a"},{}],"context":{"age":41,"work":"z","q":1}})", "age=[41|41] work=[a|z]"},
    {"people", regress, R"({"signature_name":"regress","examples":[{"work":{"b64":"aGk="},"age":[1.5]}]})", "age=[1.5] work=[hi]"},
    {"mixed", regress, R"({"examples":[{"w":"a"},{"t":[3,4],"w":null}],"context":{"t":[1,2],"n":null}})", "t=[1 2|3 4] w=[a|-] n=[nan|nan]"},
    {"image", classify, R"({"examples":[{"image":[[1,2,3],[4,5,6]]}]})", "image=[1 2 3 4 5 6]"},
};

const Case wrong[] = {
    // No JSON.
    {"matrix", predict, "", "the body is empty, but JSON is expected"},
    {"matrix", predict, " \n", "the body is empty, but JSON is expected"},
    {"matrix", predict, "[]", "the body is no JSON object"},
    {"matrix", predict, "7", "the body is no JSON object"},
    {"matrix", predict, "\"instances\"", "the body is no JSON object"},
    {"matrix", predict, "null", "the body is no JSON object"},
    {"matrix", predict, "nonsense", "the body is no JSON object"},
    {"matrix", predict, "{", "the body is not JSON: its lists and objects do not end where it does"},
    {"matrix", predict, "}", "the body is not JSON: unexpected text at offset 0"},
    {"matrix", predict, R"({"instances":)", "the body is not JSON: its lists and objects do not end where it does"},
    {"matrix", predict, R"({"instances":[[1,2,3,4]])", "the body is not JSON: its lists and objects do not end where it does"},
    {"matrix", predict, R"({"instances":[[1,2,3,4]]]})", "the body is not JSON: unexpected text at offset 24"},
    {"matrix", predict, R"({"instances":[[1,2,3,4]]}})", "the body is not JSON: unexpected text at offset 25"},
    {"matrix", predict, R"({"instances":[[1,2,3,4]]} x)", ""},
    {"matrix", predict, R"({"instances":[[1,2,3,4]]}{"a":1})", ""},
    {"matrix", predict, R"({"instances":[[1,2,3,4],]})", ""},
    {"matrix", predict, R"({"instances":[[1,2,3,4,]]})", ""},
    {"matrix", predict, R"({"instances":[[1,,3,4]]})", ""},
    {"matrix", predict, R"({"instances":[[1 2,3,4]]})", ""},
    {"matrix", predict, R"({"instances":[[1,2,3,4}])", ""},
    {"matrix", predict, R"({"instances" [[1,2,3,4]]})", ""},
    {"matrix", predict, R"({instances:[[1,2,3,4]]})", ""},
    {"matrix", predict, R"({'instances':[[1,2,3,4]]})", ""},
    {"matrix", predict, "{\"instances\":[[1,2,3,4]],\"a\":\"\n\"}", ""},
    {"matrix", predict, "{\"instances\":[[1,2,3,4]],\"a\":\"\xff\"}", "the body is not JSON: it is not UTF-8"},
    {"matrix", predict, R"({"instances":[[1,2,3,4]],"a":"b)", "the body is not JSON: a string has no end"},
    {"matrix", predict, R"({"instances":[[1,2,3,4]],"a":nul})", ""},
    {"matrix", predict, R"({"instances":[[1,2,3,4]],"a":[1}})", ""},
    {"matrix", predict, R"({"instances":[[1,2,3,4]],"a":tru})", ""},
    {"matrix", predict, R"({"instances":[[1,2,3,4]],"a":"\q"})", ""},
    {"matrix", predict, R"({"instances":[[1,2,3,4]],"a":01})", ""},
    {"matrix", predict, R"({"instances":[[1.,2,3,4]]})", "instances[0][0]: expected a number, got 1."},
    {"matrix", predict, R"({"instances":[[1.e2,2,3,4]]})", "instances[0][0]: expected a number, got 1.e2"},
    {"matrix", predict, R"({"instances":[[1.2.3,2,3,4]]})", "instances[0][0]: expected a number, got 1.2.3"},
    {"matrix", predict, R"({"instances":[[.5,2,3,4]]})", "instances[0][0]: expected a number, got .5"},
    {"matrix", predict, R"({"instances":[[-,2,3,4]]})", "instances[0][0]: expected a number, got -"},
    {"matrix", predict, R"({"instances":[[-01,2,3,4]]})", "instances[0][0]: expected a number, got -01"},
    {"matrix", predict, R"({"instances":[[0123456789012345678,2,3,4]]})", "instances[0][0]: expected a number, got 0123456789012345678"},
    {"matrix", predict, R"({"instances":[[1e999,2,3,4]]})", "instances[0][0]: expected a number, got 1e999"},
    // Keys.
    {"matrix", predict, "{}", "Missing 'inputs' or 'instances' key"},
    {"matrix", predict, R"({"Instances":[[1,2,3,4]]})", "Missing 'inputs' or 'instances' key"},
    {"matrix", predict, R"({"instances":[[1,2,3,4]],"inputs":[[1,2,3,4]]})", "both 'instances' and 'inputs' are there, expecting only one of them"},
    {"matrix", predict, R"({"instances":[[1,2,3,4]],"instances":[[1,2,3,4]]})", "'instances' is there twice"},
    {"matrix", predict, R"({"signature_name":7,"instances":[[1,2,3,4]]})", "'signature_name' must be a string"},
    {"matrix", predict, R"({"signature_name":"foo","instances":[[1,2,3,4]]})", "Serving signature name: \"foo\" not found in signature def (there are serving_default, all, classify)"},
    {"matrix", predict, R"({"signature_name":"regress","instances":[[1,2,3,4]]})", "Serving signature name: \"regress\" not found in signature def (there are serving_default, all, classify)"},
    {"matrix", predict, R"({"signature_name":"all","signature_name":"all","instances":[[1,2,3,4]]})", "'signature_name' is there twice"},
    // Rows.
    {"matrix", predict, R"({"instances":{}})", "instances: expected a list, got an object"},
    {"matrix", predict, R"({"instances":[]})", "No values in 'instances': expected a list of rows"},
    {"matrix", predict, R"({"instances":"[[1,2,3,4]]"})", "instances: expected a list, got \"[[1,2,3,4]]\""},
    {"matrix", predict, R"({"instances":[[1,2,3,4],[1,2,3]]})", "instances[1]: expected 4 numbers, got 3"},
    {"matrix", predict, R"({"instances":[[1,2,3,4,5,6]]})", "instances[0]: expected 4 numbers, got 6"},
    {"matrix", predict, R"({"instances":[[]]})", "instances[0]: expected 4 numbers, got 0"},
    {"matrix", predict, R"({"instances":[1,2,3,4]})", "instances[0]: expected a list of 4 numbers, got the number 1"},
    {"matrix", predict, R"({"instances":[[1,2,"a",4]]})", "instances[0][2]: expected a number, got \"a\""},
    {"matrix", predict, R"({"instances":[[1,2,[3],4]]})", "instances[0][2]: expected a number, got a list"},
    {"matrix", predict, R"({"instances":[[1,2,true,4]]})", "instances[0][2]: expected a number, got true"},
    {"matrix", predict, R"({"instances":[[1,2,+3,4]]})", "instances[0][2]: expected a number, got +3"},
    {"matrix", predict, R"({"instances":[[1,2,.5,4]]})", "instances[0][2]: expected a number, got .5"},
    {"matrix", predict, R"({"instances":[[1,2,5.,4]]})", "instances[0][2]: expected a number, got 5."},
    {"matrix", predict, R"({"instances":[[1,2,0x10,4]]})", "instances[0][2]: expected a number, got 0x10"},
    {"matrix", predict, R"({"instances":[[1,2,1e999,4]]})", "instances[0][2]: expected a number, got 1e999"},
    {"matrix", predict, R"({"instances":[[1,2,nan,4]]})", "instances[0][2]: expected a number, got nan"},
    {"matrix", predict, R"({"instances":[[1,2,3,4],{"x":[1,2,3,4]}]})", "instances[1]: expected a list of 4 numbers, got an object"},
    {"matrix", predict, R"({"instances":[{"x":[1,2,3,4]},[1,2,3,4]]})", "instances[1]: expected an object as in the first row, got a list"},
    {"matrix", predict, R"({"instances":[{"x":[1,2,3,4],"y":1}]})", "instances[0]: keys must be equal to: x; there is 'y'"},
    {"matrix", predict, R"({"instances":[{"x":[1,2,3]}]})", "instances[0].x: expected 4 numbers, got 3"},
    {"matrix", predict, R"({"instances":[{"b64":"aGk="}]})", "instances[0]: the model has no column 'b64', keys must be equal to its columns"},
    {"people", predict, R"({"instances":[{"age":41}]})", "instances[0]: 'work' is missing (null stands for a missing value)"},
    {"people", predict, R"({"instances":[{"age":41,"work":"a"},{"work":"a"}]})", "instances[1]: 'age' is missing (null stands for a missing value)"},
    {"people", predict, R"({"instances":[{"age":41,"work":"a","more":1}]})", "instances[0]: the model has no column 'more', keys must be equal to its columns"},
    {"people", predict, R"({"instances":[{"age":41,"age":41,"work":"a"}]})", "instances[0]: 'age' is there twice"},
    {"people", predict, R"({"instances":[{"age":"41","work":"a"}]})", "instances[0].age: expected a number, got \"41\""},
    {"people", predict, R"({"instances":[{"age":41,"work":7}]})", "instances[0].work: expected a text, got 7"},
    {"people", predict, R"({"instances":[{"age":[41,42],"work":"a"}]})", "instances[0].age: expected one value, got a list of 2"},
    {"people", predict, R"({"instances":[{"age":[],"work":"a"}]})", "instances[0].age: expected one value, got a list of 0"},
    {"people", predict, R"({"instances":[{"age":[[41]],"work":"a"}]})", "instances[0].age: expected one value, got a list"},
    {"people", predict, R"({"instances":[{"age":{"b64":"aGk="},"work":"a"}]})", "instances[0].age: expected a number, got an object"},
    {"people", predict, R"({"instances":[{"age":1,"work":{"b64":"a*=="}}]})", "instances[0].work: expected a text, got an object that is not a b64"},
    {"people", predict, R"({"instances":[{"age":1,"work":{"b64":"/w=="}}]})", "instances[0].work: the text is not UTF-8"},
    {"people", predict, R"({"instances":[{"age":1,"work":{"b64":7}}]})", "instances[0].work: expected a text, got an object that is not a b64"},
    {"people", predict, R"({"instances":[{"age":1,"work":{"b64":"aGk=","c":1}}]})", "instances[0].work: expected a text, got an object that is not a b64"},
    {"people", predict, R"({"instances":[[41,"a"]]})", "instances[0]: expected an object of age, work, got a list"},
    {"people", predict, R"({"instances":[41]})", "instances[0]: expected an object of age, work, got 41"},
    {"word", predict, R"({"instances":["a",7]})", "instances[1]: expected a text, got 7"},
    {"image", predict, R"({"instances":[[1,2,3,4,5,6]]})", "instances[0]: expected a list of 3 numbers, got the number 1"},
    {"image", predict, R"({"instances":[[[1,2,3]]]})", "instances[0]: expected 2 lists, got 1"},
    {"image", predict, R"({"instances":[[[1,2,3],[4,5]]]})", "instances[0]: expected 3 numbers, got 2"},
    {"image", predict, R"({"instances":[[[1,2,3],[4,5,null]]]})", "instances[0][2]: expected a number, got null"},
    {"image", predict, R"({"instances":[{"pic":[[1,2,3],[4,5,6]]}]})", "instances[0]: the model has no column 'pic', keys must be equal to its columns"},
    // Columns.
    {"matrix", predict, R"({"inputs":[]})", "inputs: there are no rows"},
    {"matrix", predict, R"({"inputs":{"x":[]}})", "inputs: there are no rows"},
    {"matrix", predict, R"({"inputs":{}})", "Missing named input: x in 'inputs' object"},
    {"matrix", predict, R"({"inputs":{"y":[[1,2,3,4]]}})", "Missing named input: x in 'inputs' object"},
    {"matrix", predict, R"({"inputs":{"c1":[1]}})", "Missing named input: c0 in 'inputs' object"},
    {"matrix", predict, R"({"instances":[{}]})", "instances[0]: 'x' is missing (null stands for a missing value)"},
    {"matrix", predict, R"({"inputs":{"c0":[1],"c1":[2],"c2":[3]}})", "Missing named input: c3 in 'inputs' object"},
    {"matrix", predict, R"({"inputs":{"x":[[1,2,3,4]],"x":[[1,2,3,4]]}})", "inputs: 'x' is there twice"},
    {"matrix", predict, R"({"inputs":{"c0":[1],"c0":[1]}})", "inputs: 'c0' is there twice"},
    {"matrix", predict, R"({"inputs":{"x":[[1,2,3,4],[1]]}})", "inputs[1].x: expected 4 numbers, got 1"},
    {"matrix", predict, R"({"inputs":[1,2,3,4]})", "inputs[0]: expected a list of 4 numbers, got the number 1"},
    {"matrix", predict, R"({"inputs":7})", "inputs: expected a list of rows, got 7"},
    {"people", predict, R"({"inputs":{"age":[41,39],"work":["a"]}})", "inputs: 'work' has 1 rows, but there are 2"},
    {"people", predict, R"({"inputs":{"age":[41]}})", "Missing named input: work in 'inputs' object"},
    {"people", predict, R"({"inputs":[41]})", "inputs: expected an object of age, work, got a list"},
    {"people", predict, R"({"inputs":{"age":["x"],"work":["a"]}})", "inputs[0].age: expected a number, got \"x\""},
    {"people", predict, R"({"inputs":{"age":[],"work":[]}})", "inputs: there are no rows"},
    // Examples.
    {"matrix", classify, R"({})", "Missing 'examples' key"},
    {"matrix", classify, R"({"examples":[]})", "No values in 'examples': expected a list of objects"},
    {"matrix", classify, R"({"examples":{}})", "examples: expected a list, got an object"},
    {"matrix", classify, R"({"examples":[[1,2,3,4]]})", "examples[0]: expected an object, got a list"},
    {"matrix", classify, R"({"examples":[{}]})", "examples[0]: 'x' is missing (null stands for a missing value)"},
    {"matrix", classify, R"({"examples":[{"c0":1}],"context":7})", "context: expected an object, got 7"},
    {"matrix", classify, R"({"examples":[{"c0":1}],"examples":[]})", "'examples' is there twice"},
    {"matrix", classify, R"({"context":{"c0":1,"c0":2},"examples":[{"c0":1}]})", "context: 'c0' is there twice"},
    {"matrix", classify, R"({"signature_name":"all","examples":[{"x":[1,2,3,4]}]})", "Serving signature name: \"all\" not found in signature def (there are serving_default, classify)"},
    {"matrix", regress, R"({"examples":[{"x":[1,2,3,4]}]})", "the model answers classes, not numbers"},
    {"people", classify, R"({"examples":[{"age":1,"work":"a"}]})", "the model answers numbers, not classes"},
    {"people", regress, R"({"examples":[{"age":1,"work":"a"}],"x":})", ""},
    {"people", regress, R"({"examples":[{"age":1,"work":"a"},{"age":1,"work":2}]})", "examples[1].work: expected a text, got 2"},
};
// clang-format on

TEST_CASE("rows of TensorFlow Serving's requests become tables") {
  for (const Case& its : good) {
    INFO(its.model << ": " << its.body);
    CHECK(what_comes_of(its) == its.expected);
  }
}

TEST_CASE("broken requests of TensorFlow Serving's are refused, with the place") {
  for (const Case& its : wrong) {
    INFO(its.model << ": " << its.body);
    const std::string error = what_comes_of(its);
    const std::string_view expected = its.expected;
    if (expected.empty()) {
      CHECK(error.substr(0, 21) == "the body is not JSON:");
    } else {
      CHECK(error == expected);
    }
    CHECK(error.size() < 200);
  }
}

TEST_CASE("what rows of TensorFlow Serving's requests take is bounded, whatever they are") {
  V1Reader reader(64);
  const auto read = [&](const char* model, V1Verb verb, const std::string& body) {
    return what_comes_of({model, verb, body.c_str(), nullptr}, reader);
  };
  const std::string_view error =
      "the request's rows take more than 64 bytes in memory: send fewer of them at once";
  CHECK(read("matrix", predict, R"({"instances":[[0,0,0,0],[0,0,0,0]]})") == "x=[0 0 0 0|0 0 0 0]");
  CHECK(read("matrix", predict, R"({"instances":[[0,0,0,0],[0,0,0,0],[0,0,0,0]]})") == error);
  CHECK(read("matrix", predict, R"({"inputs":[[0,0,0,0],[0,0,0,0],[0,0,0,0]]})") == error);
  CHECK(read("single", predict, R"({"inputs":[0,0,0,0,0,0,0,0]})") == "a=[0|0|0|0|0|0|0|0]");
  CHECK(read("single", predict, R"({"inputs":[0,0,0,0,0,0,0,0,0]})") == error);
  std::string texts = R"({"instances":[)";
  for (int i = 0; i < 16; ++i) texts += R"("",)";
  CHECK(read("word", predict, texts + R"("a"]})") == error);
  // Each example has what they have in common for itself.
  const std::string context = R"({"context":{"age":1,"work":"a text of 20 bytes"},"examples":[{})";
  CHECK(read("people", regress, context + ",{}]}") ==
        "age=[1|1] work=[a text of 20 bytes|a text of 20 bytes]");
  CHECK(read("people", regress, context + ",{},{}]}") == error);
  // It is as it was afterwards.
  CHECK(read("matrix", predict, R"({"instances":[[1,2,3,4]]})") == "x=[1 2 3 4]");
}

// What one request's examples have in common once stood in for what the next one's lacked.
TEST_CASE("a reader of TensorFlow Serving's requests remembers nothing of those before") {
  std::vector<Case> all(std::begin(good), std::end(good));
  all.insert(all.end(), std::begin(wrong), std::end(wrong));
  std::vector<std::string> alone;
  for (const Case& its : all) alone.push_back(what_comes_of(its));
  for (const Case& before : all) {
    INFO("after " << before.model << ": " << before.body);
    for (std::size_t i = 0; i < all.size(); ++i) {
      V1Reader reader;
      what_comes_of(before, reader);
      const std::string after = what_comes_of(all[i], reader);
      if (after != alone[i]) CHECK(all[i].body + after == all[i].body + alone[i]);
    }
  }
}

}  // namespace
}  // namespace nn::inference
