// A model of ours as an ONNX file: preprocessing, layers and what the outputs mean, for runtimes that know
// nothing of us.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/enum_names.hpp"
#include "model/model.hpp"
#include "onnx/graph.hpp"

namespace nn::onnx {

// What a graph takes.
enum class InputForm : std::uint8_t {
  float32,  // an input for each column: float32 [batch, 1] and texts, or a tensor [batch, …] of float32
  float64,  // the same with float64 in place of float32, scaled in float64 as nn's own encoder does
  matrix,   // columns of numbers as one input x [batch, columns]
  uint8,    // a tensor of bytes
};
const EnumNames<InputForm>& enum_names(InputForm);

// In which order an image's values come.
enum class ImageLayout : std::uint8_t { nhwc, nchw };
const EnumNames<ImageLayout>& enum_names(ImageLayout);

inline constexpr std::int64_t least_opset = 13, most_opset = 20;

struct ExportOptions {
  // The version of ONNX's operators. Nothing: 13, or 17 where a network has layer_norm on vectors.
  std::optional<std::int64_t> opset;
  // Only numbers and only ONNX's own operators: categories are the indices of their texts, and so are labels
  // that are texts. Other runtimes than ONNX Runtime need that.
  bool numeric = false;
  std::optional<ImageLayout> layout;  // nhwc, as models of ours have it
  std::optional<InputForm> input;     // float32
  std::string description;  // of the model, as exchange/json.hpp writes it; empty: the file has none
};

// A model that was made, and which of its initializers are weights: those, and only those, are elements of
// the parameters in another order, and zeros.
struct Exported {
  Model file;
  std::vector<std::string> weights;
};

// `model` must be good (check_model()) and have its parameters, which tensors of the result share. The same
// model and options give the same file. Usage errors for options that don't fit the model. `warnings`, where
// it isn't null, gets what is said about inputs that lose digits, and outputs that are not called as usual.
Exported export_model(const model::Model& model, const ExportOptions& options,
                      std::vector<std::string>* warnings = nullptr);

// Writes that to a file, atomically, and prints the warnings.
void save_onnx(const std::string& path, const model::Model& model, const ExportOptions& options);

// The metadata of exports, besides the description and the digest.
inline constexpr const char* description_key = "nn.description";
inline constexpr const char* export_key = "nn.export";  // options, as export_options_text() writes them

std::string export_options_text(const ExportOptions& options);
// What that wrote; nothing for anything else.
std::optional<ExportOptions> parse_export_options(const std::string& text);

}  // namespace nn::onnx
