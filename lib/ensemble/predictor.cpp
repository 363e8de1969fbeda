#include "ensemble/predictor.hpp"

#include <algorithm>
#include <bit>

#include "base/error.hpp"
#include "base/parse.hpp"

namespace nn {
namespace {

// Of a step: values that fit a cache, but rows enough to be worth a step. Results don't depend on it.
constexpr std::int64_t most_values = 1 << 20, least_rows = 16;

// What the outputs mean, for models whose target says nothing as well (converted weights).
PredictionKind kind_of_outputs(const Model& model, std::int64_t outputs) {
  if (model.target.kind != Target::Kind::none) return kind_of(model.target);
  PredictionKind kind;
  kind.classes = is_classification(model.loss);
  if (!kind.classes) {
    if (outputs > 1) kind.shape = {outputs};
    return kind;
  }
  kind.integers = true;
  const std::int64_t classes = model.loss == Loss::binary_crossentropy && outputs == 1 ? 2 : outputs;
  for (std::int64_t c = 0; c < classes; ++c) kind.names.push_back(std::to_string(c));
  return kind;
}

}  // namespace

Predictor::Predictor(const std::string& path, const Device& device, Precision precision)
    : path_(path), device_(device), precision_(precision) {
  check_device(device_);
  model_ = load_model(path_);
  plan_ = lower(model_.network, model_.loss);
  kind_ = kind_of_outputs(model_, plan_.outputs);
  one_logit_ = kind_.classes && plan_.outputs == 1 && kind_.width() == 2;
  if (!one_logit_ && plan_.outputs != kind_.width()) {
    fail_data("{}: the network has {} outputs, its target {}", path_, plan_.outputs, kind_.width());
  }
  if (model_.encoder.width() != plan_.inputs) {
    fail_data("{}: the network has {} inputs, its columns {}", path_, plan_.inputs, model_.encoder.width());
  }
}

Predictor::~Predictor() = default;

void Predictor::bind(const Schema& schema) {
  try {
    encoder_ = model_.encoder.bind(schema);
  } catch (const Error& error) {
    throw error.within(path_);
  }
}

void Predictor::make_room(std::int64_t rows) {
  if (!backend_) {
    pin_thread(device_);
    backend_ = open_backend(device_);
  }
  if (rows <= capacity_) return;
  // Small inputs get a small arena, large ones are compiled for a few times at most.
  capacity_ = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(rows)));
  step_ = std::min(capacity_,
                   std::max(least_rows, most_values / std::max<std::int64_t>(plan_.values_per_row, 1)));
  ProgramOptions options;
  options.batch = step_;
  options.precision = precision_;
  options.byte_values = encoder_->byte_values();
  takes_bytes_ = options.byte_values.has_value();
  program_ = backend_->compile(plan_, options, model_.parameters.get());
  const auto capacity = static_cast<std::size_t>(capacity_);
  if (!takes_bytes_) x_.reserve_discarding(capacity * static_cast<std::size_t>(plan_.inputs) * sizeof(float));
  if (one_logit_) y_.reserve_discarding(capacity * sizeof(float));
}

void Predictor::predict(const Batch& batch, float* out) {
  make_room(batch.rows);
  Inputs x = x_.as<float>();
  try {
    if (takes_bytes_) {
      x = encoder_->bytes(batch);
    } else {
      encoder_->encode(batch, x_.as<float>());
    }
  } catch (const Error& error) {
    throw error.within(path_);
  }
  float* y = one_logit_ ? y_.as<float>() : out;
  for (std::int64_t row = 0; row < batch.rows; row += step_) {
    program_->forward(std::min(step_, batch.rows - row), x.from(row * plan_.inputs), y + row * plan_.outputs);
  }
  if (one_logit_) {
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      const float p = y_.as<float>()[row];
      out[2 * row] = 1 - p;
      out[2 * row + 1] = p;
    }
  }
  if (!kind_.classes) finish_numbers(batch.rows, out);
}

// The network learned (y - offset) * scale.
void Predictor::finish_numbers(std::int64_t rows, float* out) const {
  const Target& target = model_.target;
  if (target.scale.empty()) return;
  const std::int64_t width = kind_.width();
  for (std::int64_t i = 0; i < rows * width; ++i) {
    const auto at = target.scale.size() == 1 ? 0 : static_cast<std::size_t>(i % width);
    out[i] = static_cast<float>(out[i] / target.scale[at] + (target.offset.empty() ? 0 : target.offset[at]));
  }
}

}  // namespace nn
