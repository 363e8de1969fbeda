// From layers to words and weights.
#include "onnx/import_layers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace nn::onnx {
namespace {

using Kind = ImportLayer::Kind;
constexpr double no_epsilon = 1e-12;  // of a norm that only scales: beside 1 it is nothing

bool is_product(const ImportLayer& layer) { return layer.kind == Kind::dense || layer.kind == Kind::conv2d; }

double at(const std::vector<double>& values, std::size_t index, double absent) {
  return values.empty() ? absent : values[values.size() == 1 ? 0 : index];
}

bool changes_nothing(const ImportLayer& affine) {
  return std::all_of(affine.scale.begin(), affine.scale.end(), [](double s) { return s == 1; }) &&
         std::all_of(affine.shift.begin(), affine.shift.end(), [](double s) { return s == 0; });
}

// Makes what follows a product part of it; false where it goes over other values than the product's outputs.
bool fold_into(ImportLayer& product, const ImportLayer& affine) {
  if (!is_product(product) || !product.activation.empty()) return false;
  if (affine.scale.size() != 1 && static_cast<std::int64_t>(affine.scale.size()) != product.units)
    return false;
  const auto units = static_cast<std::size_t>(product.units);
  std::vector<double> scale(units), bias(units);
  for (std::size_t i = 0; i < units; ++i) {
    const double s = at(affine.scale, i, 1);
    scale[i] = at(product.kernel.scale, i, 1) * s;
    bias[i] = at(product.bias, i, 0) * s + at(affine.shift, i, 0);
  }
  product.kernel.scale = std::move(scale);
  product.bias = std::move(bias);
  return true;
}

void merge(ImportLayer& first, const ImportLayer& second) {
  const std::size_t size = std::max(first.scale.size(), second.scale.size());
  std::vector<double> scale(size), shift(size);
  for (std::size_t i = 0; i < size; ++i) {
    scale[i] = at(first.scale, i, 1) * at(second.scale, i, 1);
    shift[i] = at(first.shift, i, 0) * at(second.scale, i, 1) + at(second.shift, i, 0);
  }
  first.scale = std::move(scale);
  first.shift = std::move(shift);
  first.channels = std::max(first.channels, second.channels);
}

// A norm whose statistics are those of what is normal already.
void make_norm(ImportLayer& affine) {
  const auto channels = static_cast<std::size_t>(affine.channels);
  affine.kind = Kind::batch_norm;
  affine.gamma.resize(channels);
  affine.beta.resize(channels);
  for (std::size_t i = 0; i < channels; ++i) {
    affine.gamma[i] = at(affine.scale, i, 1);
    affine.beta[i] = at(affine.shift, i, 0);
  }
  affine.mean.assign(channels, 0);
  affine.variance.assign(channels, 1);
  affine.epsilon = no_epsilon;
}

void put_together(ImportChain& chain) {
  ImportChain out;
  for (ImportLayer& layer : chain) {
    for (ImportChain& branch : layer.branches) {
      put_together(branch);
      for (ImportLayer& inner : branch) {
        if (inner.kind == Kind::affine) make_norm(inner);
      }
    }
    if (layer.kind == Kind::affine) {
      if (changes_nothing(layer)) continue;
      if (!out.empty() && fold_into(out.back(), layer)) continue;
      if (!out.empty() && out.back().kind == Kind::affine) {
        merge(out.back(), layer);
        continue;
      }
    }
    if (layer.kind == Kind::activation && !out.empty() && is_product(out.back()) &&
        out.back().activation.empty()) {
      out.back().activation = layer.activation;
      continue;
    }
    out.push_back(std::move(layer));
  }
  chain = std::move(out);
}

std::string window_words(const ImportLayer& layer, bool usual_strides_are_window) {
  std::string out;
  const std::int64_t* usual = usual_strides_are_window ? layer.window : nullptr;
  if (layer.strides[0] != (usual ? usual[0] : 1) || layer.strides[1] != (usual ? usual[1] : 1))
    out += fmt::format(" strides {}x{}", layer.strides[0], layer.strides[1]);
  if (layer.same) {
    out += " same";
  } else if (layer.before[0] + layer.before[1] + layer.after[0] + layer.after[1] > 0) {
    out += fmt::format(" pad {}:{}x{}:{}", layer.before[0], layer.after[0], layer.before[1], layer.after[1]);
  }
  if (layer.dilations[0] != 1 || layer.dilations[1] != 1)
    out += fmt::format(" dilation {}x{}", layer.dilations[0], layer.dilations[1]);
  return out;
}

std::string words_of(const ImportLayer& layer) {
  const std::string activation = layer.activation.empty() ? "" : " " + layer.activation;
  // The file's number is a float, and is written as one.
  const auto epsilon = [&] { return fmt::format("epsilon {}", static_cast<float>(layer.epsilon)); };
  switch (layer.kind) {
    case Kind::dense: return fmt::format("dense {}{}", layer.units, activation);
    case Kind::conv2d:
      return fmt::format("conv2d {} {}x{}{}{}{}", layer.units, layer.window[0], layer.window[1],
                         window_words(layer, false),
                         layer.groups > 1 ? fmt::format(" groups {}", layer.groups) : "", activation);
    case Kind::max_pool2d:
    case Kind::average_pool2d:
      return fmt::format("{} {}x{}{}", layer.kind == Kind::max_pool2d ? "max_pool2d" : "average_pool2d",
                         layer.window[0], layer.window[1], window_words(layer, true));
    case Kind::global_average_pool2d: return "global_average_pool2d";
    case Kind::global_max_pool2d: return "global_max_pool2d";
    case Kind::batch_norm: return "batch_norm " + epsilon();
    case Kind::layer_norm: return "layer_norm " + epsilon();
    case Kind::activation: return "activation " + layer.activation;
    case Kind::flatten: return "flatten";
    case Kind::residual: {
      const std::string shortcut = net_text(layer.branches[1]);
      return fmt::format("residual({}{}{})", net_text(layer.branches[0]), shortcut.empty() ? "" : "; ",
                         shortcut);
    }
    case Kind::concat: {
      std::string out;
      for (const ImportChain& branch : layer.branches)
        out += (out.empty() ? "concat(" : "; ") + net_text(branch);
      return out + ")";
    }
    case Kind::affine: break;
  }
  fail(ErrorKind::internal, "a layer without words");
}

// ---- weights

class Writer {
 public:
  Writer(const FlowGraph& graph, WeightSink& sink) : graph_(graph), sink_(sink) {}

  void write(const ImportChain& chain) {
    for (const ImportLayer& layer : chain) {
      switch (layer.kind) {
        case Kind::dense:
          dense(layer);
          vector("bias", layer, in_order(layer, layer.bias), layer.units);
          break;
        case Kind::conv2d:
          conv(layer);
          vector("bias", layer, layer.bias, layer.units);
          break;
        case Kind::batch_norm:
          vector("gamma", layer, layer.gamma, layer.channels);
          vector("beta", layer, layer.beta, layer.channels);
          vector("moving_mean", layer, layer.mean, layer.channels);
          vector("moving_variance", layer, layer.variance, layer.channels);
          break;
        case Kind::layer_norm:
          vector("gamma", layer, layer.gamma, layer.channels);
          vector("beta", layer, layer.beta, layer.channels);
          break;
        default: break;
      }
      for (const ImportChain& branch : layer.branches) write(branch);
    }
  }

 private:
  void check(const ImportLayer& layer, const float* values, std::int64_t count) const {
    const float* bad =
        std::find_if_not(values, values + count, [](float value) { return std::isfinite(value); });
    if (bad != values + count)
      throw data_error("one of its weights is {}", *bad).within(graph_.describe(layer.node));
  }

  void vector(const char* name, const ImportLayer& layer, const std::vector<double>& values,
              std::int64_t count) {
    float* out = sink_.place(name, count);
    for (std::int64_t i = 0; i < count; ++i)
      out[i] = static_cast<float>(at(values, static_cast<std::size_t>(i), 0));
    check(layer, out, count);
  }

  const float* read(const FileKernel& kernel, std::int64_t count) {
    kernel.constant->copy_to(values_);
    if (static_cast<std::int64_t>(values_.size()) != count)
      fail(ErrorKind::internal, "a kernel of another size");
    return values_.data();
  }

  float scale_of(const FileKernel& kernel, std::size_t output) const {
    return static_cast<float>(at(kernel.scale, output, 1) * kernel.factor);
  }

  static std::size_t place_of(const ImportLayer& layer, std::size_t output) {
    return layer.output_places.empty() ? output : static_cast<std::size_t>(layer.output_places[output]);
  }
  static std::vector<double> in_order(const ImportLayer& layer, const std::vector<double>& values) {
    if (values.empty() || layer.output_places.empty()) return values;
    std::vector<double> out(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) out[place_of(layer, i)] = values[i];
    return out;
  }

  // [inputs, outputs]
  void dense(const ImportLayer& layer) {
    const FileKernel& kernel = layer.kernel;
    const auto inputs = static_cast<std::int64_t>(kernel.places.size()), outputs = layer.units;
    const float* from = read(kernel, inputs * outputs);
    float* out = sink_.place("kernel", inputs * outputs);
    for (std::int64_t o = 0; o < outputs; ++o) {
      const float scale = scale_of(kernel, static_cast<std::size_t>(o));
      const auto to = static_cast<std::int64_t>(place_of(layer, static_cast<std::size_t>(o)));
      for (std::int64_t i = 0; i < inputs; ++i) {
        const float value = kernel.outputs_first ? from[o * inputs + i] : from[i * outputs + o];
        out[kernel.places[static_cast<std::size_t>(i)] * outputs + to] = scale * value;
      }
    }
    check(layer, out, inputs * outputs);
  }

  // [height, width, inputs / groups, outputs] of [outputs, inputs / groups, height, width]
  void conv(const ImportLayer& layer) {
    const FileKernel& kernel = layer.kernel;
    const std::int64_t outputs = layer.units, area = layer.window[0] * layer.window[1];
    const std::int64_t inputs = kernel.constant->tensor.dims[1];
    const float* from = read(kernel, outputs * inputs * area);
    float* out = sink_.place("kernel", outputs * inputs * area);
    for (std::int64_t o = 0; o < outputs; ++o) {
      const float scale = scale_of(kernel, static_cast<std::size_t>(o));
      for (std::int64_t i = 0; i < inputs; ++i) {
        for (std::int64_t p = 0; p < area; ++p)
          out[(p * inputs + i) * outputs + o] = scale * from[(o * inputs + i) * area + p];
      }
    }
    check(layer, out, outputs * inputs * area);
  }

  const FlowGraph& graph_;
  WeightSink& sink_;
  std::vector<float> values_;
};

}  // namespace

ImportLayer tidy(ImportChain& chain) {
  put_together(chain);
  ImportLayer input;
  input.kind = Kind::affine;
  if (!chain.empty() && chain.front().kind == Kind::affine) {
    input = std::move(chain.front());
    chain.erase(chain.begin());
  }
  for (ImportLayer& layer : chain) {
    if (layer.kind == Kind::affine) make_norm(layer);
  }
  return input;
}

ImportLayer identity(std::int64_t channels) {
  ImportLayer layer;
  layer.channels = channels;
  make_norm(layer);
  return layer;
}

std::string net_text(const ImportChain& chain) {
  std::string out;
  for (const ImportLayer& layer : chain) out += (out.empty() ? "" : ", ") + words_of(layer);
  return out;
}

void write_weights(const FlowGraph& graph, const ImportChain& chain, WeightSink& sink) {
  Writer(graph, sink).write(chain);
}

}  // namespace nn::onnx
