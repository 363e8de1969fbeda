// Messages for ModelInfer that nobody should send: each is refused with its reason.
#include <limits>

#include "catch.hpp"
#include "grpc_fixture.hpp"
#include "inference/failure.hpp"
#include "inference/grpc_infer.hpp"

using namespace nn;
using namespace nn::inference;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

using Bytes = std::string;

Bytes tensor(std::string_view name, std::string_view type, std::string_view shape,
             std::string_view more = {}) {
  return pb::bytes(5, pb::bytes(1, name) + pb::bytes(2, type) + Bytes(shape) + Bytes(more));
}
const Bytes shape14 = pb::packed(3, {1, 4});
const Bytes x = tensor("x", "FP32", shape14);
const Bytes m = pb::bytes(1, "m");
const Bytes row = pb::raw({1.f, 2.f, 3.f, 4.f});
Bytes raw(std::string_view content) { return pb::bytes(7, content); }
Bytes contents(std::string_view lists) { return pb::bytes(5, lists); }
const Bytes floats = pb::bytes(6, row);
Bytes parameter(std::string_view name, std::string_view value) { return pb::entry(4, name, value); }
Bytes output(std::string_view name, std::string_view more = {}) {
  return pb::bytes(6, pb::bytes(1, name) + Bytes(more));
}
Bytes classification(std::string_view value) { return pb::entry(2, "classification", value); }

struct Broken {
  Bytes message;
  const char* says;
};

std::string refusal(const Signature& signature, const Bytes& message) {
  InferRequest request;
  Rows rows;
  try {
    request.read(message);
    request.fill(signature, {}, rows);
  } catch (const Error& error) {
    CHECK(failure_of(error) == Failure::invalid);
    return error.what();
  }
  return "accepted";
}

void check(const Signature& signature, const std::vector<Broken>& table) {
  for (const auto& [message, says] : table) CHECK_THAT(refusal(signature, message), Contains(says));
}

}  // namespace

TEST_CASE("What is no message is refused") {
  const Signature digits = matrix_signature(4, classes({"0", "1", "2"}, true));
  REQUIRE(refusal(digits, m + x + raw(row)) == "accepted");
  const Bytes good = m + x + raw(row);
  check(digits, {
                    {good + "\x0a", "a number is cut off"},
                    {good + "\x0a\x05"
                            "abc",
                     "a field is cut off"},
                    {good + "\x0a\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "a field is cut off"},
                    {good + "\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "more than 64 bits"},
                    {good + "\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", "more than 64 bits"},
                    {good + "\x08\x80", "a number is cut off"},
                    {good + Bytes("\x00\x01", 2), "a field has the number 0"},
                    {good + "\x02\x01z", "a field has the number 0"},
                    {good + "\x0b\x0c", "it has a group"},
                    {good + "\x0c", "it has a group"},
                    {good + "\x0e\x01", "it has a group"},
                    {good + "\x0f\x01", "it has a group"},
                    {good + "\x09\x01\x02", "a field is cut off"},
                    {good + "\x0d\x01\x02", "a field is cut off"},
                    {good + "\xF8\xFF\xFF\xFF\xFF\x01\x01", "a field's number is too large"},
                    {good.substr(0, good.size() - 1), "a field is cut off"},
                    {pb::bytes(1, "\xFF") + x + raw(row), "a text is not UTF-8"},
                    {pb::bytes(2, "\xC0\x80") + good, "a text is not UTF-8"},
                    {pb::bytes(3, "\xED\xA0\x80") + good, "a text is not UTF-8"},
                    {m + tensor("\xFE", "FP32", shape14) + raw(row), "a text is not UTF-8"},
                    {m + tensor("x", "\xFE", shape14) + raw(row), "a text is not UTF-8"},
                    {good + pb::bytes(6, pb::bytes(1, "\x80")), "a text is not UTF-8"},
                    {good + pb::bytes(4, "\x0a"), "a number is cut off"},
                    {good + pb::bytes(4, pb::bytes(2, "\x10")), "a number is cut off"},
                    {good + parameter("\xFF", ""), "a text is not UTF-8"},
                    {good + pb::bytes(5, "\x0a"), "a number is cut off"},
                    {good + pb::bytes(6, "\x0a\x02"), "a field is cut off"},
                    {m + pb::bytes(5, "\x0b") + raw(row), "it has a group"},
                    {m + tensor("x", "FP32", pb::bytes(3, "\x01\x84")) + raw(row), "a number is cut off"},
                    {m + tensor("x", "FP32", shape14, contents("\x32\x10")), "a field is cut off"},
                    {m + tensor("x", "FP32", shape14, contents(pb::bytes(6, row + "z"))),
                     "a list of numbers is cut off"},
                    {m + tensor("x", "FP32", shape14, contents("\x0b")), "it has a group"},
                    {m + tensor("x", "FP32", shape14, contents(pb::bytes(6, row) + pb::bytes(7, row + row))),
                     "input 'x' for model 'm' has contents of another type than FP32"},
                });
}

TEST_CASE("Requests that don't fit a matrix are refused") {
  const Signature digits = matrix_signature(4, classes({"0", "1", "2"}, true));
  const Bytes nine = pb::packed(3, {1, 4, 1, 1, 1, 1, 1, 1, 1});
  const auto shaped = [](std::initializer_list<std::int64_t> sizes) {
    return m + tensor("x", "FP32", pb::packed(3, sizes)) + raw(row);
  };
  const auto filled = [](std::string_view lists) {
    return m + tensor("x", "FP32", shape14, contents(lists));
  };
  check(
      digits,
      {
          {"", "expected 1 inputs but got 0 inputs for model ''"},
          {m, "expected 1 inputs but got 0 inputs for model 'm': there is no 'x'"},
          {m + raw(row), "1 raw_input_contents for the 0 inputs"},
          {m + x, "unable to find data for input tensor 'x' for model 'm' in request."},
          {m + tensor("x", "FP32", shape14, contents(floats)) + raw(row),
           "contents field must not be specified when using raw_input_contents for 'x' for model 'm'"},
          {m + tensor("x", "FP32", shape14, contents("")) + raw(row), "contents field must not be specified"},
          {m + x + raw(row) + raw(row), "2 raw_input_contents for the 1 inputs"},
          {m + x + raw(row.substr(1)),
           "input byte size mismatch for input 'x' for model 'm'. Expected 16, got 15"},
          {m + x + raw(row + "z"), "Expected 16, got 17"},
          {m + x + raw(""), "Expected 16, got 0"},
          {filled(pb::bytes(6, pb::raw({1.f, 2.f, 3.f}))), "Expected 16, got 12"},
          {filled(floats + floats), "Expected 16, got 32"},
          {filled(""), "Expected 16, got 0"},
          {filled(pb::bytes(7, pb::raw({1.0, 2.0, 3.0, 4.0}))), "has contents of another type than FP32"},
          {m + tensor("q", "FP32", shape14) + raw(row), "unexpected inference input 'q' for model 'm'"},
          {m + x + tensor("q", "FP32", shape14) + raw(row) + raw(row),
           "unexpected inference input 'x' for model 'm'"},
          {m + x + x + raw(row) + raw(row), "unexpected inference input 'x'"},
          {m + tensor("", "FP32", shape14) + raw(row), "unexpected inference input '' for model 'm'"},
          {m + tensor("x", "FP64", shape14) + raw(row + row),
           "inference input 'x' data-type is 'FP64', but model 'm' expects 'FP32'"},
          {m + tensor("x", "FLOAT", shape14) + raw(row),
           "data-type is 'FLOAT', but model 'm' expects 'FP32'"},
          {m + tensor("x", "", shape14) + raw(row), "data-type is ''"},
          {m + tensor("x", "BYTES", shape14) + raw(row), "data-type is 'BYTES'"},
          {m + tensor("x", "UINT8", shape14) + raw("1234"), "data-type is 'UINT8'"},
          {shaped({4}), "unexpected shape for input 'x' for model 'm'. Expected [-1,4], got [4]"},
          {shaped({}), "Expected [-1,4], got []"},
          {shaped({1, 5}), "Expected [-1,4], got [1,5]"},
          {shaped({1, 4, 1}), "got [1,4,1]"},
          {shaped({1, -4}), "got [1,-4]"},
          {shaped({-1, 4}), "has the shape [-1,4], with a negative dimension"},
          {shaped({0, 4}), "input 'x' for model 'm' has no rows"},
          {shaped({65537, 4}), "has 65537 rows, but a request may have at most 65536"},
          {shaped({std::numeric_limits<std::int64_t>::max(), 4}), "but a request may have at most 65536"},
          {shaped({65536, 4}), "Expected 1048576, got 16"},
          {m + tensor("x", "FP32", nine) + raw(row), "got 9 dimensions"},
          {m + x + raw(row) + output("q"), "unexpected inference output 'q' for model 'm'"},
          {m + x + raw(row) + output("proba") + output("proba"),
           "output 'proba' for model 'm' is requested twice"},
          {m + x + raw(row) + output("proba", classification(pb::varint(2, 0))),
           "invalid value for 'classification' parameter, expected 1 or more"},
          {m + x + raw(row) + output("proba", classification(pb::varint(2, static_cast<std::uint64_t>(-1)))),
           "invalid value for 'classification'"},
          {m + x + raw(row) + output("proba", classification(pb::bytes(3, "2"))),
           "invalid value for 'classification'"},
          {m + x + raw(row) + output("proba", classification("")), "invalid value for 'classification'"},
          {m + x + raw(row) + output("label", classification(pb::varint(2, 1))), "is no list of scores"},
          {m + x + raw(row) + output("proba", pb::entry(2, "shared_memory_region", pb::bytes(3, "r"))),
           "'proba' is in shared memory, which is not supported"},
          {m + tensor("x", "FP32", shape14, pb::entry(4, "shared_memory_region", pb::bytes(3, "r"))),
           "'x' is in shared memory, which is not supported"},
          {m + x + raw(row) + parameter("timeout", pb::bytes(3, "20")),
           "parameter 'timeout' must be a whole number"},
          {m + x + raw(row) + parameter("timeout", pb::varint(2, static_cast<std::uint64_t>(-1))),
           "parameter 'timeout' must be"},
          {m + x + raw(row) + parameter("timeout", pb::fixed64(4, 0.5)), "parameter 'timeout' must be"},
          {m + x + raw(row) + parameter("priority", pb::varint(1, 1)),
           "parameter 'priority' must be a whole number"},
          {m + x + raw(row) + parameter("triton_x", pb::varint(2, 1)),
           "starting with 'triton_' are reserved"},
      });
}

TEST_CASE("Requests that don't fit columns are refused") {
  const Signature people = people_signature(classes({"no", "yes"}, false));
  const Bytes two = pb::packed(3, {2}), pair = pb::raw({1.f, 2.f}), texts = pb::texts({"a", "b"});
  const auto all = [&](std::string_view type, std::string_view shape, std::string_view data,
                       std::string_view words) {
    return m + tensor("age", type, shape) + tensor("work", "BYTES", two) + tensor("hours", "FP32", two) +
           raw(data) + raw(words) + raw(pair);
  };
  const auto typed = [&](std::string_view type, std::string_view list) {
    return m + tensor("age", type, two, contents(list)) +
           tensor("work", "BYTES", two, contents(pb::bytes(8, "a") + pb::bytes(8, "b"))) +
           tensor("hours", "FP32", two, contents(pb::bytes(6, pair)));
  };
  REQUIRE(refusal(people, all("FP32", two, pair, texts)) == "accepted");
  REQUIRE(refusal(people, typed("FP32", pb::bytes(6, pair))) == "accepted");
  check(
      people,
      {
          {m + tensor("age", "FP32", two) + raw(pair),
           "expected 3 inputs but got 1 inputs for model 'm': there is no 'work'"},
          {all("FP32", two, pair, texts) + tensor("age", "FP32", two) + raw(pair),
           "input 'age' for model 'm' is there twice"},
          {all("FP32", pb::packed(3, {1}), pair.substr(4), texts),
           "has 2 rows, but the inputs before it have 1"},
          {all("FP32", pb::packed(3, {2, 2}), pair + pair, texts), "Expected [-1], got [2,2]"},
          {all("BYTES", two, texts, texts), "data-type is 'BYTES', but model 'm' expects 'FP64'"},
          {all("FP32", two, pair, texts + "z"), "input 'work' has 1 bytes behind its 2 elements"},
          {all("FP32", two, pair, pb::texts({"a"})), "input 'work' ends before element 1 of 2"},
          {all("FP32", two, pair, pb::texts({"a"}) + "abc"), "input 'work' ends before element 1 of 2"},
          {all("FP32", two, pair, pb::texts({"a"}) + Bytes("\xFF\xFF\xFF\xFF", 4)),
           "input 'work', element 1: a text of 4294967295 bytes, but 0 are left"},
          {all("FP32", two, pair, pb::texts({"a", "\xFF"})),
           "input 'work', element 1: the text is not UTF-8"},
          {typed("FP16", pb::packed(2, {1, 2})), "has contents, but FP16 has no form but raw_input_contents"},
          {typed("BF16", pb::packed(2, {1, 2})), "has contents, but BF16 has no form but raw_input_contents"},
          {typed("INT8", pb::packed(2, {1, 128})),
           "input 'age' for model 'm' has the value 128, which is no INT8"},
          {typed("INT8", pb::packed(2, {1, -129})), "has the value -129, which is no INT8"},
          {typed("INT16", pb::packed(2, {1, 32768})), "has the value 32768, which is no INT16"},
          {typed("UINT8", pb::packed(4, {1, 256})), "has the value 256, which is no UINT8"},
          {typed("UINT16", pb::packed(4, {1, 65536})), "has the value 65536, which is no UINT16"},
          {typed("INT64", pb::packed(3, {1})), "Expected 16, got 8"},
          {typed("INT64", pb::bytes(3, "\x01\x02\x83")), "a number is cut off"},
          {typed("INT64", pb::bytes(3, "\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F")), "more than 64 bits"},
          {typed("FP64", pb::bytes(7, pair)), "Expected 16, got 8"},
      });
  const Bytes no_text = m + tensor("age", "FP32", two, contents(pb::bytes(6, pair))) +
                        tensor("work", "BYTES", two, contents(pb::bytes(8, "a"))) +
                        tensor("hours", "FP32", two, contents(pb::bytes(6, pair)));
  CHECK_THAT(refusal(people, no_text), Contains("input 'work' for model 'm' has 1 texts, expected 2"));
}

TEST_CASE("Small messages that stand for much are refused, and take little memory") {
  const Signature digits = matrix_signature(4, classes({"0", "1", "2"}, true));
  std::string inputs, outputs, contents;
  for (int i = 0; i < 100'000; ++i) {
    inputs += Bytes("\x2a\x00", 2);
    outputs += Bytes("\x32\x00", 2);
    contents += Bytes("\x3a\x00", 2);
  }
  check(digits, {{inputs, "more than 65536 inputs"},
                 {outputs, "more than 65536 outputs"},
                 {contents, "more than 65536 raw_input_contents"}});
  const Signature wide = matrix_signature(5000, classes({"0", "1", "2"}, true));
  const Bytes many = m + tensor("x", "FP32", pb::packed(3, {65536, 5000}), ::contents(floats));
  CHECK_THAT(refusal(wide, many), Contains("the request's rows take more than 268435456 bytes"));
}
