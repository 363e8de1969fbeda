// Requests of the Open Inference Protocol that are JSON: the model, then the body.
#include <nlohmann/json.hpp>

#include "inference/v2.hpp"
#include "serve_requests.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nn;
  fuzz::Choices choices(fuzz::as_input(data, size));
  const inference::Signature& model = fuzz::chosen_model(choices);
  const fuzz::PaddedBody body(choices.rest());
  const fuzz::Budget budget(size, 1 << 16);
  fuzz::accepts([&] {
    inference::V2Reader reader;
    inference::Rows rows;
    inference::V2Request request;
    reader.read(body.text(), std::nullopt, model, rows, request);
    fuzz::check_rows(rows);
    std::string answer;
    const auto length =
        inference::append_v2_answer(answer, request, {"m", 1, {}}, fuzz::Answered(rows).answers, true);
    const std::string json = answer.substr(0, length.value_or(answer.size()));
    if (!nlohmann::json::accept(json)) fuzz::broken_promise("an answer that is not JSON", json);
  });
  return 0;
}
