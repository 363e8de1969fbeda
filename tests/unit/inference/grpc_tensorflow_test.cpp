#include "inference/grpc_tensorflow.hpp"

#include <cmath>

#include "../allocated.hpp"
#include "catch.hpp"
#include "grpc_fixture.hpp"

using namespace nn;
using namespace nn::inference;
using namespace nn::test;

namespace {

using Bytes = std::string;
using Numbers = std::vector<double>;

Bytes spec(std::string_view more = {}) { return pb::bytes(1, pb::bytes(1, "m") + Bytes(more)); }
Bytes signature_name(std::string_view name) { return pb::bytes(3, name); }
Bytes shape(std::initializer_list<std::int64_t> sizes) {
  Bytes dimensions;
  for (const std::int64_t size : sizes) {
    dimensions += pb::bytes(2, size == 0 ? "" : pb::varint(1, static_cast<std::uint64_t>(size)));
  }
  return pb::bytes(2, dimensions);
}
Bytes tensor(std::uint64_t type, std::initializer_list<std::int64_t> sizes, std::string_view more) {
  return pb::varint(1, type) + shape(sizes) + Bytes(more);
}
Bytes input(std::string_view name, std::string_view tensor) { return pb::entry(2, name, tensor); }

Numbers numbers_of(const Rows& rows, std::size_t column) {
  const Field& field = rows.field(column);
  Numbers numbers;
  for (std::int64_t i = 0; i < rows.batch().rows * element_count(field.shape); ++i) {
    numbers.push_back(number_at(field.type, rows.batch().columns[column].data, i));
  }
  return numbers;
}

struct Predicted {
  PredictRequest request;
  Rows rows;
  Bytes message;
  void operator()(const Signature& signature, const Bytes& sent) {
    message = sent;
    request.read(message);
    request.fill(signature, {}, rows);
  }
  std::string answer(const Signature& signature, std::vector<float> values, std::int64_t count = 1) {
    std::string out;
    append_predict_answer(out, request, 3, {&signature, count, values});
    return out;
  }
};

// Features of an Example.
Bytes feature(std::string_view name, std::string_view list) { return pb::entry(1, name, list); }
Bytes texts(std::initializer_list<std::string_view> values) {
  Bytes list;
  for (const std::string_view value : values) list += pb::bytes(1, value);
  return pb::bytes(1, list);
}
Bytes floats(std::initializer_list<float> values) { return pb::bytes(2, pb::bytes(1, pb::raw(values))); }
Bytes integers(std::initializer_list<std::int64_t> values) { return pb::bytes(3, pb::packed(1, values)); }
Bytes example(std::string_view features) { return pb::bytes(1, pb::bytes(1, features)); }
Bytes context(std::string_view features) { return pb::bytes(2, pb::bytes(1, features)); }
Bytes examples(std::string_view list) { return pb::bytes(2, pb::bytes(1, list)); }
Bytes examples_in_context(std::string_view list) { return pb::bytes(2, pb::bytes(2, list)); }

struct Exemplified {
  ExamplesRequest request;
  Rows rows;
  Bytes message;
  void operator()(const Signature& signature, const Bytes& sent,
                  ExamplesRequest::Verb verb = ExamplesRequest::Verb::classify) {
    message = sent;
    request.read(message, verb);
    request.fill(signature, {}, rows);
  }
};

const Signature digits = matrix_signature(4, classes({"0", "1", "2"}, true));
const Signature people = people_signature(classes({"no", "yes"}, false));
const Signature houses = people_signature(numbers({}));
const Signature images = image_signature(numbers({2}));
const Bytes row = pb::raw({1.f, 2.f, 3.f, 4.f});
const Bytes answerer =
    pb::bytes(2, pb::bytes(1, "m") + pb::bytes(2, pb::varint(1, 3)) + pb::bytes(3, "serving_default"));

}  // namespace

TEST_CASE("A model is named by version, by label, or neither") {
  const auto [message, version, label] =
      GENERATE(Catch::Generators::table<Bytes, std::uint64_t, const char*>({
          {spec(), 0, ""},
          {spec(pb::bytes(2, pb::varint(1, 7))), 7, ""},
          {spec(pb::bytes(2, "")), 0, ""},
          {spec(pb::bytes(4, "canary")), 0, "canary"},
          {spec(pb::bytes(4, "canary") + pb::bytes(2, pb::varint(1, 7))), 7, ""},
          {spec(pb::bytes(2, pb::varint(1, 7)) + pb::bytes(4, "canary")), 0, "canary"},
          {spec() + pb::bytes(1, pb::bytes(4, "canary")), 0, "canary"},
      }));
  const ModelSpec read = read_status_query(message);
  CHECK(read.name == "m");
  CHECK(read.version == version);
  CHECK(read.label == label);
}

TEST_CASE("Tensors come as bytes or as lists, whose last value may stand for more") {
  const auto lists = GENERATE_COPY(
      pb::bytes(4, row + row), pb::bytes(5, row + row),
      pb::bytes(5, pb::raw({1.f, 2.f})) + pb::fixed32(5, 3) + pb::fixed32(5, 4) + pb::bytes(5, row));
  Predicted predicted;
  predicted(digits, input("x", tensor(1, {2, 4}, lists)) + spec());
  CHECK(predicted.request.spec().name == "m");
  CHECK(predicted.rows.batch().rows == 2);
  CHECK(predicted.rows.field(0).type == DType::f32);
  CHECK(numbers_of(predicted.rows, 0) == Numbers{1, 2, 3, 4, 1, 2, 3, 4});
  predicted(digits, spec() + input("x", tensor(1, {2, 4}, pb::bytes(5, pb::raw({1.f, 7.f})))));
  CHECK(numbers_of(predicted.rows, 0) == Numbers{1, 7, 7, 7, 7, 7, 7, 7});
}

TEST_CASE("The last of several tensors of a name counts, as in any map") {
  Predicted predicted;
  predicted(digits,
            spec() + input("x", tensor(2, {9}, "")) + input("x", tensor(1, {1, 4}, pb::bytes(4, row))));
  CHECK(numbers_of(predicted.rows, 0) == Numbers{1, 2, 3, 4});
}

TEST_CASE("Columns are numbers of any type, and texts") {
  const auto [type, list, numbers] = GENERATE(Catch::Generators::table<std::uint64_t, Bytes, Numbers>({
      {1, pb::bytes(5, pb::raw({0.5f, -2.f})), {0.5, -2}},
      {2, pb::bytes(6, pb::raw({0.1, -2.0})), {0.1, -2}},
      {3, pb::packed(7, {-1, 7}), {-1, 7}},
      {4, pb::packed(7, {0, 255}), {0, 255}},
      {5, pb::packed(7, {-32768, 7}), {-32768, 7}},
      {6, pb::packed(7, {-128}), {-128, -128}},
      {9, pb::packed(10, {-1, 7}), {-1, 7}},
      {10, pb::packed(11, {1, 0}), {1, 0}},
      {14, pb::packed(13, {0x3F80, 0xC000}), {1, -2}},
      {17, pb::packed(7, {0, 65535}), {0, 65535}},
      {19, pb::packed(13, {0x3C00}), {1, 1}},
      {22, pb::packed(16, {0, 4294967295}), {0, 4294967295}},
      {23, pb::packed(17, {1, -1}), {1, 18446744073709551615.0}},
      {3, pb::bytes(4, pb::raw<std::int32_t>({-1, 7})), {-1, 7}},
      {19, pb::bytes(4, pb::raw<std::uint16_t>({0x3C00, 0xC000})), {1, -2}},
  }));
  CAPTURE(type);
  Predicted predicted;
  predicted(people, spec() + input("hours", tensor(9, {2, 1}, pb::varint(10, 8))) +
                        input("work", tensor(7, {2}, pb::bytes(8, "a"))) +
                        input("age", tensor(type, {2}, list)));
  CHECK(numbers_of(predicted.rows, 0) == numbers);
  CHECK(predicted.rows.batch().columns[1].text(0) == "a");
  CHECK(predicted.rows.batch().columns[1].text(1) == "a");
  CHECK(numbers_of(predicted.rows, 2) == Numbers{8, 8});
}

TEST_CASE("Images are bytes or floats") {
  Predicted predicted;
  predicted(images, spec() + input("image", tensor(4, {1, 2, 2}, pb::bytes(4, "\x01\x02\x03\x04"))));
  CHECK(predicted.rows.field(0).type == DType::u8);
  CHECK(numbers_of(predicted.rows, 0) == Numbers{1, 2, 3, 4});
  predicted(images, spec() + input("image", tensor(4, {1, 2, 2}, pb::packed(7, {9}))));
  CHECK(numbers_of(predicted.rows, 0) == Numbers{9, 9, 9, 9});
  predicted(images, spec() + input("image", tensor(1, {1, 2, 2}, pb::bytes(4, row))));
  CHECK(predicted.rows.field(0).type == DType::f32);
  CHECK(predicted.answer(images, {5, 6}) ==
        pb::entry(1, "value", tensor(1, {1, 2}, pb::bytes(4, pb::raw({5.f, 6.f})))) + answerer);
}

TEST_CASE("A prediction has the signature's outputs, or those of the filter") {
  const Bytes x = input("x", tensor(1, {1, 4}, pb::bytes(4, row)));
  const Bytes proba = pb::entry(1, "proba", tensor(1, {1, 3}, pb::bytes(4, pb::raw({0.f, 1.f, 0.f}))));
  const Bytes label = pb::entry(1, "label", tensor(9, {1}, pb::bytes(4, pb::raw<std::int64_t>({1}))));
  const auto named = [](const char* name) {
    return pb::bytes(2, pb::bytes(1, "m") + pb::bytes(2, pb::varint(1, 3)) + pb::bytes(3, name));
  };
  Predicted predicted;
  predicted(digits, spec() + x);
  CHECK(predicted.answer(digits, {0, 1, 0}) == proba + answerer);
  predicted(digits, spec(signature_name("all")) + x);
  CHECK(predicted.answer(digits, {0, 1, 0}) == proba + label + named("all"));
  predicted(digits, spec(signature_name("serving_default")) + x + pb::bytes(3, "label"));
  CHECK(predicted.answer(digits, {0, 1, 0}) == label + answerer);
  const Bytes one = pb::bytes(5, pb::raw({1.f}));
  predicted(people, spec() + input("age", tensor(1, {2}, one)) + input("hours", tensor(1, {2}, one)) +
                        input("work", tensor(7, {2}, pb::bytes(8, "a"))) + pb::bytes(3, "label"));
  CHECK(predicted.answer(people, {0, 1, 1, 0}, 2) ==
        pb::entry(1, "label", tensor(7, {2}, pb::bytes(8, "yes") + pb::bytes(8, "no"))) + answerer);
}

TEST_CASE("Predictions that are alike allocate nothing") {
  const Bytes message = spec() + input("x", tensor(1, {1, 4}, pb::bytes(4, row)));
  const std::vector<float> values{0, 1, 0};
  Predicted predicted;
  std::string out;
  const auto once = [&] {
    out.clear();
    predicted(digits, message);
    append_predict_answer(out, predicted.request, 3, {&digits, 1, values});
  };
  once();
  AllocatedBytes allocated;
  once();
  CHECK(allocated.most() == 0);
}

TEST_CASE("Examples have features for columns, their own before those of the context") {
  Exemplified exemplified;
  exemplified(people,
              spec() + examples_in_context(
                           example(feature("age", integers({41})) + feature("work", texts({"Private"})) +
                                   feature("nobody asked", floats({1, 2}))) +
                           example(feature("hours", floats({7.5f})) + feature("age", floats({}))) +
                           context(feature("hours", floats({8})) + feature("work", texts({"State"})))));
  const Rows& rows = exemplified.rows;
  REQUIRE(rows.batch().rows == 2);
  CHECK(numbers_of(rows, 0)[0] == 41);
  CHECK(std::isnan(numbers_of(rows, 0)[1]));
  CHECK(rows.batch().columns[1].text(0) == "Private");
  CHECK(rows.batch().columns[1].text(1) == "State");
  CHECK(numbers_of(rows, 2) == Numbers{8, 7.5});
  std::string out;
  const std::vector<float> values{0.75f, 0.25f, 0.25f, 0.75f};
  append_examples_answer(out, exemplified.request, 3, {&people, 2, values});
  const auto scored = [](const char* label, float score) {
    return pb::bytes(1, pb::bytes(1, label) + pb::fixed32(2, score));
  };
  CHECK(out == pb::bytes(1, pb::bytes(1, scored("no", 0.75f) + scored("yes", 0.25f)) +
                                pb::bytes(1, scored("yes", 0.75f) + scored("no", 0.25f))) +
                   answerer);
}

TEST_CASE("Examples of numbers may have them in one feature") {
  Exemplified exemplified;
  exemplified(digits, examples(example(feature("x", floats({1, 2, 3, 4}))) +
                               example(feature("x", integers({5, 6, 7, 8})))) +
                          spec());
  CHECK(numbers_of(exemplified.rows, 0) == Numbers{1, 2, 3, 4, 5, 6, 7, 8});
  exemplified(digits, spec() + examples(example(feature("c3", floats({4})) + feature("c0", floats({1})) +
                                                feature("c1", floats({2})) + feature("c2", integers({3})))));
  CHECK(exemplified.rows.columns() == 4);
  CHECK(numbers_of(exemplified.rows, 3) == Numbers{4});
}

TEST_CASE("Regressions are a number for each example") {
  Exemplified exemplified;
  const Bytes one =
      example(feature("age", floats({1})) + feature("work", texts({"a"})) + feature("hours", floats({1})));
  exemplified(houses, spec(signature_name("regress")) + examples(one + one), ExamplesRequest::Verb::regress);
  std::string out;
  const std::vector<float> values{3.5f, 0};
  append_examples_answer(out, exemplified.request, 3, {&houses, 2, values});
  CHECK(out ==
        pb::bytes(1, pb::bytes(1, pb::fixed32(1, 3.5f)) + pb::bytes(1, "")) +
            pb::bytes(2, pb::bytes(1, "m") + pb::bytes(2, pb::varint(1, 3)) + pb::bytes(3, "regress")));
}

TEST_CASE("Versions are told with their states, the newest first") {
  serving::ModelEntry model;
  model.versions[2] = {serving::VersionState::end, nullptr,
                       make_error(ErrorKind::data, "half of it is missing")};
  model.versions[3] = {serving::VersionState::available, nullptr, {}};
  const Bytes two = pb::bytes(1, pb::varint(1, 2) + pb::varint(2, 50) +
                                     pb::bytes(3, pb::varint(1, 3) + pb::bytes(2, "half of it is missing")));
  const Bytes three = pb::bytes(1, pb::varint(1, 3) + pb::varint(2, 30) + pb::bytes(3, ""));
  std::string all, one;
  append_model_status(all, model);
  CHECK(all == three + two);
  append_model_status(one, model, 2);
  CHECK(one == two);
}

TEST_CASE("Signatures are told as TensorFlow has them") {
  const Bytes query = spec() + pb::bytes(2, "signature_def");
  CHECK(read_metadata_query(query).name == "m");
  const auto info = [](unsigned field, std::string_view name, std::uint64_t type,
                       std::initializer_list<std::int64_t> sizes) {
    Bytes dimensions;
    for (const std::int64_t size : sizes)
      dimensions += pb::bytes(2, pb::varint(1, static_cast<std::uint64_t>(size)));
    return pb::entry(field, name,
                     pb::bytes(1, Bytes(name) + ":0") + pb::varint(2, type) + pb::bytes(3, dimensions));
  };
  const auto signature = [](std::string_view name, std::string_view tensors, std::string_view method) {
    return pb::entry(1, name, Bytes(tensors) + pb::bytes(3, "tensorflow/serving/" + Bytes(method)));
  };
  const Bytes x = info(1, "x", 1, {-1, 4}), proba = info(2, "proba", 1, {-1, 3}),
              label = info(2, "label", 9, {-1});
  std::string out;
  append_signatures(out, "m", 3, digits);
  CHECK(out == pb::bytes(1, pb::bytes(1, "m") + pb::bytes(2, pb::varint(1, 3))) +
                   pb::entry(2, "signature_def",
                             pb::bytes(1, "type.googleapis.com/tensorflow.serving.SignatureDefMap") +
                                 pb::bytes(2, signature("serving_default", x + proba, "predict") +
                                                  signature("all", x + proba + label, "predict") +
                                                  signature("classify",
                                                            info(1, "inputs", 7, {-1}) +
                                                                info(2, "classes", 7, {-1, 3}) +
                                                                info(2, "scores", 1, {-1, 3}),
                                                            "classify"))));
}
