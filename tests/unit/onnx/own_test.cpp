// Exports of ours come back as they were.
#include "../model/models.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "catch.hpp"
#include "exchange/convert.hpp"
#include "layers/table.hpp"
#include "messages.hpp"
#include "onnx/export.hpp"
#include "onnx/import.hpp"

using namespace nn;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

onnx::ExportOptions with(const std::string& text) { return *onnx::parse_export_options(text); }

}  // namespace

TEST_CASE("a model that was exported comes back with the same bytes") {
  const Scratch scratch;
  const auto check = [&](model::Model model, const char* options) {
    INFO(to_string(model.network) << " " << options);
    model::save_model(scratch / "m.nn", model);
    exchange::convert_file(scratch / "m.nn", scratch / "m.onnx", {with(options), {}});
    exchange::convert_file(scratch / "m.onnx", scratch / "back.nn");
    CHECK(read_file(scratch / "m.nn") == read_file(scratch / "back.nn"));
    exchange::convert_file(scratch / "m.nn", scratch / "again.onnx", {with(options), {}});
    CHECK(read_file(scratch / "m.onnx") == read_file(scratch / "again.onnx"));
  };
  for (const Case& c : all_cases()) check(model_of(c), "");
  for (const char* options : {"", "numeric", "opset=20", "input=double"}) check(class_model(), options);
  for (const char* options : {"", "layout=nchw", "input=uint8", "opset=19"})
    check(model_of({"conv2d 3 2x2, batch_norm, flatten, layer_norm, dense", 24, 3, Loss::mse, 1, {4, 3, 2}}),
          options);
}

TEST_CASE("weights that were changed in the file are taken in, a changed graph is not ours") {
  const Scratch scratch;
  model::Model model = model_of({"conv2d 3 2x2, dense 4 tanh, dense", 24, 3, Loss::mse, 1, {4, 3, 2}});
  model::save_model(scratch / "m.nn", model);
  exchange::convert_file(scratch / "m.nn", scratch / "m.onnx");
  const auto changed = [&](const auto& change) {
    onnx::Model file = onnx::read_model(scratch / "m.onnx");
    change(file);
    onnx::write_model(scratch / "changed.onnx", file);
    exchange::convert_file(scratch / "changed.onnx", scratch / "changed.nn");
    return model::load_model(scratch / "changed.nn");
  };
  const auto tensor = [](onnx::Model& file, const char* name) -> onnx::Tensor& {
    for (onnx::Tensor& one : file.graph.initializers) {
      if (one.name == name) return one;
    }
    throw std::logic_error(name);
  };
  const auto set = [&](onnx::Model& file, const char* name, float value) {
    onnx::Tensor& old = tensor(file, name);
    std::vector<float> values = floats_of(old);
    values.back() = value;
    old = onnx::make_tensor(name, old.dims, std::span<const float>(values));
  };
  const model::Model taken = changed([&](onnx::Model& file) { set(file, "conv2d_0/kernel", 42); });
  // The last one in the order [out, in, height, width] is the last one here as well.
  CHECK(taken.parameters.get()[2 * 2 * 2 * 3 - 1] == 42);
  CHECK_THROWS_WITH(changed([&](onnx::Model& file) { set(file, "dense_0/bias", NAN); }),
                    Contains("tensor 'dense_0/bias': element 3 is nan, not a weight"));
  const Messages messages;
  const auto is_not_ours = [&](const auto& change) {
    try {
      const model::Model other = changed(change);
      CHECK(other.digest != model.digest);
    } catch (const Error&) {  // of its graph
    }
    const std::vector<std::string> lines = messages.take();
    REQUIRE(lines.size() >= 1);
    CHECK_THAT(lines[0], Contains("its graph is not what its description says"));
  };
  is_not_ours([](onnx::Model& file) { file.graph.nodes[3].op_type = "Relu"; });
  is_not_ours([](onnx::Model& file) {
    file.graph.nodes.pop_back();
    file.graph.outputs[0].name = "dense_1/gemm";
  });
  is_not_ours([](onnx::Model& file) {
    file.graph.initializers.pop_back();
    file.graph.nodes[file.graph.nodes.size() - 2].inputs.pop_back();
  });
  is_not_ours([&](onnx::Model& file) { tensor(file, "dense_0/bias").dims = {2, 2}; });
  is_not_ours([](onnx::Model& file) { file.metadata[onnx::export_key] = "opset=14"; });
  is_not_ours([](onnx::Model& file) { file.metadata[onnx::export_key] = "layout=nchw"; });
  is_not_ours([](onnx::Model& file) { file.metadata[onnx::description_key] = "{}"; });
  is_not_ours([](onnx::Model& file) {
    std::string& text = file.metadata[onnx::description_key];
    text.replace(text.find("dense 4"), 7, "dense 900000");
  });
}
