#include "nn/plan.hpp"

#include <algorithm>

namespace nn {

Plan for_prediction(Plan plan) {
  std::vector<int> source(plan.values.size());
  for (std::size_t v = 0; v < source.size(); ++v) source[v] = static_cast<int>(v);
  std::vector<Op> kept;
  for (Op& op : plan.ops) {
    op.input = source[static_cast<std::size_t>(op.input)];
    for (int& other : op.others) other = source[static_cast<std::size_t>(other)];
    if (op.training_only) {
      source[static_cast<std::size_t>(op.output)] = op.input;
    } else {
      kept.push_back(std::move(op));
    }
  }
  plan.ops = std::move(kept);
  return plan;
}

std::string_view layer_of(const Parameter& parameter) {
  return std::string_view(parameter.name).substr(0, parameter.name.find('/'));
}

std::vector<std::string> layers_with_parameters(const Plan& plan) {
  std::vector<std::string> layers;
  for (const Parameter& parameter : plan.parameters) {
    if (layers.empty() || layers.back() != layer_of(parameter)) layers.emplace_back(layer_of(parameter));
  }
  return layers;
}

void freeze(Plan& plan, std::span<const std::string> layers) {
  for (Parameter& parameter : plan.parameters) {
    if (std::ranges::find(layers, layer_of(parameter)) == layers.end()) continue;
    parameter.trains = false;
    parameter.decays = false;
  }
}

namespace {

bool any_trains(const Plan& plan, const Op& op) {
  return std::ranges::any_of(
      op.parameters, [&](int index) { return plan.parameters[static_cast<std::size_t>(index)].trains; });
}

}  // namespace

bool is_frozen(const Plan& plan, const Op& op) { return !op.parameters.empty() && !any_trains(plan, op); }

std::vector<ParameterRange> changing_parameters(const Plan& plan) {
  std::vector<bool> frozen(plan.parameters.size());
  for (const Op& op : plan.ops) {
    if (!is_frozen(plan, op)) continue;
    for (const int index : op.parameters) frozen[static_cast<std::size_t>(index)] = true;
  }
  std::vector<ParameterRange> changing;
  for (std::size_t i = 0; i < plan.parameters.size(); ++i) {
    if (frozen[i]) continue;
    const std::int64_t first = plan.parameters[i].offset;
    const std::int64_t end =
        i + 1 < plan.parameters.size() ? plan.parameters[i + 1].offset : plan.parameter_count;
    if (!changing.empty() && changing.back().first + changing.back().count == first) {
      changing.back().count += end - first;
    } else {
      changing.push_back({first, end - first});
    }
  }
  return changing;
}

std::vector<bool> values_with_gradient(const Plan& plan) {
  std::vector<bool> wanted(plan.values.size());
  for (const Op& op : plan.ops) {
    const auto is_wanted = [&](int value) -> bool { return wanted[static_cast<std::size_t>(value)]; };
    wanted[static_cast<std::size_t>(op.output)] =
        any_trains(plan, op) || is_wanted(op.input) || std::ranges::any_of(op.others, is_wanted);
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
