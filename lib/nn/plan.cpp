#include "nn/plan.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/memory.hpp"
#include "base/random.hpp"

namespace nn {
namespace {

constexpr std::int64_t floats_aligned = alignment / sizeof(float);

// Takes offsets out of the two blocks, one after the other.
class Lowering {
 public:
  Lowering(const Network& network, Loss loss) : network_(network) {
    plan_.inputs = width_ = network.inputs();
    plan_.outputs = network.outputs();
    plan_.loss = loss;
  }

  Plan run() {
    for (std::size_t i = 0; i < network_.layers.size(); ++i) add(network_.layers[i], static_cast<int>(i));
    return std::move(plan_);
  }

 private:
  void add(const Layer& layer, int index) {
    switch (layer.kind) {
      case LayerKind::dense: return add_dense(layer, index);
      case LayerKind::activation:
        if (layer.activation != Activation::linear)
          push(OpKind::activation, width_, index).activation = layer.activation;
        return;
      case LayerKind::dropout:
        if (layer.rate > 0) push(OpKind::dropout, width_, index).rate = layer.rate;
        return;
      case LayerKind::flatten: return;
    }
  }

  void add_dense(const Layer& layer, int index) {
    const std::int64_t inputs = width_;
    const int kernel = parameter(layer, "kernel", {inputs, layer.units}, inputs, true);
    const int bias = parameter(layer, "bias", {layer.units}, inputs, false);
    Op& op = push(OpKind::dense, layer.units, index);
    op.kernel = kernel;
    op.bias = bias;
    op.activation = layer.activation;
  }

  int parameter(const Layer& layer, const char* what, Shape shape, std::int64_t fan_in, bool decays) {
    Parameter p;
    p.name = layer.name + "/" + what;
    p.shape = std::move(shape);
    p.offset = plan_.parameter_count;
    p.fan_in = fan_in;
    p.fan_out = layer.units;
    p.activation = layer.activation;
    p.decays = decays;
    plan_.parameter_count += round_up(p.size());
    plan_.parameters.push_back(std::move(p));
    return static_cast<int>(plan_.parameters.size()) - 1;
  }

  Op& push(OpKind kind, std::int64_t outputs, int index) {
    Op op;
    op.kind = kind;
    op.inputs = width_;
    op.outputs = outputs;
    op.input = value_;
    op.output = plan_.values_per_row;
    op.layer = index;
    plan_.values_per_row += round_up(outputs);
    width_ = outputs;
    value_ = op.output;
    plan_.ops.push_back(op);
    return plan_.ops.back();
  }

  static std::int64_t round_up(std::int64_t n) {
    return (n + floats_aligned - 1) / floats_aligned * floats_aligned;
  }

  const Network& network_;
  Plan plan_;
  std::int64_t width_ = 0;
  std::int64_t value_ = -1;  // where the current value is; -1: the batch
};

}  // namespace

Plan lower(const Network& network, Loss loss) { return Lowering(network, loss).run(); }

void initialise(const Plan& plan, std::uint64_t seed, std::span<float> parameters) {
  std::fill(parameters.begin(), parameters.end(), 0.0f);
  for (std::size_t i = 0; i < plan.parameters.size(); ++i) {
    const Parameter& p = plan.parameters[i];
    if (!p.decays) continue;  // biases start at 0
    RandomStream random(seed, RandomUse::initialise, i);
    const auto fan_in = static_cast<double>(p.fan_in);
    const auto fan_out = static_cast<double>(p.fan_out);
    float* values = parameters.data() + p.offset;
    const auto normal = [&](double variance) {
      for (std::int64_t k = 0; k < p.size(); ++k)
        values[k] = static_cast<float>(std::sqrt(variance) * random.normal());
    };
    switch (p.activation) {
      case Activation::relu:
      case Activation::leaky_relu:
      case Activation::elu:
      case Activation::gelu:
      case Activation::softplus: normal(2.0 / fan_in); break;
      case Activation::selu: normal(1.0 / fan_in); break;
      default: {
        const double limit = std::sqrt(6.0 / (fan_in + fan_out));
        for (std::int64_t k = 0; k < p.size(); ++k)
          values[k] = static_cast<float>((2 * random.uniform() - 1) * limit);
      }
    }
  }
}

}  // namespace nn
