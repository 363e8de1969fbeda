#include "exchange/named_arrays.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/text.hpp"
#include "exchange/json.hpp"
#include "model/description.hpp"
#include "tensor/batch.hpp"

namespace nn::exchange {
namespace {

void check_parameter(const NamedArray& array, const Parameter& parameter) {
  if (!is_number(array.values)) fail_data("holds {}, not numbers", array.type);
  if (array.shape != parameter.shape) {
    fail_data("has shape {}, but the network needs {}", to_string(array.shape), to_string(parameter.shape));
  }
}

void copy_parameter(const NamedArray& array, std::int64_t size, float* out) {
  for (std::int64_t i = 0; i < size; ++i) {
    const double value = number_at(array.values, array.data.data(), i);
    out[i] = static_cast<float>(value);
    if (!std::isfinite(out[i])) fail_data("element {} is {}, not a weight", i, value);
  }
}

std::shared_ptr<const float> read_parameters(const ArrayFile& file, const Plan& plan) {
  const std::vector<std::string> names = file.names();
  std::set<std::string_view> unused(names.begin(), names.end());
  const auto within_array = [&](const Parameter& parameter, auto&& body) {
    try {
      return body();
    } catch (const Error& error) {
      throw error.within(fmt::format("array '{}'", parameter.name)).within_file(file.path());
    }
  };
  // All arrays first: memory for the block is only taken once they are there.
  std::vector<NamedArray> arrays;
  for (const Parameter& parameter : plan.parameters) {
    if (unused.erase(parameter.name) == 0) {
      throw data_error("has no array '{}', which the network needs", parameter.name).within_file(file.path());
    }
    arrays.push_back(file.read(parameter.name, [&](const NamedArray& array) {
      within_array(parameter, [&] { check_parameter(array, parameter); });
    }));
  }
  auto block = std::make_shared<Buffer>(static_cast<std::size_t>(plan.parameter_count) * sizeof(float));
  auto* values = block->as<float>();
  std::fill_n(values, plan.parameter_count, 0.0f);
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const Parameter& parameter = plan.parameters[i];
    within_array(parameter, [&] { copy_parameter(arrays[i], parameter.size(), values + parameter.offset); });
  }
  for (const std::string_view name : unused) {
    warn("{}: array '{}' is no weight of the network and is left out", file.path(), printable(name));
  }
  return {block, values};
}

}  // namespace

model::Model described_model(const ArrayFile& file) {
  const std::string text = file.read_description();
  try {
    JsonModel description = model_from_json(text);
    model::Model model = std::move(description.model);
    // The file's arrays say how many weights there are; this only keeps sizes in range.
    constexpr std::uint64_t most = std::uint64_t{1} << 40;
    model.network = model::checked_network(description.network, std::move(description.input), model, most);
    model::check_model(model);
    return model;
  } catch (const Error& error) {
    throw error.within(file.description_name()).within_file(file.path());
  }
}

model::Model model_of(const ArrayFile& file) {
  model::Model model = described_model(file);
  model.parameters = read_parameters(file, lower(model.network, model.loss));
  return model;
}

void each_weight(const model::Model& model,
                 const std::function<void(const Parameter&, std::span<const float>)>& use) {
  model::check_model(model);
  for (const Parameter& parameter : lower(model.network, model.loss).parameters) {
    use(parameter, {model.parameters.get() + parameter.offset, static_cast<std::size_t>(parameter.size())});
  }
}

}  // namespace nn::exchange
