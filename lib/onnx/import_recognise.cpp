#include "onnx/import_recognise.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <random>

#include "base/error.hpp"

namespace nn::onnx {
namespace {

constexpr std::size_t most_nodes_together = 40;
constexpr double tolerance = 1e-6;
constexpr std::size_t most_tried = std::size_t{1}
                                   << 22;  // numbers that a function is tried at, of all channels

bool close(double a, double b) {
  return std::abs(a - b) <= tolerance * std::max({1.0, std::abs(a), std::abs(b)});
}

// ---- the nodes between two values

struct Region {
  std::vector<int> ops;     // in an order in which they can run; the last is the result
  std::vector<Group> dims;  // of what goes in, as they see it
  bool has_reduction = false;
  bool is_same_for_all = true;  // no constant has several elements, nor does a reduction put some together
};

std::optional<Region> region_between(const FlowGraph& graph, int from, int to) {
  Region region;
  std::vector<int> open{to};
  bool has_dims = false;
  while (!open.empty()) {
    const int index = open.back();
    open.pop_back();
    if (std::find(region.ops.begin(), region.ops.end(), index) != region.ops.end()) continue;
    const FlowOp& op = graph.op(index);
    if (op.type != FlowType::elementwise || op.is_mixed || index < from ||
        region.ops.size() >= most_nodes_together)
      return std::nullopt;
    region.ops.push_back(index);
    region.has_reduction = region.has_reduction || is_reduction(graph.node(op));
    region.is_same_for_all = region.is_same_for_all && !region.has_reduction && graph.node(op).domain.empty();
    for (const GraphValue& operand : op.operands) {
      const Flow* flow = flow_of(operand);
      if (flow == nullptr) {
        const Constant* constant = constant_of(operand);
        region.is_same_for_all = region.is_same_for_all && (constant == nullptr || constant->count() == 1);
        continue;
      }
      if (flow->op != from) {
        // Nothing but the shape of what goes in may change on the way.
        if (flow->dims != graph.op(flow->op).dims) return std::nullopt;
        open.push_back(flow->op);
        continue;
      }
      if (has_dims && flow->dims != region.dims) return std::nullopt;
      region.dims = flow->dims;
      has_dims = true;
    }
  }
  std::sort(region.ops.begin(), region.ops.end());
  return has_dims ? std::optional(region) : std::nullopt;
}

// ---- trying it out

// Which dimension has the channels: all of a vector, or those of an image.
std::optional<std::size_t> channels_of(const FlowGraph& graph, const FlowOp& from,
                                       const std::vector<Group>& dims) {
  if (dims.size() < 2 || dims[0] != Group{rows_atom}) return std::nullopt;
  if (dims.size() == 2) return 1;
  const Space& space = graph.space(from);
  if (space.roles.empty()) return dims.size() - 1;  // what it is for all of them counts
  for (std::size_t i = 1; i < dims.size(); ++i) {
    for (const int atom : dims[i]) {
      const auto at = static_cast<std::size_t>(atom);
      if (space.sizes[at] != 1 && space.roles[at] == Role::channels)
        return dims[i].size() == 1 ? std::optional(i) : std::nullopt;
    }
  }
  // All that isn't height and width has one element: any dimension that is empty will do.
  for (std::size_t i = 1; i < dims.size(); ++i) {
    if (graph.size_of(from, dims[i]) == 1) return i;
  }
  return std::nullopt;
}

class Trial {
 public:
  Trial(const FlowGraph& graph, const FlowOp& from, Region region, std::size_t channels)
      : graph_(graph),
        region_(std::move(region)),
        channels_(channels),
        width_(region_.is_same_for_all ? 1 : graph.size_of(from, region_.dims[channels])) {}

  std::int64_t width() const { return width_; }

  // The results for `rows` rows of `width()` values, at [row * width() + channel].
  std::optional<std::vector<double>> operator()(std::vector<double> values) const {
    const std::int64_t rows = static_cast<std::int64_t>(values.size()) / width_;
    Array in;
    in.dims.assign(region_.dims.size(), 1);
    in.dims[0] = rows;
    in.dims[channels_] = width_;
    const std::vector<std::int64_t> dims = in.dims;
    in.values = std::move(values);
    std::map<int, Array> made;
    for (const int index : region_.ops) {
      const FlowOp& op = graph_.op(index);
      std::vector<const Array*> operands;
      for (const GraphValue& operand : op.operands) {
        if (const auto* flow = std::get_if<Flow>(&operand)) {
          const auto found = made.find(flow->op);
          operands.push_back(found == made.end() ? &in : &found->second);
        } else if (const auto* constant = std::get_if<ConstantPtr>(&operand)) {
          operands.push_back((*constant)->array());
          if (operands.back() == nullptr) return std::nullopt;
        } else {
          operands.push_back(nullptr);
        }
      }
      std::optional<Array> result = evaluate(graph_.node(op), operands, graph_.opset());
      if (!result) return std::nullopt;
      made[index] = *std::move(result);
    }
    const Array& out = made.at(region_.ops.back());
    if (out.dims != dims) return std::nullopt;
    return out.values;
  }

 private:
  const FlowGraph& graph_;
  Region region_;
  std::size_t channels_;
  std::int64_t width_;
};

// ---- functions of one number

const std::vector<double>& grid() {
  static const std::vector<double> points = [] {
    std::vector<double> out{0, 1, -1, 2, -2, 3, -3, 6, -6};  // where pieces of activations meet
    for (double x = -12; x <= 12; x += 0.3125) out.push_back(x + 0.01);
    for (const double x : {17.0, 19.5, 20.5, 25.0, 40.0, 100.0, 1000.0, 1e4}) {
      out.push_back(x);
      out.push_back(-x);
    }
    for (const double x : {1e-6, 1e-3, 0.05}) {
      out.push_back(x);
      out.push_back(-x);
    }
    return out;
  }();
  return points;
}
// Places in the grid.
constexpr std::size_t at_zero = 0, at_one = 1, at_minus_one = 2;

using Curve = double (*)(double);
struct NamedCurve {
  std::string_view name;
  Curve curve;
};
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return x > 30 ? x + std::exp(-x) : std::log1p(std::exp(x)); }
double relu6(double x) { return std::clamp(x, 0.0, 6.0); }
// The activations without parameters, by their names.
constexpr NamedCurve curves[] = {
    {"relu", [](double x) { return std::max(x, 0.0); }},
    {"relu6", relu6},
    {"selu", [](double x) { return 1.0507009873554805 * (x < 0 ? 1.6732632423543772 * std::expm1(x) : x); }},
    {"gelu", [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }},
    {"gelu_tanh",
     [](double x) {
       return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
     }},
    {"tanh", [](double x) { return std::tanh(x); }},
    {"sigmoid", sigmoid},
    {"softplus", softplus},
    {"silu", [](double x) { return x * sigmoid(x); }},
    {"hard_sigmoid", [](double x) { return relu6(x + 3) / 6; }},
    {"hard_swish", [](double x) { return x * relu6(x + 3) / 6; }},
    {"mish", [](double x) { return x * std::tanh(softplus(x)); }},
    {"softsign", [](double x) { return x / (1 + std::abs(x)); }},
};

template <typename Function>
bool is_curve(const std::vector<double>& results, Function&& curve) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!close(results[i], curve(grid()[i]))) return false;
  }
  return true;
}

// Results of the grid.
std::optional<KnownActivation> activation_of(const std::vector<double>& results) {
  for (const auto& [name, curve] : curves) {
    if (is_curve(results, curve)) return KnownActivation{std::string(name), {}};
  }
  const double slope = -results[at_minus_one];
  if (is_curve(results, [&](double x) { return x < 0 ? slope * x : x; }))
    return KnownActivation{"leaky_relu", slope};
  const double alpha = results[at_minus_one] / std::expm1(-1.0);
  if (is_curve(results, [&](double x) { return x < 0 ? alpha * std::expm1(x) : x; }))
    return KnownActivation{"elu", alpha};
  return std::nullopt;
}

// ---- the same for each channel

std::optional<Known> function_of(const Trial& trial) {
  const auto width = static_cast<std::size_t>(trial.width());
  if (width > most_tried / grid().size()) return std::nullopt;
  std::vector<double> values;
  values.reserve(grid().size() * width);
  for (const double x : grid()) values.insert(values.end(), width, x);
  const auto results = trial(std::move(values));
  if (!results) return std::nullopt;
  const auto at = [&](std::size_t point, std::size_t channel) { return (*results)[point * width + channel]; };
  KnownAffine affine{std::vector<double>(width), std::vector<double>(width)};
  bool is_affine = true, all_same = true;
  for (std::size_t c = 0; c < width; ++c) {
    affine.shift[c] = at(at_zero, c);
    affine.scale[c] = at(at_one, c) - at(at_zero, c);
    for (std::size_t i = 0; i < grid().size(); ++i) {
      is_affine = is_affine && close(at(i, c), affine.scale[c] * grid()[i] + affine.shift[c]);
      all_same = all_same && at(i, c) == at(i, 0);
    }
  }
  if (is_affine) {
    if (all_same) return KnownAffine{{affine.scale[0]}, {affine.shift[0]}};
    return affine;
  }
  if (!all_same) return std::nullopt;
  std::vector<double> one(grid().size());
  for (std::size_t i = 0; i < one.size(); ++i) one[i] = at(i, 0);
  if (auto activation = activation_of(one)) return *std::move(activation);
  return std::nullopt;
}

// (x - mean) / sqrt(variance + epsilon) * gamma + beta (Ba, Kiros, Hinton, "Layer normalization", 2016): a
// row without differences shows beta, a row of large ones gamma, a row of small ones epsilon; others must
// agree.
std::optional<Known> norm_of(const Trial& trial) {
  const auto width = static_cast<std::size_t>(trial.width());
  constexpr std::size_t rows = 12;
  if (width < 2 || width > most_tried / rows) return std::nullopt;
  constexpr std::array<double, rows> sizes{0, 1e6, 1e-3, 1, 1, 3, 0.1, 30, 1e-2, 1e-2, 1e3, 1};
  std::mt19937_64 random(1);
  std::vector<double> values(rows * width);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < width; ++c) {
      const double unit = static_cast<double>(random() >> 11) * 0x1p-53 - 0.5;
      values[r * width + c] = sizes[r] * unit + (r % 2 == 0 ? 0.25 : 0);
    }
  }
  const auto results = trial(values);
  if (!results) return std::nullopt;
  const auto result = [&](std::size_t r, std::size_t c) { return (*results)[r * width + c]; };
  const auto moments = [&](std::size_t r) {
    double mean = 0, variance = 0;
    for (std::size_t c = 0; c < width; ++c) mean += values[r * width + c] / static_cast<double>(width);
    for (std::size_t c = 0; c < width; ++c)
      variance +=
          (values[r * width + c] - mean) * (values[r * width + c] - mean) / static_cast<double>(width);
    return std::pair(mean, variance);
  };
  KnownNorm norm{std::vector<double>(width), std::vector<double>(width), 0};
  const auto [large_mean, large_variance] = moments(1);
  for (std::size_t c = 0; c < width; ++c) {
    norm.beta[c] = result(0, c);
    const double normal = (values[width + c] - large_mean) / std::sqrt(large_variance);
    norm.gamma[c] = (result(1, c) - norm.beta[c]) / normal;
  }
  // Of the channel that says it best.
  const auto [small_mean, small_variance] = moments(2);
  std::size_t best = 0;
  for (std::size_t c = 0; c < width; ++c) {
    if (std::abs(norm.gamma[c] * (values[2 * width + c] - small_mean)) >
        std::abs(norm.gamma[best] * (values[2 * width + best] - small_mean))) {
      best = c;
    }
  }
  const double ratio =
      norm.gamma[best] * (values[2 * width + best] - small_mean) / (result(2, best) - norm.beta[best]);
  norm.epsilon = ratio * ratio - small_variance;
  if (!(norm.epsilon > 0) || !(norm.epsilon < 1)) return std::nullopt;
  for (std::size_t r = 3; r < rows; ++r) {
    const auto [mean, variance] = moments(r);
    for (std::size_t c = 0; c < width; ++c) {
      const double expected =
          (values[r * width + c] - mean) / std::sqrt(variance + norm.epsilon) * norm.gamma[c] + norm.beta[c];
      if (!(std::abs(expected - result(r, c)) <= 1e-5 * std::max(1.0, std::abs(expected))))
        return std::nullopt;
    }
  }
  return norm;
}

// From the file's order to ours.
void reorder(std::vector<double>& values, const std::vector<std::int64_t>& places) {
  if (values.size() != places.size()) return;
  std::vector<double> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) out[static_cast<std::size_t>(places[i])] = values[i];
  values = std::move(out);
}

// Whether it is the same for all elements.
bool is_for_all(const Known& known) {
  const auto* affine = std::get_if<KnownAffine>(&known);
  return std::holds_alternative<KnownActivation>(known) || (affine != nullptr && affine->scale.size() == 1);
}

}  // namespace

std::optional<Known> recognise(const FlowGraph& graph, int from, int op) {
  std::optional<Region> region = region_between(graph, from, op);
  if (!region) return std::nullopt;
  const FlowOp& start = graph.op(from);
  const std::optional<std::size_t> channels = channels_of(graph, start, region->dims);
  if (!channels) return std::nullopt;
  const Group group = region->dims[*channels];
  const bool has_reduction = region->has_reduction;
  const std::size_t region_rank = region->dims.size();
  const Trial trial(graph, start, *std::move(region), *channels);
  std::optional<Known> known = has_reduction ? norm_of(trial) : function_of(trial);
  if (!known) return std::nullopt;
  const bool has_channels = region_rank == 2 || !graph.space(start).roles.empty();
  if (!has_channels && !is_for_all(*known)) return std::nullopt;
  if (is_for_all(*known)) return known;
  const std::vector<std::int64_t> places = graph.places(start, group);
  if (auto* affine = std::get_if<KnownAffine>(&*known)) {
    reorder(affine->scale, places);
    reorder(affine->shift, places);
  } else if (auto* norm = std::get_if<KnownNorm>(&*known)) {
    reorder(norm->gamma, places);
    reorder(norm->beta, places);
  }
  return known;
}

}  // namespace nn::onnx
