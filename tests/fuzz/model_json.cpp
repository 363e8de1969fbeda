// The description of a model as JSON, which nn-model convert reads.
#include "exchange/json.hpp"
#include "fuzz.hpp"
#include "model/description.hpp"

using namespace nn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Budget budget(size, 64 << 20);
  fuzz::accepts([&] {
    exchange::JsonModel json = exchange::model_from_json(fuzz::as_text(fuzz::as_input(data, size)));
    json.model.network = model::checked_network(json.network, json.input, json.model, 1 << 20);
    model::check_model(json.model);
    const std::string text = exchange::model_to_json(json.model).dump();
    if (exchange::model_from_json(text).network != to_string(json.model.network)) {
      fuzz::broken_promise("another network", text);
    }
  });
  return 0;
}
