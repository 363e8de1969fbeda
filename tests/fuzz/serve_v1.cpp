// Requests of TensorFlow Serving's REST protocol: the model, the verb, then the body.
#include <nlohmann/json.hpp>

#include "inference/v1.hpp"
#include "serve_requests.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nn;
  fuzz::Choices choices(fuzz::as_input(data, size));
  const inference::Signature& model = fuzz::chosen_model(choices);
  const auto verb = static_cast<inference::V1Verb>(choices.of(3));
  const fuzz::PaddedBody body(choices.rest());
  const fuzz::Budget budget(size, 1 << 16);
  fuzz::accepts([&] {
    inference::V1Reader reader;
    inference::Rows rows;
    inference::V1Request request;
    reader.read(body.text(), verb, model, rows, request);
    fuzz::check_rows(rows);
    std::string answer;
    inference::append_v1_answer(answer, request, fuzz::Answered(rows).answers, true);
    if (!nlohmann::json::accept(answer)) fuzz::broken_promise("an answer that is not JSON", answer);
  });
  return 0;
}
