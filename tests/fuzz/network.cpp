// --net. What is accepted has a canonical text, which means the same, and can be lowered.
#include "nn/network.hpp"

#include "fuzz.hpp"
#include "nn/plan.hpp"

using namespace nn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::as_input(data, size));
  const Shape input = choices.yes() ? Shape{8, 8, 3} : Shape{12};
  fuzz::accepts([&] {
    Network network = parse_network(fuzz::as_text(choices.rest()));
    const std::string text = to_string(network);
    if (to_string(parse_network(text)) != text) fuzz::broken_promise("not canonical", text);
    resolve(network, input, 3, {{8, false}, {4, true}});
    (void)lower(network, Loss::mse);
  });
  fuzz::accepts([&] { (void)network_from_widths(fuzz::as_text(choices.rest()), Activation::relu); });
  return 0;
}
