// Messages of gRPC's inference protocols, for a model that the first bytes choose: what is accepted has rows,
// and an answer that is a message; time and memory are in proportion to the input and the limits on rows.
#include <cstdint>
#include <string>
#include <vector>

#include "../unit/inference/grpc_fixture.hpp"
#include "fuzz.hpp"
#include "inference/grpc_describe.hpp"
#include "inference/grpc_infer.hpp"
#include "inference/grpc_tensorflow.hpp"
#include "inference/proto_wire.hpp"

using namespace nn;
using namespace nn::inference;

namespace {

constexpr proto::RowLimits limits{.rows = 100, .bytes = 1 << 16};

const Signature& signature_of(std::size_t choice) {
  static const std::vector<Signature> signatures{
      test::matrix_signature(3, test::classes({"0", "1", "2"}, true)),
      test::people_signature(test::classes({"no", "yes"}, false)), test::people_signature(test::numbers({})),
      test::image_signature(test::numbers({2, 2}))};
  return signatures[choice];
}

// Looks at every value of the rows, and checks that there are some.
std::vector<float> answers_to(const Rows& rows, const Signature& signature) {
  const Batch& batch = rows.batch();
  if (batch.rows < 1 || batch.rows > limits.rows)
    fuzz::broken_promise("the number of rows", std::to_string(batch.rows));
  fuzz::use(batch);
  return std::vector<float>(static_cast<std::size_t>(batch.rows * signature.kind().width()), 0.5f);
}

// An answer is read to its end, and so are the messages in it that every answer has.
void check_message(const std::string& message) {
  for (proto::Reader field(message); field.next();) {
    if (field.key() == proto::bytes(5)) {
      for (proto::Reader inner(field.bytes()); inner.next();) {
      }
    }
  }
}

void infer(std::string_view message, const Signature& signature) {
  static InferRequest request;
  static Rows rows;
  request.read(message);
  request.fill(signature, limits, rows);
  const std::vector<float> values = answers_to(rows, signature);
  std::string out;
  append_infer_answer(out, request, {request.model(), 3, {}}, {&signature, rows.batch().rows, values});
  check_message(out);
}

void predicted(std::string_view message, const Signature& signature) {
  static PredictRequest request;
  static Rows rows;
  request.read(message);
  request.fill(signature, limits, rows);
  const std::vector<float> values = answers_to(rows, signature);
  std::string out;
  append_predict_answer(out, request, 3, {&signature, rows.batch().rows, values});
  check_message(out);
}

void examples(std::string_view message, const Signature& signature, ExamplesRequest::Verb verb) {
  static ExamplesRequest request;
  static Rows rows;
  request.read(message, verb);
  request.fill(signature, limits, rows);
  const std::vector<float> values = answers_to(rows, signature);
  std::string out;
  append_examples_answer(out, request, 3, {&signature, rows.batch().rows, values});
  check_message(out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::as_input(data, size));
  const std::size_t call = choices.of(8);
  const Signature& signature = signature_of(choices.of(4));
  const std::string_view message = fuzz::as_text(choices.rest());
  const fuzz::Budget budget(message.size(), 32 << 20);
  fuzz::accepts([&] {
    switch (call) {
      case 0: return infer(message, signature);
      case 1: return predicted(message, signature);
      case 2: return examples(message, signature, ExamplesRequest::Verb::classify);
      case 3: return examples(message, signature, ExamplesRequest::Verb::regress);
      case 4: return (void)parse_model_version(read_model_query(message).version);
      case 5: return (void)read_repository_model(message);
      case 6: return (void)read_metadata_query(message);
      default: (void)read_index_query(message); return (void)read_health_query(message);
    }
  });
  return 0;
}
