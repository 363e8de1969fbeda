// Nodes that become layers: what they need of their operands, and what of a row they give.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "onnx/import_shapes.hpp"
#include "onnx/import_translator.hpp"
#include "tensor/batch.hpp"  // to_string() of a shape

namespace nn::onnx {
std::int64_t Translator::size_of(const Flow& flow, const Group& group) const {
  return graph_.size_of(graph_.op(flow.op), group);
}

bool Translator::is_image(const Flow& x, const std::array<std::pair<std::size_t, Role>, 3>& wanted) {
  if (x.dims.size() != 4 || x.dims[0] != Group{rows_atom}) return false;
  Space& space = space_of(x);
  if (space.roles.empty()) {
    space.roles.resize(space.sizes.size());
    std::size_t named = 0;
    for (const auto& [dim, role] : wanted) {
      for (const int atom : x.dims[dim]) {
        space.roles[static_cast<std::size_t>(atom)] = role;
        ++named;
      }
    }
    if (named != space.sizes.size()) {
      // Dimensions of one element may have been squeezed; they are what is left, and of no account.
      for (std::size_t i = 0; i < space.sizes.size(); ++i) {
        const auto has = [&](const Group& group) {
          return std::count(group.begin(), group.end(), static_cast<int>(i)) > 0;
        };
        if (std::none_of(x.dims.begin(), x.dims.end(), has) && space.sizes[i] != 1) return false;
      }
    }
  }
  for (const auto& [dim, role] : wanted) {
    std::size_t large = 0;
    for (const int atom : x.dims[dim]) {
      const auto at = static_cast<std::size_t>(atom);
      if (space.sizes[at] == 1) continue;
      if (space.roles[at] != role) return false;
      ++large;
    }
    if (large > 1) return false;
  }
  return true;
}

bool Translator::is_nchw(const Flow& x) {
  return is_image(x, {{{1, Role::channels}, {2, Role::height}, {3, Role::width}}});
}

Space Translator::image_space(std::int64_t height, std::int64_t width, std::int64_t channels) const {
  return {{height, width, channels}, {Role::height, Role::width, Role::channels}};
}

void Translator::conv(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x) {
  const auto* kernel = operands.size() > 1 ? std::get_if<ConstantPtr>(&operands[1]) : nullptr;
  if (kernel == nullptr) return refuse(index, "its kernel isn't constant");
  const std::vector<std::int64_t>& dims = (*kernel)->tensor.dims;
  if (dims.size() != 4 || x.dims.size() != 4)
    return refuse(index, fmt::format("it goes over {} dimensions, and networks here over images",
                                     dims.size() - std::min<std::size_t>(2, dims.size())));
  if (!is_nchw(x))
    return refuse(index, "the order of its input's dimensions isn't rows, channels, height, width");
  if (operands.size() > 2 && !unknown_of(operands[2]) && !is_constant(operands[2]))
    return refuse(index, "its bias isn't constant");
  const auto window = window_of(n, x, {dims[2], dims[3]}, true);
  if (!window.why.empty()) return refuse(index, window.why);
  const std::int64_t groups = n.integer("group", 1), channels = size_of(x, x.dims[1]);
  if (groups < 1 || dims[1] * groups != channels || dims[0] % groups != 0)
    fail_data("a kernel of shape {} for {} channels", to_string(dims), channels);
  new_shape(index, FlowType::conv, std::move(operands), image_space(window.height, window.width, dims[0]),
            nchw());
}

void Translator::pool(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x) {
  if (x.dims.size() != 4) return refuse(index, "it goes over other rows than images");
  if (!is_nchw(x))
    return refuse(index, "the order of its input's dimensions isn't rows, channels, height, width");
  const std::vector<std::int64_t> kernel = n.integers("kernel_shape");
  if (kernel.size() != 2) fail_data("its kernel_shape has {} numbers", kernel.size());
  const auto window = window_of(n, x, {kernel[0], kernel[1]}, false);
  if (!window.why.empty()) return refuse(index, window.why);
  const FlowType type = n.op_type == "MaxPool" ? FlowType::max_pool : FlowType::average_pool;
  new_shape(index, type, std::move(operands), image_space(window.height, window.width, size_of(x, x.dims[1])),
            nchw());
}

std::optional<std::vector<std::size_t>> Translator::spatial_axes(const Node& n,
                                                                 std::span<const GraphValue> operands,
                                                                 const Flow& x) {
  const auto given = axes_of(n, operands);
  const auto axes = given ? from_front(*given, x.dims.size()) : std::nullopt;
  if (!axes || axes->size() != 2 || x.dims.size() != 4) return std::nullopt;
  auto sorted = *axes;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t channels = 6 - sorted[0] - sorted[1];
  if (sorted[0] == 0 ||
      !is_image(x, {{{channels, Role::channels}, {sorted[0], Role::height}, {sorted[1], Role::width}}}))
    return std::nullopt;
  return sorted;
}

void Translator::global_pool(int index, std::vector<GraphValue> operands, const Flow& x,
                             std::vector<std::size_t> axes, bool is_max, bool keep) {
  const std::size_t channels = 6 - axes[0] - axes[1];
  if (!is_image(x, {{{channels, Role::channels}, {axes[0], Role::height}, {axes[1], Role::width}}}))
    return refuse(index, "the order of its input's dimensions isn't rows, channels, height, width");
  std::vector<Group> dims;
  for (std::size_t i = 0; i < 4; ++i) {
    if (i == 0)
      dims.push_back({rows_atom});
    else if (i == channels)
      dims.push_back({0});
    else if (keep)
      dims.push_back({});
  }
  new_shape(index, is_max ? FlowType::global_max_pool : FlowType::global_average_pool, std::move(operands),
            Space{{size_of(x, x.dims[channels])}, {Role::channels}}, std::move(dims));
}

void Translator::product(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x) {
  const auto* kernel = operands.size() > 1 ? std::get_if<ConstantPtr>(&operands[1]) : nullptr;
  if (kernel == nullptr) return refuse(index, "the product of two values of rows");
  const std::vector<std::int64_t>& dims = (*kernel)->tensor.dims;
  if (dims.size() != 2)
    return refuse(index, fmt::format("a constant of shape {} isn't a matrix", to_string(dims)));
  const bool gemm = n.op_type == "Gemm";
  if (gemm && n.integer("transA", 0) != 0) return refuse(index, "it sums over rows (transA)");
  const bool transposed = gemm && n.integer("transB", 0) != 0;
  const std::int64_t inputs = dims[transposed ? 1 : 0], outputs = dims[transposed ? 0 : 1];
  if (x.dims.size() != 2 || x.dims[0] != Group{rows_atom}) return refuse(index, "its rows aren't vectors");
  if (size_of(x, x.dims[1]) != inputs)
    fail_data("a matrix of shape {} for vectors of {}", to_string(dims), size_of(x, x.dims[1]));
  if (operands.size() > 2 && !unknown_of(operands[2]) && !is_constant(operands[2]))
    return refuse(index, "what it adds isn't constant");
  new_shape(index, FlowType::dense, std::move(operands), Space{{outputs}, {Role::channels}},
            {{rows_atom}, {0}});
}

void Translator::pad(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x) {
  const auto given = operands.size() > 1 ? integers_of_value(operands[1]) : std::nullopt;
  std::vector<std::int64_t> pads = n.integers("pads");
  if (given) {
    pads.clear();
    for (const Extent& extent : given->values) pads.push_back(extent.rows ? -1 : extent.number);
  }
  double value = n.real("value", 0);
  if (operands.size() > 2 && !unknown_of(operands[2])) {
    const auto* constant = std::get_if<ConstantPtr>(&operands[2]);
    const Array* array = constant == nullptr ? nullptr : (*constant)->array();
    if (array == nullptr || array->values.size() != 1)
      return refuse(index, "what it pads with isn't constant");
    value = array->values[0];
  }
  if (operands.size() > 3 && !unknown_of(operands[3])) return refuse(index, "it names axes");
  if (n.text("mode", "constant") != "constant" || value != 0)
    return refuse(index, "it pads with something else than zeros");
  if (x.dims.size() != 4 || pads.size() != 8 || !is_nchw(x))
    return refuse(index, "it pads something else than images");
  if (std::any_of(pads.begin(), pads.end(), [](std::int64_t p) { return p < 0 || p > INT32_MAX; }))
    return refuse(index, "it cuts");
  if (pads[0] != 0 || pads[1] != 0 || pads[4] != 0 || pads[5] != 0)
    return refuse(index, "it pads rows or channels");
  const std::vector<std::int64_t> image = graph_.image(graph_.op(x.op));
  new_shape(index, FlowType::pad, std::move(operands),
            image_space(image[0] + pads[2] + pads[6], image[1] + pads[3] + pads[7], image[2]), nchw());
}

void Translator::batch_norm(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x) {
  if (operands.size() < 5) fail_data("it has {} inputs", operands.size());
  if (n.integer("training_mode", 0) != 0 || (graph_.opset() < 7 && n.integer("is_test", 0) == 0))
    return refuse(index, "it is written for training");
  for (std::size_t i = 1; i < 5; ++i) {
    const auto* constant = std::get_if<ConstantPtr>(&operands[i]);
    if (constant == nullptr) return refuse(index, "its statistics aren't constant");
    if (x.dims.size() < 2 || (*constant)->count() != size_of(x, x.dims[1]))
      fail_data("statistics of {} channels for {}", (*constant)->count(),
                x.dims.size() < 2 ? 0 : size_of(x, x.dims[1]));
  }
  if (x.dims.size() == 4 ? !is_nchw(x) : x.dims.size() != 2)
    return refuse(index, "it goes over other rows than images and vectors");
  same_shape(index, FlowType::batch_norm, std::move(operands), x);
}

void Translator::layer_norm(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x) {
  const auto axis = from_front({n.integer("axis", -1)}, x.dims.size());
  if (!axis || (*axis)[0] != x.dims.size() - 1) return refuse(index, "it goes over several dimensions");
  for (std::size_t i = 1; i < operands.size(); ++i) {
    if (!unknown_of(operands[i]) && !is_constant(operands[i]))
      return refuse(index, "its scale isn't constant");
  }
  if (!is_channels(x, x.dims.size() - 1)) return refuse(index, "it doesn't go over the channels");
  same_shape(index, FlowType::layer_norm, std::move(operands), x);
}

bool Translator::is_channels(const Flow& x, std::size_t dim) {
  if (x.dims.size() == 2) return dim == 1;
  if (x.dims.size() != 4) return false;
  if (dim == 1) return is_nchw(x);
  return dim == 3 && is_image(x, {{{1, Role::height}, {2, Role::width}, {3, Role::channels}}});
}

void Translator::softmax(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x) {
  const auto axis = from_front({n.integer("axis", graph_.opset() < 13 ? 1 : -1)}, x.dims.size());
  if (!axis || (*axis)[0] == 0 || x.dims[0] != Group{rows_atom})
    return refuse(index, "it isn't over vectors");
  // Before opset 13 it went over all dimensions from that one on.
  std::int64_t all = 1, over = 1;
  for (std::size_t i = 1; i < x.dims.size(); ++i) {
    all *= size_of(x, x.dims[i]);
    if (i == (*axis)[0] || (graph_.opset() < 13 && i > (*axis)[0])) over *= size_of(x, x.dims[i]);
  }
  if (all != over) return refuse(index, "it isn't over vectors");
  same_shape(index, n.op_type == "Softmax" ? FlowType::softmax : FlowType::log_softmax, std::move(operands),
             x);
}

void Translator::concat(int index, const Node& n, std::vector<GraphValue> operands) {
  const Flow* first = flow_of(operands[0]);
  const auto axis = first == nullptr ? std::nullopt : from_front({n.integer("axis", 1)}, first->dims.size());
  if (!axis) return refuse(index, "it puts constants beside rows");
  const std::size_t along = (*axis)[0];
  std::int64_t channels = 0;
  for (const GraphValue& operand : operands) {
    const Flow* x = flow_of(operand);
    if (x == nullptr) return refuse(index, "it puts constants beside rows");
    if (x->dims.size() != first->dims.size() || !is_channels(*x, along) ||
        (x->dims.size() == 2 && x->dims[1].size() > 1))
      return refuse(index, "it doesn't put channels together");
    for (std::size_t i = 0; i < x->dims.size(); ++i) {
      if (i != along && i > 0 && size_of(*x, x->dims[i]) != size_of(*first, first->dims[i]))
        fail_data("images of different sizes");
    }
    channels += size_of(*x, x->dims[along]);
  }
  if (first->dims.size() == 2)
    return new_shape(index, FlowType::concat, std::move(operands), Space{{channels}, {Role::channels}},
                     {{rows_atom}, {0}});
  const std::vector<std::int64_t> image = graph_.image(graph_.op(first->op));
  std::vector<Group> dims = along == 1 ? nchw() : std::vector<Group>{{rows_atom}, {0}, {1}, {2}};
  new_shape(index, FlowType::concat, std::move(operands), image_space(image[0], image[1], channels),
            std::move(dims));
}

Translator::Outcome Translator::window_of(const Node& n, const Flow& x, std::array<std::int64_t, 2> kernel,
                                          bool is_conv) const {
  Outcome out;
  const auto list = [&](const char* name, std::size_t size, std::int64_t absent) {
    std::vector<std::int64_t> values = n.integers(name);
    if (values.empty()) values.assign(size, absent);
    if (values.size() != size) fail_data("its {} has {} numbers", name, values.size());
    return values;
  };
  const auto strides = list("strides", 2, 1), dilations = list("dilations", 2, 1), pads = list("pads", 4, 0);
  const std::string automatic = n.text("auto_pad", "NOTSET");
  const bool ceil = n.integer("ceil_mode", 0) != 0;
  std::array<std::int64_t, 2> results{};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t size = size_of(x, x.dims[i + 2]);
    if (kernel[i] < 1 || strides[i] < 1 || dilations[i] < 1 || pads[i] < 0 || pads[i + 2] < 0 ||
        std::max({kernel[i], strides[i], dilations[i], pads[i], pads[i + 2]}) > INT32_MAX) {
      fail_data("its window makes no sense");
    }
    if (!is_conv && dilations[i] != 1) return out.why = "its window is dilated", out;
    const std::int64_t extent = (kernel[i] - 1) * dilations[i] + 1;
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      results[i] = (size + strides[i] - 1) / strides[i];
      continue;
    }
    const std::int64_t before = automatic == "VALID" ? 0 : pads[i],
                       after = automatic == "VALID" ? 0 : pads[i + 2];
    const std::int64_t space = size + before + after - extent;
    if (space < 0) fail_data("its window of {} is larger than its input of {}", extent, size);
    results[i] = space / strides[i] + 1;
    // A last window that is beyond the image by a part, unless it began behind the image and its padding.
    if (ceil && space % strides[i] != 0 && results[i] * strides[i] < size + before) ++results[i];
  }
  out.height = results[0];
  out.width = results[1];
  return out;
}

}  // namespace nn::onnx
