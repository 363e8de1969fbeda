#include "nn/plan.hpp"

namespace nn {

Plan for_prediction(Plan plan) {
  std::vector<int> source(plan.values.size());
  for (std::size_t v = 0; v < source.size(); ++v) source[v] = static_cast<int>(v);
  std::vector<Op> kept;
  for (Op& op : plan.ops) {
    op.input = source[static_cast<std::size_t>(op.input)];
    if (op.other >= 0) op.other = source[static_cast<std::size_t>(op.other)];
    if (op.training_only) {
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
    wanted[static_cast<std::size_t>(op.output)] =
        !op.parameters.empty() || wanted[static_cast<std::size_t>(op.input)] ||
        (op.other >= 0 && wanted[static_cast<std::size_t>(op.other)]);
  }
  return wanted;
}

double operations_per_row(const Plan& plan) {
  double operations = 0;
  for (const Op& op : plan.ops) {
    for (const int index : op.parameters) {
      const Parameter& kernel = plan.parameters[static_cast<std::size_t>(index)];
      if (kernel.initializer != Initializer::kernel) continue;
      // The kernel without its last dimension is what each output is a sum over.
      const std::int64_t terms = kernel.size() / kernel.shape.back();
      operations += 2 * static_cast<double>(terms) * static_cast<double>(op.out.size());
    }
  }
  return operations;
}

}  // namespace nn
