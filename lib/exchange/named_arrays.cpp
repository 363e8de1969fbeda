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
  if (!is_number(array.values)) fail_data("has the type {}, of which no weights are read", array.type);
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

// The values of one weight, checked.
class Reading {
 public:
  Reading(const ArrayFile& file, const Parameter& parameter) : file_(file), parameter_(parameter) {}

  NamedArray array() const {
    return file_.read(parameter_.name, [&](const NamedArray& array) {
      within_array([&] { check_parameter(array, parameter_); });
    });
  }
  void copy(const NamedArray& array, float* out) const {
    within_array([&] { copy_parameter(array, parameter_.size(), out); });
  }
  Error missing() const {
    return data_error("has no array '{}', which the network needs", parameter_.name)
        .within_file(file_.path());
  }

 private:
  template <typename Body>
  void within_array(Body&& body) const {
    try {
      body();
    } catch (const Error& error) {
      throw error.within(fmt::format("array '{}'", parameter_.name)).within_file(file_.path());
    }
  }

  const ArrayFile& file_;
  const Parameter& parameter_;
};

std::shared_ptr<const float> read_parameters(const ArrayFile& file, const Plan& plan) {
  const std::vector<std::string> names = file.names();
  std::set<std::string_view> unused(names.begin(), names.end());
  // All arrays first: memory for the block is only taken once they are there.
  std::vector<NamedArray> arrays;
  for (const Parameter& parameter : plan.parameters) {
    const Reading reading(file, parameter);
    if (unused.erase(parameter.name) == 0) throw reading.missing();
    arrays.push_back(reading.array());
  }
  auto block = std::make_shared<Buffer>(static_cast<std::size_t>(plan.parameter_count) * sizeof(float));
  auto* values = block->as<float>();
  std::fill_n(values, plan.parameter_count, 0.0f);
  for (std::size_t i = 0; i < arrays.size(); ++i)
    Reading(file, plan.parameters[i]).copy(arrays[i], values + plan.parameters[i].offset);
  for (const std::string_view name : unused) {
    warn("{}: array '{}' is no weight of the network and is left out", file.path(), printable(name));
  }
  return {block, values};
}

}  // namespace

model::Model described_model(const std::string& text) {
  JsonModel description = model_from_json(text);
  model::Model model = std::move(description.model);
  // Whoever has the weights says how many there are; this only keeps sizes in range.
  constexpr std::uint64_t most = std::uint64_t{1} << 40;
  model.network = model::checked_network(description.network, std::move(description.input), model, most);
  model::check_model(model);
  return model;
}

model::Model described_model(const ArrayFile& file) {
  const std::string text = file.read_description();
  try {
    return described_model(text);
  } catch (const Error& error) {
    throw error.within(file.description_name()).within_file(file.path());
  }
}

model::Model model_of(const ArrayFile& file) {
  model::Model model = described_model(file);
  model.parameters = read_parameters(file, lower(model.network, model.loss));
  return model;
}

ArrayFindings look_through(const ArrayFile& file, const model::Model& described) {
  const std::vector<std::string> names = file.names();
  std::set<std::string_view> unused(names.begin(), names.end());
  ArrayFindings findings;
  std::vector<float> values;
  const Plan plan = lower(described.network, described.loss);
  for (const Parameter& parameter : plan.parameters) {
    const Reading reading(file, parameter);
    try {
      if (unused.erase(parameter.name) == 0) throw reading.missing();
      const NamedArray array = reading.array();
      values.resize(static_cast<std::size_t>(parameter.size()));
      reading.copy(array, values.data());
    } catch (const Error& error) {
      findings.refused.push_back(error);
    }
  }
  findings.left_out.assign(unused.begin(), unused.end());
  return findings;
}

void each_weight(const model::Model& model,
                 const std::function<void(const Parameter&, std::span<const float>)>& use) {
  model::check_model(model);
  for (const Parameter& parameter : lower(model.network, model.loss).parameters) {
    use(parameter, {model.parameters.get() + parameter.offset, static_cast<std::size_t>(parameter.size())});
  }
}

}  // namespace nn::exchange
