#include "predict/predictor.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::predict {
namespace {

constexpr std::int64_t least_rows = 16;  // that are worth a step

// Says what the outputs mean, for models whose target says nothing as well (converted weights).
PredictionKind kind_of_outputs(const model::Model& model, std::int64_t answers) {
  if (model.target.kind != model::Target::Kind::none) return kind_of(model.target);
  PredictionKind kind;
  kind.classes = is_classification(model.loss);
  if (!kind.classes) {
    if (answers > 1) kind.shape = {answers};
    return kind;
  }
  kind.integers = true;
  for (std::int64_t c = 0; c < answers; ++c) kind.names.push_back(std::to_string(c));
  return kind;
}

}  // namespace

namespace {

// A device that isn't there is told before a file is read.
model::Model load_for(const std::string& path, const backend::Device& device) {
  backend::check_device(device);
  return model::load_model(path);
}

}  // namespace

Predictor::Predictor(const std::string& path, const backend::Device& device, backend::Precision precision)
    : Predictor(path, load_for(path, device), device, precision) {}

Predictor::Predictor(const std::string& path, model::Model model, const backend::Device& device,
                     backend::Precision precision)
    : path_(path), device_(device), precision_(precision), model_(std::move(model)) {
  backend::check_device(device_);
  plan_ = lower(model_.network, model_.loss);
  kind_ = kind_of_outputs(model_, plan_.answers());
  if (plan_.answers() != kind_.width()) {
    throw data_error("the network answers {} values, its target {}", plan_.answers(), kind_.width())
        .within_file(path_);
  }
  if (model_.encoder.width() != plan_.inputs) {
    throw data_error("the network has {} inputs, its columns {}", plan_.inputs, model_.encoder.width())
        .within_file(path_);
  }
}

Predictor::~Predictor() = default;

model::BoundEncoder Predictor::bind(const Schema& schema) const {
  try {
    return model_.encoder.bind(schema);
  } catch (const Error& error) {
    throw error.within_file(path_);
  }
}

void Predictor::make_room(InputPath& path, const std::optional<std::array<float, 256>>& byte_values,
                          std::int64_t rows) {
  if (!backend_) {
    backend::pin_thread(device_);
    backend_ = backend::open_backend(device_);
  }
  if (rows <= path.capacity) return;
  // Small inputs get a small arena, large ones are compiled for a few times at most.
  const auto capacity = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(rows)));
  const std::int64_t at_once = backend_->values_at_once() / std::max<std::int64_t>(plan_.values_per_row, 1);
  path.step = std::min(capacity, std::max(least_rows, at_once));
  backend::ProgramOptions options;
  options.batch = path.step;
  options.precision = precision_;
  options.byte_values = byte_values;
  const auto parameters = parameters_now();
  path.program = backend_->compile(plan_, options, parameters.get());
  path.capacity = capacity;
  if (backend_->copies_parameters()) model_.parameters = nullptr;
}

std::uint64_t Predictor::step_bytes() const {
  const auto values = static_cast<std::uint64_t>((encoded_.step + bytes_.step) * plan_.values_per_row);
  return values * sizeof(float) + x_.size();
}

// Those of the file, or where the device has the only copy, its.
std::shared_ptr<const float> Predictor::parameters_now() const {
  if (model_.parameters) return model_.parameters;
  const auto buffer =
      std::make_shared<Buffer>(static_cast<std::size_t>(plan_.parameter_count) * sizeof(float));
  const backend::Program& program = encoded_.program ? *encoded_.program : *bytes_.program;
  program.read_parameters(0, {buffer->as<float>(), static_cast<std::size_t>(plan_.parameter_count)});
  return {buffer, buffer->as<float>()};
}

// x are `rows` rows as the path's program takes them.
void Predictor::forward(InputPath& path, backend::Inputs x, std::int64_t rows, float* out) {
  for (std::int64_t row = 0; row < rows; row += path.step) {
    path.program->forward(std::min(path.step, rows - row), x.from(row * plan_.inputs),
                          out + row * plan_.answers());
  }
  model_.target.finish(rows, out);
}

void Predictor::predict(std::span<const PredictorInput> inputs, float* out) {
  try {
    const auto byte_values = inputs.front().encoder->byte_values();
    std::int64_t rows = 0, most = 0;
    bool all_bytes = byte_values.has_value();
    for (const PredictorInput& input : inputs) {
      rows += input.batch->rows;
      most = std::max(most, input.batch->rows);
      all_bytes = all_bytes && input.encoder->byte_values().has_value();
    }
    if (all_bytes) {
      make_room(bytes_, byte_values, most);
      for (const PredictorInput& input : inputs) {
        forward(bytes_, input.encoder->bytes(*input.batch), input.batch->rows, out);
        out += input.batch->rows * kind_.width();
      }
      return;
    }
    make_room(encoded_, std::nullopt, rows);
    x_.reserve_discarding(static_cast<std::size_t>(encoded_.capacity * plan_.inputs) * sizeof(float));
    float* x = x_.as<float>();
    for (const PredictorInput& input : inputs) {
      input.encoder->encode(*input.batch, x);
      x += input.batch->rows * plan_.inputs;
    }
    forward(encoded_, x_.as<float>(), rows, out);
  } catch (const Error& error) {
    throw error.within_file(path_);
  }
}

void Predictor::warm_up(std::int64_t rows) {
  make_room(encoded_, std::nullopt, rows);
  x_.reserve_discarding(static_cast<std::size_t>(encoded_.capacity * plan_.inputs) * sizeof(float));
  std::fill_n(x_.as<float>(), rows * plan_.inputs, 0.0f);
  Buffer out(static_cast<std::size_t>(rows * kind_.width()) * sizeof(float));
  for (std::int64_t some = rows; some > 0; some = backend_->records_sizes() ? some / 2 : 0)
    forward(encoded_, x_.as<float>(), some, out.as<float>());
  warm_up_bytes(rows, out.as<float>());
}

// A tensor whose elements have one scale was a tensor of bytes.
void Predictor::warm_up_bytes(std::int64_t rows, float* out) {
  if (columns().size() != 1 || columns()[0].kind != model::InputColumn::Kind::tensor) return;
  if (columns()[0].scale.size() != 1) return;
  Schema table;
  table.fields.push_back({columns()[0].name, DType::u8, columns()[0].shape, false, {}, {}});
  const auto byte_values = model_.encoder.bind(table).byte_values();
  if (!byte_values) return;
  make_room(bytes_, byte_values, rows);
  const std::vector<std::uint8_t> x(static_cast<std::size_t>(rows * plan_.inputs));
  for (std::int64_t some = rows; some > 0; some = backend_->records_sizes() ? some / 2 : 0)
    forward(bytes_, x.data(), some, out);
}

void Predictor::try_out(std::int64_t rows, float* out) { forward(encoded_, x_.as<float>(), rows, out); }

void TablePredictor::predict(const Batch& batch, float* out) {
  const PredictorInput input{&encoder_, &batch};
  predictor_.predict({&input, 1}, out);
  const std::int64_t good = good_rows(kind(), out, batch.rows);
  if (good == batch.rows) return;
  throw data_error("row {}: the answer is not a finite number: its values, or the weights, are too large",
                   batch.number_of(good))
      .within_file(path_);
}

}  // namespace nn::predict
