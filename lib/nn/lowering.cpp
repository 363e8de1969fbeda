#include "nn/lowering.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/memory.hpp"
#include "nn/layer_type.hpp"

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

// Along one axis: pixels of the image, of a window and from each window to the next one, and of the padding.
struct Axis {
  std::int64_t inputs, window, stride, before, behind;
};
struct Slide {
  std::int64_t outputs, before;
};

// Keras' rule of `same`.
Slide slide_same(const Axis& axis) {
  const std::int64_t outputs = (axis.inputs + axis.stride - 1) / axis.stride;
  return {outputs, std::max<std::int64_t>((outputs - 1) * axis.stride + axis.window - axis.inputs, 0) / 2};
}

Slide slide(const Axis& axis) {
  return {(axis.before + axis.inputs + axis.behind - axis.window) / axis.stride + 1, axis.before};
}

// Whether each window has a pixel inside of the image, of those that are `dilation` apart. Without dilation
// all have.
bool all_see(const Axis& axis, const Slide& slide, std::int64_t kernel, std::int64_t dilation) {
  for (std::int64_t i = 0; dilation > 1 && i < slide.outputs; ++i) {
    const std::int64_t first = i * axis.stride - slide.before;
    const std::int64_t outside = first < 0 ? (-first + dilation - 1) / dilation : 0;
    if (outside >= kernel || first + outside * dilation >= axis.inputs) return false;
  }
  return true;
}

}  // namespace

Lowering::Lowering(const Network& network, Loss loss) : network_(network) {
  plan_.inputs = network.inputs();
  plan_.outputs = network.outputs();
  plan_.loss = loss;
  plan_.segments = network.segments;
  plan_.values.push_back({plan_.inputs, plan_.inputs, 0});
  here_ = {0, image_of(network.input), network.input.size() == 1 || network.input.size() > 3};
}

Plan Lowering::run() {
  for (index_ = 0; index_ < network_.layers.size(); ++index_) {
    const Layer& layer = network_.layers[index_];
    try {
      type_of(layer.kind).lower(layer, *this);
    } catch (const Error& error) {
      throw error.within(is_mark(layer.kind) ? "--net" : fmt::format("layer {}", layer.name));
    }
  }
  if (plan_.ops.empty()) fail_usage("the network computes nothing");
  if (here_.image != Image{1, 1, plan_.outputs}) {
    throw make_error(ErrorKind::usage, "the network ends with {}, but the data asks for {}",
                     describe(here_.image), plan_.outputs)
        .advise("; 'dense' as its last layer makes that of them");
  }
  return std::move(plan_);
}

const Image& Lowering::input_image(const Layer& layer) const {
  if (here_.flat) {
    fail_usage(
        "{} takes images, and its input is {}; images come from IDX or .npy files, or from a column "
        "of tensors [height, width] or [height, width, channels]",
        name_of(layer.kind), describe(here_.image));
  }
  return here_.image;
}

void Lowering::flatten() {
  here_.image = {1, 1, here_.image.size()};
  here_.flat = true;
}

int Lowering::add_parameter(const Layer& layer, std::string_view what, Shape shape, double initial) {
  Parameter p;
  p.name = fmt::format("{}/{}", layer.name, what);
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

int Lowering::add_kernel(const Layer& layer, Shape shape, std::int64_t fan_in, std::int64_t fan_out) {
  const int index = add_parameter(layer, "kernel", std::move(shape));
  Parameter& p = parameter(index);
  p.initializer = Initializer::kernel;
  p.fan_in = fan_in;
  p.fan_out = fan_out;
  p.decays = true;
  return index;
}

Op& Lowering::push(OpKind kind, const Image& out) {
  if (static_cast<__int128>(out.pixels()) * out.channels > most_elements) {
    fail_usage("{} are too large", describe(out));
  }
  Op op;
  op.kind = kind;
  op.in = here_.image;
  op.out = out;
  op.input = here_.value;
  op.output = static_cast<int>(plan_.values.size());
  op.options = network_.layers[index_];
  op.layer = static_cast<int>(index_);
  const std::int64_t stride = out.pixels() == 1 ? round_up(out.size()) : out.size();
  plan_.values.push_back({out.size(), stride, plan_.values_per_row});
  plan_.values_per_row += round_up(stride);
  here_ = {op.output, out, here_.flat};
  plan_.ops.push_back(std::move(op));
  return plan_.ops.back();
}

Op& Lowering::push_window(OpKind kind, const Layer& layer, std::int64_t channels) {
  const Image in = here_.image;
  const Sides& pad = layer.pad;
  const auto extent = [](std::int64_t kernel, std::int64_t dilation) { return (kernel - 1) * dilation + 1; };
  const Size window = {extent(layer.kernel.height, layer.dilation.height),
                       extent(layer.kernel.width, layer.dilation.width)};
  const Axis down{in.height, window.height, layer.strides.height, pad.top, pad.bottom},
      across{in.width, window.width, layer.strides.width, pad.left, pad.right};
  const std::string size = fmt::format("{}x{}", window.height, window.width);
  const auto is_out = [](const Axis& a) { return a.before >= a.window || a.behind >= a.window; };
  if (is_out(down) || is_out(across))
    fail_usage("pad {} must be less than its window of {}, which would see nothing of the image",
               to_string(pad), size);
  const auto is_small = [](const Axis& a) { return a.before + a.inputs + a.behind < a.window; };
  if (!layer.same && (is_small(down) || is_small(across))) {
    fail_usage("its window of {} is larger than its input, {}{}; smaller windows, or 'same', would do", size,
               describe(in), pad == Sides() ? "" : fmt::format(" with pad {}", to_string(pad)));
  }
  const Slide lines = layer.same ? slide_same(down) : slide(down);
  const Slide pixels = layer.same ? slide_same(across) : slide(across);
  Op& op = push(kind, {lines.outputs, pixels.outputs, channels});
  if (!all_see(down, lines, layer.kernel.height, layer.dilation.height) ||
      !all_see(across, pixels, layer.kernel.width, layer.dilation.width))
    fail_usage("with dilation {} some of its windows see nothing of its input, {}", to_string(layer.dilation),
               describe(in));
  op.window = {layer.kernel, layer.strides, lines.before, pixels.before, layer.dilation};
  return op;
}

void Lowering::begin_block(const Layer& layer) { blocks_.push_back({&layer, here_, {}}); }

void Lowering::next_branch() {
  Block& block = blocks_.back();
  block.branches.push_back(std::exchange(here_, block.begin));
}

void Lowering::end_residual() {
  const Block block = std::move(blocks_.back());
  blocks_.pop_back();
  const bool shortcut = !block.branches.empty();
  const Value other = shortcut ? here_ : block.begin;
  if (shortcut) here_ = block.branches.front();
  if (here_.image != other.image) {
    fail_usage("{} makes {} of {}; {}", block.layer->name, describe(here_.image), describe(block.begin.image),
               shortcut ? fmt::format("its shortcut gives {}", describe(other.image))
                        : "give it a shortcut, such as residual(…; conv2d FILTERS 1x1)");
  }
  push(OpKind::add, here_.image).others = {other.value};
}

void Lowering::end_concat() {
  Block block = std::move(blocks_.back());
  blocks_.pop_back();
  block.branches.push_back(here_);
  const Value& first = block.branches.front();
  Image joined = first.image;
  joined.channels = 0;
  bool flat = false;
  for (const Value& branch : block.branches) {
    if (branch.image.height != joined.height || branch.image.width != joined.width)
      fail_usage("the branches of {} make {} and {}: their heights and widths must be the same",
                 block.layer->name, describe(first.image), describe(branch.image));
    joined.channels += branch.image.channels;
    flat = flat || branch.flat;
  }
  here_ = first;
  Op& op = push(OpKind::concat, joined);
  for (std::size_t i = 1; i < block.branches.size(); ++i) op.others.push_back(block.branches[i].value);
  here_.flat = flat;
}

Plan lower(const Network& network, Loss loss, std::vector<double> quantiles) {
  Plan plan = Lowering(network, loss).run();
  plan.quantiles = std::move(quantiles);
  return plan;
}

}  // namespace nn
