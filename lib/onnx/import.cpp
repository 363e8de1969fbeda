#include "onnx/import.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/text.hpp"
#include "nn/plan.hpp"
#include "onnx/export.hpp"
#include "onnx/import_graph.hpp"

namespace nn::onnx {
namespace {

using Constants = std::map<std::string_view, const Tensor*>;

Constants constants_of(const Graph& graph) {
  Constants constants;
  for (const Tensor& tensor : graph.initializers) constants.emplace(tensor.name, &tensor);
  return constants;
}

// Whether everything in there is what an export may have: then its bytes say all.
bool is_plain(const Graph& graph) {
  const auto tensor = [](const ValueInfo& value) { return value.kind == ValueInfo::Kind::tensor; };
  const auto plain = [](const Attribute& attribute) {
    return attribute.type == Attribute::Type::real || attribute.type == Attribute::Type::integer ||
           attribute.type == Attribute::Type::integers || attribute.type == Attribute::Type::text ||
           attribute.type == Attribute::Type::texts;
  };
  return std::all_of(graph.inputs.begin(), graph.inputs.end(), tensor) &&
         std::all_of(graph.outputs.begin(), graph.outputs.end(), tensor) &&
         std::all_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
           return std::all_of(node.attributes.begin(), node.attributes.end(), plain);
         });
}

// All but the constants and what is about the file.
std::string structure_of(const Model& model) {
  Model bare;
  bare.ir_version = model.ir_version;
  bare.opsets = model.opsets;
  bare.graph.name = model.graph.name;
  bare.graph.nodes = model.graph.nodes;
  bare.graph.inputs = model.graph.inputs;
  bare.graph.outputs = model.graph.outputs;
  return model_bytes(bare);
}

bool same_type(const Tensor& a, const Tensor& b) { return a.type == b.type && a.dims == b.dims; }

bool same_elements(const Tensor& a, const Tensor& b) {
  return std::ranges::equal(a.data, b.data) && a.strings == b.strings;
}

std::uint32_t bits_at(const Tensor& tensor, std::size_t index) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, tensor.data.data() + index * sizeof bits, sizeof bits);
  return bits;
}

// Weights whose bits are their place in the block, from 1 on: exporting them shows where each one goes.
std::shared_ptr<const float> numbered(std::int64_t count) {
  auto buffer = std::make_shared<Buffer>(static_cast<std::size_t>(count) * sizeof(float));
  auto* bits = buffer->as<std::uint32_t>();
  for (std::int64_t i = 0; i < count; ++i) bits[i] = static_cast<std::uint32_t>(i + 1);
  return {buffer, buffer->as<float>()};
}

// Puts a constant's elements where `places` says; false where what should be zero is something else.
bool take_weights(const Tensor& places, const Tensor& from, std::uint32_t* block) {
  const auto count = static_cast<std::size_t>(from.count());
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t place = bits_at(places, i), bits = bits_at(from, i);
    if (place == 0) {
      if (bits != 0) return false;
      continue;
    }
    if (!std::isfinite(std::bit_cast<float>(bits))) {
      fail_data("tensor '{}': element {} is {}, not a weight", printable(from.name), i,
                std::bit_cast<float>(bits));
    }
    block[place - 1] = bits;
  }
  return true;
}

std::optional<model::Model> read_description(const Model& file, const ImportOptions& options) {
  const auto text = file.metadata.find(description_key);
  if (text == file.metadata.end() || !options.read_description) return std::nullopt;
  try {
    return options.read_description(text->second);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<ExportOptions> export_options_of(const Model& file) {
  const auto text = file.metadata.find(export_key);
  return text == file.metadata.end() ? std::nullopt : parse_export_options(text->second);
}

// A description may say whatever it likes: no more memory is taken than the file's constants have.
bool has_weights_for(const Model& file, const Plan& plan) {
  std::uint64_t bytes = 0;
  for (const Tensor& tensor : file.graph.initializers) bytes += tensor.data.size();
  std::uint64_t needed = 0;
  for (const Parameter& parameter : plan.parameters)
    needed += static_cast<std::uint64_t>(parameter.size()) * sizeof(float);
  return needed <= bytes && plan.parameters.size() <= file.graph.initializers.size();
}

}  // namespace

std::optional<model::Model> import_own(const Model& file, const ImportOptions& options) {
  std::optional<model::Model> model = read_description(file, options);
  const std::optional<ExportOptions> exported_by = export_options_of(file);
  if (!model || !exported_by || !is_plain(file.graph)) return std::nullopt;
  const Plan plan = lower(model->network, model->loss);
  if (!has_weights_for(file, plan)) return std::nullopt;

  model->parameters = numbered(plan.parameter_count);
  Exported made;
  try {
    made = export_model(*model, *exported_by);
  } catch (const Error&) {
    return std::nullopt;  // options that don't fit the model
  }
  if (structure_of(made.file) != structure_of(file)) return std::nullopt;

  const Constants there = constants_of(file.graph);
  if (there.size() != made.file.graph.initializers.size()) return std::nullopt;
  const std::set<std::string_view> weights(made.weights.begin(), made.weights.end());
  auto block = std::make_shared<Buffer>(static_cast<std::size_t>(plan.parameter_count) * sizeof(float));
  auto* bits = block->as<std::uint32_t>();
  std::fill_n(bits, plan.parameter_count, 0u);
  for (const Tensor& constant : made.file.graph.initializers) {
    const auto found = there.find(constant.name);
    if (found == there.end() || !same_type(*found->second, constant)) return std::nullopt;
    const bool same = weights.contains(constant.name) ? take_weights(constant, *found->second, bits)
                                                      : same_elements(constant, *found->second);
    if (!same) return std::nullopt;
  }
  model->parameters = {block, block->as<float>()};
  return model;
}

model::Model load_onnx(const std::string& path, const ImportOptions& options) {
  const Model file = read_model(path);
  try {
    if (std::optional<model::Model> own = import_own(file, options)) return std::move(*own);
    if (file.metadata.contains(description_key) && options.read_description) {
      warn("{}: its graph is not what its description says, and counts alone", printable(path, 4096));
    }
    return import_graph(file, options);
  } catch (const Error& error) {
    throw error.within_file(path);
  }
}

}  // namespace nn::onnx
