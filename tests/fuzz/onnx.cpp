// ONNX files, and what is made of them.
#include <algorithm>

#include "base/log.hpp"
#include "exchange/named_arrays.hpp"
#include "fuzz.hpp"
#include "onnx/graph.hpp"
#include "onnx/import.hpp"
#include "onnx/import_graph.hpp"

using namespace nn;

namespace {

bool can_be_written(const onnx::Model& model) {
  using Type = onnx::Attribute::Type;
  const auto read = [](const onnx::Attribute& a) {
    return a.type != Type::undefined && a.type != Type::graph && a.type != Type::other;
  };
  return std::all_of(model.graph.nodes.begin(), model.graph.nodes.end(), [&](const onnx::Node& node) {
    return std::all_of(node.attributes.begin(), node.attributes.end(), read);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  set_verbosity(Verbosity::quiet);
  const fuzz::Budget budget(size, 64 << 20);
  fuzz::accepts([&] {
    const onnx::Model model = onnx::parse_model(fuzz::as_input(data, size));
    if (can_be_written(model)) {
      const std::string bytes = onnx::model_bytes(model);
      if (onnx::model_bytes(onnx::parse_model(std::as_bytes(std::span(bytes)))) != bytes)
        fuzz::broken_promise("another model", "");
    }
    (void)onnx::import_graph(model, {});
  });
  const fuzz::MemoryFile file(fuzz::as_input(data, size));
  onnx::ImportOptions options;
  options.read_description = [](const std::string& text) { return exchange::described_model(text); };
  fuzz::accepts([&] { (void)onnx::load_onnx(file.path(), options); });
  return 0;
}
