#include "onnx/import_graph.hpp"

#include "base/error.hpp"

namespace nn::onnx {

model::Model import_graph(const Model& file, const ImportOptions& /*options*/) {
  if (file.graph.nodes.empty()) fail_data("the graph is empty");
  fail(ErrorKind::unsupported, "the graph is not an export of ours, and others are not read yet");
}

}  // namespace nn::onnx
