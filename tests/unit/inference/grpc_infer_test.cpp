#include "inference/grpc_infer.hpp"

#include "catch.hpp"
#include "grpc_fixture.hpp"
#include "inference/status_code.hpp"

using namespace nn;
using namespace nn::inference;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

using Bytes = std::string;

Bytes parameter(unsigned field, std::string_view name, std::string_view value) {
  return pb::entry(field, name, value);
}
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
Bytes model(std::string_view name = "m") { return pb::bytes(1, name); }
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
  void operator()(const Signature& signature, const Bytes& message) {
    request.read(message);
    request.fill(signature, {}, rows);
  }
};

// The message of the error that a request is met with.
std::string refusal(const Signature& signature, const Bytes& message) {
  Asked asked;
  try {
    asked(signature, message);
  } catch (const Error& error) {
    CHECK(code_of(error) == StatusCode::invalid_argument);
    return error.what();
  }
  return "accepted";
}

const Signature digits = matrix_signature(4, classes({"0", "1", "2"}, true));
const Signature people = people_signature(classes({"no", "yes"}, false));
const Signature images = image_signature(numbers({}));

}  // namespace

TEST_CASE("A request's rows, id and parameters are read, in whatever order its fields come") {
  const Bytes x = input("x", "FP32", {1, 4});
  for (const Bytes& message :
       {model() + pb::bytes(3, "a") + x + raw(row4()), raw(row4()) + x + pb::bytes(3, "b") + pb::bytes(3, "a") + model()}) {
    Asked asked;
    asked(digits, message + parameter(4, "timeout", pb::varint(2, 20000)) + parameter(4, "priority", pb::varint(5, 7)));
    CHECK(asked.request.model() == "m");
    CHECK(asked.request.version().empty());
    CHECK(asked.request.id() == "a");
    CHECK(asked.request.timeout() == std::chrono::microseconds(20000));
    CHECK(asked.request.priority() == 7);
    CHECK(asked.rows.batch().rows == 1);
    CHECK(asked.rows.batch().columns.size() == 1);
    CHECK(numbers_of(asked.rows, 0) == Numbers{1, 2, 3, 4});
    CHECK(asked.request.outputs().size() == 2);
  }
}
