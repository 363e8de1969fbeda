// Requests of the Open Inference Protocol with tensors as bytes: the model, the length of the JSON in two
// bytes, then the body.
#include "inference/v2.hpp"
#include "serve_requests.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nn;
  fuzz::Choices choices(fuzz::as_input(data, size));
  const inference::Signature& model = fuzz::chosen_model(choices);
  const std::size_t low = choices.of(256), high = choices.of(256);
  const std::string length = std::to_string(high * 256 + low);
  const fuzz::PaddedBody body(choices.rest());
  const fuzz::Budget budget(size, 1 << 16);
  fuzz::accepts([&] {
    inference::V2Reader reader;
    inference::Rows rows;
    inference::V2Request request;
    reader.read(body.text(), length, model, rows, request);
    fuzz::check_rows(rows);
    std::string answer;
    const auto json =
        inference::append_v2_answer(answer, request, {"m", 1, {}}, fuzz::Answered(rows).answers, false);
    if (json && *json > answer.size()) fuzz::broken_promise("a length beyond the answer", answer);
  });
  return 0;
}
