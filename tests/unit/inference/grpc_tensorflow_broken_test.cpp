// Messages for TensorFlow Serving's services that nobody should send: each is refused with its reason.
#include <limits>

#include "catch.hpp"
#include "grpc_fixture.hpp"
#include "inference/failure.hpp"
#include "inference/grpc_tensorflow.hpp"

using namespace nn;
using namespace nn::inference;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

using Bytes = std::string;
using Verb = ExamplesRequest::Verb;

const Bytes m = pb::bytes(1, pb::bytes(1, "m"));
const Bytes row = pb::raw({1.f, 2.f, 3.f, 4.f});
Bytes named(std::string_view signature) { return pb::bytes(1, pb::bytes(1, "m") + pb::bytes(3, signature)); }
Bytes tensor(std::uint64_t type, std::initializer_list<std::int64_t> sizes, std::string_view more) {
  Bytes dimensions;
  for (const std::int64_t size : sizes)
    dimensions += pb::bytes(2, pb::varint(1, static_cast<std::uint64_t>(size)));
  return pb::varint(1, type) + pb::bytes(2, dimensions) + Bytes(more);
}
Bytes input(std::string_view name, std::string_view tensor) { return pb::entry(2, name, tensor); }
Bytes x(std::uint64_t type, std::initializer_list<std::int64_t> sizes, std::string_view more) {
  return m + input("x", tensor(type, sizes, more));
}
const Bytes content = pb::bytes(4, row);

template <typename Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(failure_of(error) == Failure::invalid);
    return error.what();
  }
  return "accepted";
}

struct Broken {
  Bytes message;
  const char* says;
};

std::string refused_prediction(const Signature& signature, const Bytes& message) {
  return refusal([&] {
    PredictRequest request;
    Rows rows;
    request.read(message);
    request.fill(signature, {}, rows);
  });
}
void check_predict(const Signature& signature, const std::vector<Broken>& table) {
  for (const auto& [message, says] : table)
    CHECK_THAT(refused_prediction(signature, message), Contains(says));
}

std::string refused_examples(const Signature& signature, const Bytes& message, Verb verb) {
  return refusal([&] {
    ExamplesRequest request;
    Rows rows;
    request.read(message, verb);
    request.fill(signature, {}, rows);
  });
}

Bytes feature(std::string_view name, std::string_view list) { return pb::entry(1, name, list); }
Bytes text(std::string_view value) { return pb::bytes(1, pb::bytes(1, value)); }
Bytes floats(std::initializer_list<float> values) { return pb::bytes(2, pb::bytes(1, pb::raw(values))); }
Bytes integers(std::initializer_list<std::int64_t> values) { return pb::bytes(3, pb::packed(1, values)); }
Bytes example(std::string_view features) { return pb::bytes(1, pb::bytes(1, features)); }
Bytes examples(std::string_view list) { return pb::bytes(2, pb::bytes(1, list)); }

}  // namespace

TEST_CASE("Predictions whose messages are broken or don't fit are refused") {
  const Signature digits = matrix_signature(4, classes({"0", "1", "2"}, true));
  REQUIRE(refused_prediction(digits, x(1, {1, 4}, content)) == "accepted");
  const Bytes good = x(1, {1, 4}, content);
  check_predict(
      digits,
      {
          {good + "\x0a", "a number is cut off"},
          {good + "\x0a\x02z", "a field is cut off"},
          {good + "\x0b", "it has a group"},
          {pb::bytes(1, "\x0a\x05") + good, "a field is cut off"},
          {pb::bytes(1, pb::bytes(1, "\xFF")) + good, "a text is not UTF-8"},
          {pb::bytes(1, pb::bytes(3, "\xFF")) + good, "a text is not UTF-8"},
          {pb::bytes(1, pb::bytes(4, "\xFF")) + good, "a text is not UTF-8"},
          {pb::bytes(1, pb::bytes(2, "\x08")) + good, "a number is cut off"},
          {pb::bytes(1, pb::bytes(1, "m") + pb::bytes(2, pb::varint(1, static_cast<std::uint64_t>(-7)))) +
               good,
           "the version of model 'm' is negative"},
          {good + pb::bytes(2, "\x12"), "a number is cut off"},
          {m + input("\xFF", ""), "a text is not UTF-8"},
          {m + input("x", "\x08"), "a number is cut off"},
          {m + input("x", pb::varint(1, 1) + pb::bytes(2, "\x12\x09")), "a field is cut off"},
          {m + input("x", pb::varint(1, 1) + pb::bytes(2, pb::bytes(2, "\x08"))), "a number is cut off"},
          {x(1, {1, 4}, pb::bytes(5, row + "z")), "a list of numbers is cut off"},
          {good + pb::bytes(3, "\xFF"), "a text is not UTF-8"},
          {m, "input 'x' of model 'm' is required but missing"},
          {"", "input 'x' of model '' is required but missing"},
          {m + input("q", tensor(1, {1, 4}, content)), "input tensor alias not found in signature: q"},
          {good + input("q", tensor(1, {1, 4}, content)), "input tensor alias not found in signature: x"},
          {m + input("", tensor(1, {1, 4}, content)), "input tensor alias not found in signature: "},
          {m + input("x", ""), "input 'x' for model 'm' is of type 0, expected DT_FLOAT"},
          {x(2, {1, 4}, pb::bytes(4, row + row)), "is of type DT_DOUBLE, expected DT_FLOAT"},
          {x(7, {1, 4}, pb::bytes(8, "a")), "is of type DT_STRING, expected DT_FLOAT"},
          {x(8, {1, 4}, content), "is of type 8, expected DT_FLOAT"},
          {x(101, {1, 4}, content), "is of type 101"},
          {x(1, {4}, content), "unexpected shape for input 'x' for model 'm'. Expected [-1,4], got [4]"},
          {x(1, {}, content), "Expected [-1,4], got []"},
          {x(1, {1, 4, 1}, content), "got [1,4,1]"},
          {x(1, {1, 1, 1, 1, 1, 1, 1, 1, 4}, content), "got 9 dimensions"},
          {x(1, {-1, 4}, content), "with a negative dimension"},
          {x(1, {1, -1}, content), "got [1,-1]"},
          {m + input("x", pb::varint(1, 1) + content +
                              pb::bytes(2, pb::bytes(2, "") + pb::bytes(2, pb::varint(1, 4)))),
           "has no rows"},
          {x(1, {65537, 4}, content), "but a request may have at most 65536"},
          {x(1, {std::numeric_limits<std::int64_t>::max(), 4}, content),
           "but a request may have at most 65536"},
          {m + input("x", tensor(1, {1, 4}, content) + pb::bytes(2, pb::varint(3, 1))),
           "a shape of unknown rank"},
          {x(1, {1, 4}, pb::bytes(4, row.substr(1))), "Expected 16, got 15"},
          {x(1, {1, 4}, pb::bytes(4, row + "z")), "Expected 16, got 17"},
          {x(1, {1, 4}, ""), "Expected 16, got 0"},
          {x(1, {1, 4}, pb::bytes(5, row + row)), "Expected 16, got 32"},
          {x(1, {1, 4}, pb::bytes(6, row + row)), "Expected 16, got 0"},
          {x(1, {1, 4}, content + pb::bytes(5, row)), "has both tensor_content and a list of values"},
          {good + pb::bytes(3, "q"), "output tensor alias not found in signature: q"},
          {good + pb::bytes(3, "proba") + pb::bytes(3, "proba"), "duplicate output tensor alias: proba"},
          {named("foo") + input("x", tensor(1, {1, 4}, content)),
           "Serving signature name: \"foo\" not found in signature def"},
          {named("classify") + input("x", tensor(1, {1, 4}, content)), "is not one of predictions"},
      });
}

TEST_CASE("Predictions of columns that don't fit are refused") {
  const Signature people = people_signature(classes({"no", "yes"}, false));
  const Bytes one = pb::bytes(5, pb::raw({1.f}));
  const auto with = [&](std::string_view age, std::string_view work) {
    return m + input("age", age) + input("work", work) + input("hours", tensor(1, {2}, one));
  };
  const Bytes age = tensor(1, {2}, one), work = tensor(7, {2}, pb::bytes(8, "a"));
  REQUIRE(refused_prediction(people, with(age, work)) == "accepted");
  check_predict(people,
                {
                    {m + input("age", age), "input 'work' of model 'm' is required but missing"},
                    {with(work, work), "is of type DT_STRING, expected DT_DOUBLE"},
                    {with(age, age), "is of type DT_FLOAT, expected DT_STRING"},
                    {with(tensor(1, {3}, one), work), "has 2 rows, but the inputs before it have 3"},
                    {with(age, tensor(7, {2}, "")), "input 'work' for model 'm' has 0 texts, expected 2"},
                    {with(age, tensor(7, {2}, pb::bytes(8, "a") + pb::bytes(8, "a") + pb::bytes(8, "a"))),
                     "has 3 texts, expected 2"},
                    {with(age, tensor(7, {2}, pb::bytes(8, "\xFF"))), "a text is not UTF-8"},
                    {with(age, tensor(7, {2},
                                      pb::bytes(4,
                                                "\x01\x01"
                                                "aa"))),
                     "texts are in string_val"},
                    {with(tensor(6, {2}, pb::packed(7, {128})), work), "has the value 128, which is no INT8"},
                    {with(tensor(4, {2}, pb::packed(7, {-1})), work), "which is no UINT8"},
                    {with(tensor(5, {2}, pb::packed(7, {40000})), work), "which is no INT16"},
                });
}

TEST_CASE("Lists that stand for too much are refused before they are made") {
  const Signature people = people_signature(classes({"no", "yes"}, false));
  const Bytes one = tensor(1, {65536}, pb::bytes(5, pb::raw({1.f})));
  const Bytes long_text = tensor(7, {65536}, pb::bytes(8, Bytes(1 << 20, 'a')));
  CHECK_THAT(
      refused_prediction(people, m + input("age", one) + input("work", long_text) + input("hours", one)),
      Contains("rows take more than 268435456 bytes in memory"));
  const Signature wide = matrix_signature(5000, classes({"0", "1", "2"}, true));
  CHECK_THAT(refused_prediction(wide, x(1, {65536, 5000}, pb::bytes(5, row))),
             Contains("take more than 268435456 bytes"));
  Bytes entries;
  for (int i = 0; i < 70'000; ++i) entries += Bytes("\x12\x00", 2);
  CHECK_THAT(refused_prediction(wide, entries), Contains("more than 65536 inputs"));
}

TEST_CASE("Examples that are broken or don't fit are refused") {
  const Signature people = people_signature(classes({"no", "yes"}, false));
  const auto features = [](std::string_view age, std::string_view work) {
    return m + examples(example(feature("age", age) + feature("work", work) + feature("hours", floats({1}))));
  };
  REQUIRE(refused_examples(people, features(floats({1}), text("a")), Verb::classify) == "accepted");
  const std::vector<Broken> table{
      {m, "there are no examples for model 'm'"},
      {m + pb::bytes(2, ""), "there are no examples"},
      {m + examples(""), "there are no examples"},
      {m + examples(example("")), "input 'age' for model 'm' is missing in example 0"},
      {m + examples("\x0a"), "a number is cut off"},
      {m + examples(pb::bytes(1, "\x0a\x02z")), "a field is cut off"},
      {m + examples(example("\x0a")), "a number is cut off"},
      {m + examples(example(feature("\xFF", ""))), "a text is not UTF-8"},
      {features(text("a"), text("a")), "input 'age' for model 'm' of example 0 is a text, expected numbers"},
      {features(floats({1, 2}), text("a")), "of example 0 has 2 values, expected 1"},
      {features(pb::bytes(2, pb::bytes(1, "abc")), text("a")), "a list of numbers is cut off"},
      {features(pb::bytes(3, pb::bytes(1, "\x80")), text("a")), "a number is cut off"},
      {features(pb::bytes(3, "\x0a"), text("a")), "a number is cut off"},
      {features(floats({1}), floats({1})),
       "input 'work' for model 'm' of example 0 is a number, expected a text"},
      {features(floats({1}), integers({1})), "is a number, expected a text"},
      {features(floats({1}), text("\xFF")), "a text is not UTF-8"},
      {features(floats({1}), pb::bytes(1, pb::bytes(1, "a") + pb::bytes(1, "b"))),
       "has 2 values, expected 1"},
      {features(floats({1}), text("a")) + examples(example(feature("age", floats({1})))),
       "input 'work' for model 'm' is missing in example 1"},
      {named("regress") + features(floats({1}), text("a")).substr(m.size()),
       "Serving signature name: \"regress\" not found"},
      {named("foo") + features(floats({1}), text("a")).substr(m.size()),
       "Serving signature name: \"foo\" not found"},
  };
  for (const auto& [message, says] : table) {
    CHECK_THAT(refused_examples(people, message, Verb::classify), Contains(says));
  }
  CHECK_THAT(refused_examples(people, m, Verb::regress), Contains("it has no regression"));
  CHECK_THAT(refused_examples(people_signature(numbers({})), m, Verb::classify),
             Contains("it can't classify"));
  CHECK_THAT(refused_examples(people_signature(numbers({2})), m, Verb::regress),
             Contains("it has no regression"));
  const Signature digits = matrix_signature(4, classes({"0", "1", "2"}, true));
  CHECK_THAT(refused_examples(digits, m + examples(example(feature("x", floats({1, 2, 3})))), Verb::classify),
             Contains("input 'x' for model 'm' of example 0 has 3 values, expected 4"));
}

TEST_CASE("Metadata that nobody knows isn't asked for") {
  const auto asks = [](const Bytes& message) { return refusal([&] { (void)read_metadata_query(message); }); };
  CHECK(asks(m + pb::bytes(2, "signature_def")) == "accepted");
  CHECK_THAT(asks(m), Contains("GetModelMetadataRequest must specify at least one metadata_field"));
  CHECK_THAT(asks(m + pb::bytes(2, "graph")), Contains("Metadata field graph is not supported"));
  CHECK_THAT(refusal([] { (void)read_status_query("\x0a\x05"); }), Contains("a field is cut off"));
}
