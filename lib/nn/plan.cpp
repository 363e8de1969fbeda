#include "nn/plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/memory.hpp"

namespace nn {
namespace {

constexpr std::int64_t floats_aligned = alignment / sizeof(float);
constexpr std::int64_t most_elements = INT32_MAX;  // of one row of a value
constexpr std::int64_t most_parameters = std::int64_t{1} << 40;

constexpr std::int64_t round_up(std::int64_t n) {
  return (n + floats_aligned - 1) / floats_aligned * floats_aligned;
}

std::string describe(const Image& image) {
  if (image.pixels() == 1) return fmt::format("{} numbers", image.channels);
  return fmt::format("images [{}, {}, {}]", image.height, image.width, image.channels);
}

// A tensor of two dimensions is an image of one channel; one of more than three, flat.
Image image_of(const Shape& shape) {
  if (shape.size() == 2) return {shape[0], shape[1], 1};
  if (shape.size() == 3) return {shape[0], shape[1], shape[2]};
  return {1, 1, element_count(shape)};
}

struct Padded {
  std::int64_t outputs, before;
};

// Keras' rules, along one axis.
Padded slide(std::int64_t inputs, std::int64_t kernel, std::int64_t stride, bool same) {
  if (!same) return {(inputs - kernel) / stride + 1, 0};
  const std::int64_t outputs = (inputs + stride - 1) / stride;
  return {outputs, std::max<std::int64_t>((outputs - 1) * stride + kernel - inputs, 0) / 2};
}

class Lowering {
 public:
  Lowering(const Network& network, Loss loss) : network_(network) {
    plan_.inputs = network.inputs();
    plan_.outputs = network.outputs();
    plan_.loss = loss;
    plan_.segments = network.segments;
    plan_.values.push_back({plan_.inputs, plan_.inputs, 0});
    here_ = {0, image_of(network.input), network.input.size() == 1 || network.input.size() > 3};
  }

  Plan run() {
    for (index_ = 0; index_ < network_.layers.size(); ++index_) {
      const Layer& layer = network_.layers[index_];
      try {
        add(layer);
      } catch (const Error& error) {
        throw error.within(layer.kind == LayerKind::add ? "--net" : fmt::format("layer {}", layer.name));
      }
    }
    if (here_.image != Image{1, 1, plan_.outputs})
      fail_usage("the network ends with {}, but the data asks for {}", describe(here_.image), plan_.outputs);
    return std::move(plan_);
  }

 private:
  struct Place {
    int value;
    Image image;
    bool flat;  // a vector, which no window goes over
  };
  struct Block {  // of a residual
    const Layer* layer;
    Place begin, main;
    bool shortcut = false;
  };

  void add(const Layer& layer) {
    switch (layer.kind) {
      case LayerKind::dense: return add_dense(layer);
      case LayerKind::conv2d: return add_conv2d(layer);
      case LayerKind::max_pool2d: return add_pool(OpKind::max_pool2d, layer);
      case LayerKind::average_pool2d: return add_pool(OpKind::average_pool2d, layer);
      case LayerKind::global_average_pool2d: return add_global_average(layer);
      case LayerKind::batch_norm:
      case LayerKind::layer_norm: return add_norm(layer);
      case LayerKind::embedding: return add_embedding(layer);
      case LayerKind::activation:
        if (layer.activation != Activation::linear)
          push(OpKind::activation, here_.image).activation = layer.activation;
        return;
      case LayerKind::dropout:
        if (layer.rate > 0) push(OpKind::dropout, here_.image).rate = layer.rate;
        return;
      case LayerKind::flatten: return flatten();
      case LayerKind::residual: blocks_.push_back({&layer, here_, here_}); return;
      case LayerKind::shortcut:
        blocks_.back().main = std::exchange(here_, blocks_.back().begin);
        blocks_.back().shortcut = true;
        return;
      case LayerKind::add: return end_block();
    }
  }

  void flatten() {
    here_.image = {1, 1, here_.image.size()};
    here_.flat = true;
  }

  void add_dense(const Layer& layer) {
    flatten();
    const std::int64_t inputs = here_.image.channels;
    const int kernel = add_kernel(layer, {inputs, layer.units}, inputs, layer.units);
    const int bias = add_parameter(layer, "bias", {layer.units});
    Op& op = push(OpKind::dense, {1, 1, layer.units});
    op.parameters = {kernel, bias};
    op.activation = layer.activation;
  }

  void add_conv2d(const Layer& layer) {
    const Image in = need_image(layer);
    if (in.channels % layer.groups != 0)
      fail_usage("{} channels can't be cut into {} groups", in.channels, layer.groups);
    const std::int64_t channels = in.channels / layer.groups;
    const std::int64_t area = layer.kernel.height * layer.kernel.width;
    const int kernel = add_kernel(layer, {layer.kernel.height, layer.kernel.width, channels, layer.units},
                                  area * channels, area * layer.units);
    const int bias = add_parameter(layer, "bias", {layer.units});
    Op& op = push_window(OpKind::conv2d, layer, layer.units);
    op.parameters = {kernel, bias};
    op.activation = layer.activation;
    op.groups = layer.groups;
  }

  void add_pool(OpKind kind, const Layer& layer) { push_window(kind, layer, need_image(layer).channels); }

  void add_global_average(const Layer& layer) {
    const Image in = need_image(layer);
    Op& op = push(OpKind::average_pool2d, {1, 1, in.channels});
    op.window.kernel = {in.height, in.width};
    here_.flat = true;
  }

  void add_norm(const Layer& layer) {
    const Shape shape = {here_.image.channels};
    const bool batch = layer.kind == LayerKind::batch_norm;
    std::vector<int> parameters = {add_parameter(layer, "gamma", shape, 1),
                                   add_parameter(layer, "beta", shape)};
    if (batch) {
      parameters.push_back(add_parameter(layer, "moving_mean", shape));
      plan_.parameters.back().trains = false;
      parameters.push_back(add_parameter(layer, "moving_variance", shape, 1));
      plan_.parameters.back().trains = false;
    }
    Op& op = push(batch ? OpKind::batch_norm : OpKind::layer_norm, here_.image);
    op.parameters = std::move(parameters);
    op.momentum = layer.momentum;
    op.epsilon = layer.epsilon;
  }

  void add_embedding(const Layer& layer) {
    std::int64_t numbers = 0, columns = 0, categories = 0;
    for (const InputSegment& segment : plan_.segments) {
      (segment.category ? categories : numbers) += segment.width;
      columns += segment.category;
    }
    if (columns == 0) fail_usage("no column of the table has categories");
    const int table = add_parameter(layer, "embeddings", {categories, layer.units});
    plan_.parameters.back().initializer = Initializer::embedding;
    push(OpKind::embedding, {1, 1, numbers + columns * layer.units}).parameters = {table};
  }

  void end_block() {
    Block block = std::move(blocks_.back());
    blocks_.pop_back();
    const Place other = block.shortcut ? here_ : block.begin;
    if (block.shortcut) here_ = block.main;
    if (here_.image != other.image) {
      fail_usage("{} makes {} of {}; {}", block.layer->name, describe(here_.image),
                 describe(block.begin.image),
                 block.shortcut ? fmt::format("its shortcut gives {}", describe(other.image))
                                : "give it a shortcut, such as residual(…; conv2d FILTERS 1x1)");
    }
    push(OpKind::add, here_.image).other = other.value;
  }

  Image need_image(const Layer& layer) const {
    if (here_.flat) {
      fail_usage(
          "{} takes images, and its input is {}; images come from IDX or .npy files, or from a column "
          "of tensors [height, width] or [height, width, channels]",
          name_of(layer.kind), describe(here_.image));
    }
    return here_.image;
  }

  Op& push_window(OpKind kind, const Layer& layer, std::int64_t channels) {
    const Image in = here_.image;
    if (!layer.same && (layer.kernel.height > in.height || layer.kernel.width > in.width)) {
      fail_usage("its window of {}x{} is larger than its input, {}; smaller windows, or 'same', would do",
                 layer.kernel.height, layer.kernel.width, describe(in));
    }
    const Padded rows = slide(in.height, layer.kernel.height, layer.strides.height, layer.same);
    const Padded columns = slide(in.width, layer.kernel.width, layer.strides.width, layer.same);
    Op& op = push(kind, {rows.outputs, columns.outputs, channels});
    op.window = {layer.kernel, layer.strides, rows.before, columns.before};
    return op;
  }

  int add_kernel(const Layer& layer, Shape shape, std::int64_t fan_in, std::int64_t fan_out) {
    const int index = add_parameter(layer, "kernel", std::move(shape));
    Parameter& p = plan_.parameters.back();
    p.initializer = Initializer::variance_scaling;
    p.fan_in = fan_in;
    p.fan_out = fan_out;
    p.activation = next_activation();
    p.decays = true;
    return index;
  }

  // The activation of this layer, or of the one behind it that does nothing else.
  Activation next_activation() const {
    if (network_.layers[index_].activation != Activation::linear) return network_.layers[index_].activation;
    for (std::size_t i = index_ + 1; i < network_.layers.size(); ++i) {
      const LayerKind kind = network_.layers[i].kind;
      if (kind == LayerKind::activation) return network_.layers[i].activation;
      if (kind != LayerKind::batch_norm && kind != LayerKind::layer_norm && kind != LayerKind::dropout) break;
    }
    return Activation::linear;
  }

  int add_parameter(const Layer& layer, const char* what, Shape shape, double initial = 0) {
    Parameter p;
    p.name = layer.name + "/" + what;
    p.shape = std::move(shape);
    p.offset = plan_.parameter_count;
    p.initial = initial;
    __int128 size = 1;
    for (const std::int64_t d : p.shape) size *= d;  // at most four of at most 2^31 and small ones
    if (plan_.parameter_count + size > most_parameters) fail_usage("it has too many weights");
    plan_.parameter_count += round_up(p.size());
    plan_.parameters.push_back(std::move(p));
    return static_cast<int>(plan_.parameters.size()) - 1;
  }

  Op& push(OpKind kind, const Image& out) {
    if (static_cast<__int128>(out.pixels()) * out.channels > most_elements) {
      fail_usage("{} are too large", describe(out));
    }
    Op op;
    op.kind = kind;
    op.in = here_.image;
    op.out = out;
    op.input = here_.value;
    op.output = static_cast<int>(plan_.values.size());
    op.layer = static_cast<int>(index_);
    const std::int64_t stride = out.pixels() == 1 ? round_up(out.size()) : out.size();
    plan_.values.push_back({out.size(), stride, plan_.values_per_row});
    plan_.values_per_row += round_up(stride);
    here_ = {op.output, out, here_.flat};
    plan_.ops.push_back(std::move(op));
    return plan_.ops.back();
  }

  const Network& network_;
  Plan plan_;
  std::size_t index_ = 0;  // of the layer
  Place here_{};           // the value that the next layer reads
  std::vector<Block> blocks_;
};

}  // namespace

Plan without_dropout(Plan plan) {
  std::vector<int> source(plan.values.size());
  for (std::size_t v = 0; v < source.size(); ++v) source[v] = static_cast<int>(v);
  std::vector<Op> kept;
  for (Op& op : plan.ops) {
    op.input = source[static_cast<std::size_t>(op.input)];
    if (op.other >= 0) op.other = source[static_cast<std::size_t>(op.other)];
    if (op.kind == OpKind::dropout) {
      source[static_cast<std::size_t>(op.output)] = op.input;
    } else {
      kept.push_back(std::move(op));
    }
  }
  plan.ops = std::move(kept);
  return plan;
}

std::vector<bool> values_with_gradient(const Plan& plan) {
  std::vector<bool> wanted(plan.values.size());
  for (const Op& op : plan.ops) {
    wanted[static_cast<std::size_t>(op.output)] = !op.parameters.empty() ||
                                                  wanted[static_cast<std::size_t>(op.input)] ||
                                                  (op.other >= 0 && wanted[static_cast<std::size_t>(op.other)]);
  }
  return wanted;
}

double operations_per_row(const Plan& plan) {
  double operations = 0;
  for (const Op& op : plan.ops) {
    if (op.kind != OpKind::dense && op.kind != OpKind::conv2d) continue;
    // The kernel without its last dimension is what each output is a sum over.
    const Parameter& kernel = plan.parameters[static_cast<std::size_t>(op.parameters[0])];
    const auto terms = static_cast<double>(kernel.size() / kernel.shape.back());
    operations += 2 * terms * static_cast<double>(op.out.size());
  }
  return operations;
}

Plan lower(const Network& network, Loss loss) { return Lowering(network, loss).run(); }

}  // namespace nn
