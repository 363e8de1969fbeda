// The model that both servers of a comparison have: x [4] to value [4], value = 2 x. interop-serve-model FILE
#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/error.hpp"
#include "base/memory.hpp"
#include "model/model.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  constexpr int width = 4;
  try {
    nn::model::Model model;
    model.encoder =
        nn::model::Encoder({{"x", nn::model::InputColumn::Kind::tensor, {width}, {}, {}, {}, {}}});
    model.target.kind = nn::model::Target::Kind::numbers;
    model.target.shape = {width};
    model.loss = nn::Loss::mse;
    model.network = nn::parse_network("dense");
    nn::resolve(model.network, model.encoder.input_shape(), width);
    const nn::Plan plan = nn::lower(model.network, model.loss);
    auto block = std::make_shared<nn::Buffer>(static_cast<std::size_t>(plan.parameter_count) * sizeof(float));
    auto* values = block->as<float>();
    std::fill_n(values, plan.parameter_count, 0.0f);
    for (int i = 0; i < width; ++i) values[plan.parameters.at(0).offset + i * width + i] = 2;  // the kernel
    model.parameters = std::shared_ptr<const float>(block, values);
    nn::model::save_model(argv[1], model);
  } catch (const nn::Error& error) {
    std::fprintf(stderr, "interop-serve-model: %s\n", error.what());
    return 1;
  }
}
