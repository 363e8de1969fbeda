#include "inference/grpc_infer.hpp"

#include <chrono>
#include <cstdlib>
#include <limits>

#include "../allocated.hpp"
#include "../thread_time.hpp"
#include "catch.hpp"
#include "grpc_fixture.hpp"

using namespace nn;
using namespace nn::inference;
using namespace nn::test;

namespace {

using Bytes = std::string;

Bytes parameter(std::string_view name, std::string_view value) { return pb::entry(4, name, value); }
Bytes input(std::string_view name, std::string_view type, std::initializer_list<std::int64_t> shape,
            std::string_view more = {}) {
  return pb::bytes(5, pb::bytes(1, name) + pb::bytes(2, type) + pb::packed(3, shape) + Bytes(more));
}
Bytes contents(std::string_view lists) { return pb::bytes(5, lists); }
Bytes floats(std::initializer_list<float> values) { return pb::bytes(6, pb::raw(values)); }
Bytes raw(std::string_view content) { return pb::bytes(7, content); }
Bytes output(std::string_view name, std::string_view more = {}) {
  return pb::bytes(6, pb::bytes(1, name) + Bytes(more));
}
Bytes for_model(std::string_view name = "m") { return pb::bytes(1, name); }
Bytes row4() { return pb::raw({1.f, 2.f, 3.f, 4.f}); }

std::vector<double> numbers_of(const Rows& rows, std::size_t column) {
  const Field& field = rows.field(column);
  std::vector<double> numbers;
  for (std::int64_t i = 0; i < rows.batch().rows * element_count(field.shape); ++i) {
    numbers.push_back(number_at(field.type, rows.batch().columns[column].data, i));
  }
  return numbers;
}
using Numbers = std::vector<double>;

struct Asked {
  InferRequest request;
  Rows rows;
  Bytes message;
  void operator()(const Signature& signature, const Bytes& sent) {
    message = sent;
    request.read(message);
    request.fill(signature, {}, rows);
  }
};

const Signature digits = matrix_signature(4, classes({"0", "1", "2"}, true));
const Signature people = people_signature(classes({"no", "yes"}, false));
const Signature images = image_signature(numbers({}));

// What is answered, computed by nobody.
std::string answer(Asked& asked, const Signature& signature, std::vector<float> values,
                   std::int64_t rows = 1) {
  std::string message;
  append_infer_answer(message, asked.request, {"m", 3, {}}, {&signature, rows, values});
  return message;
}
Bytes told(std::string_view name, std::string_view type, std::initializer_list<std::int64_t> shape,
           std::string_view more = {}) {
  return pb::bytes(5, pb::bytes(1, name) + pb::bytes(2, type) + pb::packed(3, shape) + Bytes(more));
}
Bytes told_raw(std::string_view content) { return pb::bytes(6, content); }
const Bytes answerer = pb::bytes(1, "m") + pb::bytes(2, "3");

}  // namespace

TEST_CASE("A request's rows, id and parameters are read, in whatever order its fields come") {
  const Bytes x = input("x", "FP32", {1, 4});
  const Bytes id = pb::bytes(3, "b") + pb::bytes(3, "a");
  const auto message = GENERATE_COPY(for_model() + id + x + raw(row4()),
                                     raw(row4()) + x + id + for_model("other") + for_model());
  Asked asked;
  asked(digits, message + parameter("timeout", pb::varint(2, 20000)) +
                    parameter("priority", pb::varint(5, 7)) + parameter("sequence_id", pb::varint(2, 1)) +
                    pb::varint(77, 5) + pb::fixed64(78, 1));
  CHECK(asked.request.model() == "m");
  CHECK(asked.request.version().empty());
  CHECK(asked.request.id() == "a");
  CHECK(asked.request.timeout() == std::chrono::microseconds(20000));
  CHECK(asked.request.priority() == 7);
  CHECK(asked.rows.batch().rows == 1);
  CHECK(asked.rows.batch().columns.size() == 1);
  CHECK(asked.rows.field(0).type == DType::f32);
  CHECK(numbers_of(asked.rows, 0) == Numbers{1, 2, 3, 4});
  CHECK(asked.request.outputs().size() == 2);
}

TEST_CASE("A request is forgotten when the next one comes") {
  Asked asked;
  asked(digits, for_model() + pb::bytes(2, "9") + pb::bytes(3, "a") + parameter("timeout", pb::varint(2, 5)) +
                    input("x", "FP32", {2, 4}) + raw(row4() + row4()) + output("label"));
  CHECK(asked.rows.batch().rows == 2);
  asked(digits, for_model() + input("x", "FP32", {1, 4}, contents(floats({4, 3, 2, 1}))));
  CHECK(asked.request.id().empty());
  CHECK(asked.request.version().empty());
  CHECK_FALSE(asked.request.timeout());
  CHECK(asked.rows.batch().rows == 1);
  CHECK(numbers_of(asked.rows, 0) == Numbers{4, 3, 2, 1});
  CHECK(asked.request.outputs().size() == 2);
}

TEST_CASE("Timeouts of no time are none, and endless ones don't overflow") {
  const Bytes x = for_model() + input("x", "FP32", {1, 4}) + raw(row4());
  Asked asked;
  asked(digits, x + parameter("timeout", pb::varint(2, 0)));
  CHECK_FALSE(asked.request.timeout());
  asked(digits, x + parameter("timeout", pb::varint(2, std::numeric_limits<std::int64_t>::max())));
  CHECK(asked.request.timeout() == std::chrono::hours(366 * 24));
}

TEST_CASE("Lists of numbers are packed or not, in parts or not") {
  const Bytes one = pb::fixed32(6, 1), two_three = floats({2, 3}), four = pb::fixed32(6, 4);
  const auto lists = GENERATE_COPY(contents(floats({1, 2, 3, 4})), contents(one + two_three + four),
                                   contents(one + two_three) + contents(four));
  const auto shape = GENERATE_COPY(pb::packed(3, {1, 4}), pb::varint(3, 1) + pb::varint(3, 4),
                                   pb::varint(3, 1) + pb::packed(3, {4}) + pb::packed(3, {}));
  Asked asked;
  asked(digits, for_model() + pb::bytes(5, lists + shape + pb::bytes(2, "FP32") + pb::bytes(1, "x")));
  CHECK(numbers_of(asked.rows, 0) == Numbers{1, 2, 3, 4});
}

TEST_CASE("Columns are taken by name, with numbers of any type and texts") {
  const auto number = [](std::string_view name, std::string_view type, std::string_view list) {
    return input(name, type, {2}, contents(list));
  };
  const Bytes work = input("work", "BYTES", {2, 1}, contents(pb::bytes(8, "Private") + pb::bytes(8, "")));
  struct Case {
    const char* type;
    Bytes list;
    Numbers numbers;
  };
  const std::int64_t least = std::numeric_limits<std::int64_t>::min();
  const auto [type, list, numbers] = GENERATE_COPY(Catch::Generators::table<const char*, Bytes, Numbers>({
      {"BOOL", pb::packed(1, {0, 1}), {0, 1}},
      {"INT8", pb::packed(2, {-128, 127}), {-128, 127}},
      {"INT16", pb::packed(2, {-32768, 32767}), {-32768, 32767}},
      {"INT32", pb::packed(2, {-1, 7}), {-1, 7}},
      {"INT64", pb::packed(3, {least, 7}), {-9223372036854775808.0, 7}},
      {"UINT8", pb::packed(4, {0, 255}), {0, 255}},
      {"UINT16", pb::packed(4, {0, 65535}), {0, 65535}},
      {"UINT32", pb::packed(4, {0, 4294967295}), {0, 4294967295}},
      {"UINT64", pb::packed(5, {1, -1}), {1, 18446744073709551615.0}},
      {"FP32", floats({0.5f, -2}), {0.5, -2}},
      {"FP64", pb::bytes(7, pb::raw({0.1, -2.0})), {0.1, -2}},
      {"FP64", pb::fixed64(7, 0.1) + pb::fixed64(7, -2), {0.1, -2}},
  }));
  CAPTURE(type);
  Asked asked;
  asked(people,
        for_model() + work + number("hours", "INT64", pb::packed(3, {3, 4})) + number("age", type, list));
  const Batch& batch = asked.rows.batch();
  REQUIRE(batch.rows == 2);
  CHECK(batch.columns[1].text(0) == "Private");
  CHECK(batch.columns[1].text(1).empty());
  CHECK(numbers_of(asked.rows, 0) == numbers);
  CHECK(numbers_of(asked.rows, 2) == Numbers{3, 4});
}

TEST_CASE("The same raw") {
  const auto [type, data, numbers] = GENERATE(Catch::Generators::table<const char*, Bytes, Numbers>({
      {"BOOL", pb::raw<std::uint8_t>({0, 1}), {0, 1}},
      {"INT8", pb::raw<std::int8_t>({-128, 127}), {-128, 127}},
      {"INT16", pb::raw<std::int16_t>({-32768, 32767}), {-32768, 32767}},
      {"INT32", pb::raw<std::int32_t>({-1, 7}), {-1, 7}},
      {"INT64", pb::raw<std::int64_t>({-1, 7}), {-1, 7}},
      {"UINT8", pb::raw<std::uint8_t>({0, 255}), {0, 255}},
      {"UINT16", pb::raw<std::uint16_t>({0, 65535}), {0, 65535}},
      {"UINT32", pb::raw<std::uint32_t>({0, 4294967295}), {0, 4294967295}},
      {"UINT64", pb::raw<std::uint64_t>({0, 7}), {0, 7}},
      {"FP16", pb::raw<std::uint16_t>({0x3C00, 0xC000}), {1, -2}},
      {"BF16", pb::raw<std::uint16_t>({0x3F80, 0xC000}), {1, -2}},
      {"FP32", pb::raw({0.5f, -2.f}), {0.5, -2}},
      {"FP64", pb::raw({0.1, -2.0}), {0.1, -2}},
  }));
  CAPTURE(type);
  Asked asked;
  asked(people, for_model() + raw(data) + raw(pb::texts({"a", ""})) + raw(pb::raw({3.f, 4.f})) +
                    input("age", type, {2, 1}) + input("work", "BYTES", {2}) + input("hours", "FP32", {2}));
  CHECK(numbers_of(asked.rows, 0) == numbers);
  CHECK(asked.rows.batch().columns[1].text(0) == "a");
  CHECK(asked.rows.batch().columns[1].text(1).empty());
  CHECK(numbers_of(asked.rows, 2) == Numbers{3, 4});
}

TEST_CASE("Models of tensors take bytes as they are") {
  Asked asked;
  asked(images, for_model() + input("image", "UINT8", {1, 2, 2}) + raw("\x01\x02\x03\xFF"));
  CHECK(asked.rows.field(0).type == DType::u8);
  CHECK(numbers_of(asked.rows, 0) == Numbers{1, 2, 3, 255});
  asked(images, for_model() + input("image", "UINT8", {1, 2, 2}, contents(pb::packed(4, {1, 2, 3, 4}))));
  CHECK(numbers_of(asked.rows, 0) == Numbers{1, 2, 3, 4});
  asked(images, for_model() + input("image", "FP32", {1, 2, 2}) + raw(row4()));
  CHECK(asked.rows.field(0).type == DType::f32);
  CHECK(numbers_of(asked.rows, 0) == Numbers{1, 2, 3, 4});
}

TEST_CASE("Answers are raw where requests are, to the byte") {
  Asked asked;
  asked(digits, for_model() + pb::bytes(3, "q7") + input("x", "FP32", {2, 4}) + raw(row4() + row4()));
  const std::vector<float> values{0.25f, 0.5f, 0.25f, 1, 0, 0};
  CHECK(answer(asked, digits, values, 2) ==
        answerer + pb::bytes(3, "q7") + told("proba", "FP32", {2, 3}) + told("label", "INT64", {2}) +
            told_raw(pb::raw({0.25f, 0.5f, 0.25f, 1.f, 0.f, 0.f})) + told_raw(pb::raw<std::int64_t>({1, 0})));
}

TEST_CASE("A message is what protobuf's own library would write") {
  Asked asked;
  asked(digits, for_model() + pb::bytes(3, "a") + input("x", "FP32", {1, 4}) + raw(row4()) + output("proba"));
  const std::string expected(
      "\x0a\x01m\x12\x01\x33\x1a\x01\x61"
      "\x2a\x11\x0a\x05proba\x12\x04"
      "FP32\x1a\x02\x01\x03"
      "\x32\x0c\x00\x00\x80\x3e\x00\x00\x00\x3f\x00\x00\x80\x3e",
      42);
  CHECK(answer(asked, digits, {0.25f, 0.5f, 0.25f}) == expected);
}

TEST_CASE("Answers have contents where requests have") {
  Asked asked;
  asked(digits, for_model() + input("x", "FP32", {1, 4}, contents(floats({1, 2, 3, 4}))) + output("label") +
                    output("proba"));
  CHECK(answer(asked, digits, {0.25f, 0.5f, 0.25f}) ==
        answerer + told("label", "INT64", {1}, contents(pb::packed(3, {1}))) +
            told("proba", "FP32", {1, 3}, contents(floats({0.25f, 0.5f, 0.25f}))));
}

TEST_CASE("Labels that have names are texts") {
  const Bytes numbers = pb::raw({1.f});
  Asked asked;
  asked(people, for_model() + input("age", "FP32", {1}) + input("work", "BYTES", {1}) +
                    input("hours", "FP32", {1}) + raw(numbers) + raw(pb::texts({"a"})) + raw(numbers) +
                    output("label"));
  CHECK(answer(asked, people, {0.25f, 0.75f}) ==
        answerer + told("label", "BYTES", {1}) + told_raw(pb::texts({"yes"})));
}

TEST_CASE("The best classes are texts, and no more of them than there are") {
  const auto classify = [](std::uint64_t count) {
    return pb::entry(2, "classification", pb::varint(2, count));
  };
  Asked asked;
  asked(people, for_model() + input("age", "FP32", {1}, contents(floats({1}))) +
                    input("work", "BYTES", {1}, contents(pb::bytes(8, "a"))) +
                    input("hours", "FP32", {1}, contents(floats({1}))) + output("proba", classify(1)));
  CHECK(answer(asked, people, {0.25f, 0.75f}) ==
        answerer + told("proba", "BYTES", {1, 1}, contents(pb::bytes(8, "0.750000:1:yes"))));
  asked(images, for_model() + input("image", "FP32", {1, 2, 2}) + raw(row4()) +
                    output("value", classify(1'000'000'000'000)));
  CHECK(answer(asked, images, {8}) ==
        answerer + told("value", "BYTES", {1, 1}) + told_raw(pb::texts({"8.000000:0"})));
}

TEST_CASE(
    "Who answered is told with the answer, and a stream's answers and errors in messages of their own") {
  Asked asked;
  asked(images, for_model() + pb::bytes(3, "a") + input("image", "FP32", {1, 2, 2}) + raw(row4()));
  const std::vector<std::pair<std::string_view, std::string_view>> parameters{{"label", "canary"}};
  const std::vector<float> values{2};
  const Bytes expected = answerer + pb::bytes(3, "a") + pb::entry(4, "label", pb::bytes(3, "canary")) +
                         told("value", "FP32", {1}) + told_raw(pb::raw({2.f}));
  std::string message;
  append_infer_answer(message, asked.request, {"m", 3, parameters}, {&images, 1, values});
  CHECK(message == expected);
  message.clear();
  append_stream_answer(message, asked.request, {"m", 3, parameters}, {&images, 1, values});
  CHECK(message == pb::bytes(2, expected));
  message.clear();
  append_stream_error(message, "a", "too late");
  CHECK(message == pb::bytes(1, "too late") + pb::bytes(2, pb::bytes(3, "a")));
  message.clear();
  append_stream_error(message, "", "too late");
  CHECK(message == pb::bytes(1, "too late"));
}

TEST_CASE("Requests that are alike allocate nothing") {
  const Signature digits64 =
      matrix_signature(64, classes({"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, true));
  const std::vector<float> values(10, 0.1f);
  const Bytes message = for_model("digits") + pb::bytes(3, "an id that is longer than a short string") +
                        input("x", "FP32", {1, 64}) + raw(Bytes(256, '\0')) + output("proba") +
                        output("label");
  Asked asked;
  std::string out;
  const auto once = [&] {
    out.clear();
    asked(digits64, message);
    append_infer_answer(out, asked.request, {"digits", 3, {}}, {&digits64, 1, values});
  };
  once();
  AllocatedBytes allocated;
  for (int i = 0; i < 10; ++i) once();
  CHECK(allocated.most() == 0);
  if (std::getenv("NN_TIMES") == nullptr) return;
  constexpr int times = 200'000;
  const double begin = thread_seconds();
  for (int i = 0; i < times; ++i) once();
  const double time = thread_seconds() - begin;
  WARN("ns a request and answer: " << 1e9 * time / times);
}
