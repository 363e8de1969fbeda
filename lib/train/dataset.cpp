#include "train/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "format/reading.hpp"
#include "model/digest.hpp"
#include "table/rows.hpp"
#include "tensor/row_weights.hpp"
#include "train/warm_start.hpp"

namespace nn::train {
namespace {

// Weights whose mean over the data is 1: how large they are in all is no matter, and a learning rate means
// the same as without them.
std::vector<float> with_mean_one(std::span<const double> weights) {
  if (weights.empty()) return {};
  double sum = 0;
  for (const double weight : weights) sum += weight;
  if (!(sum > 0)) fail_data("all rows have the weight 0");
  const double scale = static_cast<double>(weights.size()) / sum;
  std::vector<float> out;
  out.reserve(weights.size());
  for (const double weight : weights) out.push_back(static_cast<float>(weight * scale));
  return out;
}

// Encodes and drops the rows. Bytes are kept where they can be, unless `floats` are asked for.
Dataset encode(Rows rows, const model::Encoder& encoder, const model::Target& target, bool floats) {
  const model::BoundEncoder bound = encoder.bind(*rows.schema);
  Dataset data;
  data.rows = rows.count;
  data.inputs = bound.width();
  if (!floats) data.byte_values = bound.byte_values();
  data.x = Buffer(static_cast<std::size_t>(rows.count) * data.row_bytes());
  const bool classes = target.kind == model::Target::Kind::classes;
  data.target_width = classes ? 0 : target.width();
  if (classes) data.labels.resize(static_cast<std::size_t>(rows.count));
  data.targets.resize(static_cast<std::size_t>(rows.count * data.target_width));
  std::vector<double> row_weights;
  std::int64_t first = 0;
  for (Batch& batch : rows.batches) {
    if (data.byte_values) {
      std::copy_n(bound.bytes(batch), batch.rows * data.inputs,
                  data.x.as<std::uint8_t>() + first * data.inputs);
    } else {
      bound.encode(batch, data.x.as<float>() + first * data.inputs);
    }
    if (classes) {
      model::encode_labels(target, batch, data.labels.data() + first);
    } else {
      model::encode_targets(target, batch, data.targets.data() + first * data.target_width);
    }
    append_row_weights(batch, row_weights);
    first += batch.rows;
    batch = {};
  }
  data.row_weights = with_mean_one(row_weights);
  data.weights = data.row_weights;
  return data;
}

std::vector<double> weights_of_classes(const ClassWeights& wanted, const model::Target& target,
                                       const Dataset& data) {
  std::vector<double> weights(target.classes.size(), 1.0);
  if (target.kind != model::Target::Kind::classes)
    fail_data("--class-weight is for classes, but y is a number");
  if (wanted.balanced) {
    // n / (classes * n_class): every class that there is weighs the same in all, the mean weight is 1.
    std::vector<std::int64_t> counts(weights.size());
    for (const std::int32_t label : data.labels) ++counts[static_cast<std::size_t>(label)];
    const auto classes =
        static_cast<double>(counts.size() - static_cast<std::size_t>(std::ranges::count(counts, 0)));
    for (std::size_t k = 0; k < weights.size(); ++k) {
      if (counts[k] > 0)
        weights[k] = static_cast<double>(data.rows) / (classes * static_cast<double>(counts[k]));
    }
  }
  for (const auto& [name, weight] : wanted.named) {
    const auto found = std::find(target.classes.begin(), target.classes.end(), name);
    if (found == target.classes.end()) {
      throw data_error("there is no class '{}'; there are {}", printable(name),
                       printable(fmt::format("{}", fmt::join(target.classes, ", ")), 200))
          .within("--class-weight");
    }
    weights[static_cast<std::size_t>(found - target.classes.begin())] = weight;
  }
  return weights;
}

// Classes of the rows that the model doesn't know are refused all at once, and those that it knows and no row
// has are told: it will forget them.
void check_classes(const model::Target& target, const Rows& rows, const std::string& last_layer) {
  const auto at = rows.schema->find(target.name);
  if (target.kind != model::Target::Kind::classes || !at) return;
  constexpr std::size_t most_shown = 20;
  const Field& field = rows.schema->fields[*at];
  std::set<std::string> unknown;
  std::vector<bool> seen(target.classes.size());
  std::vector<std::int32_t> labels;
  for (const Batch& batch : rows.batches) {
    labels.resize(static_cast<std::size_t>(batch.rows));
    model::encode_labels(target, batch, labels.data(), true);
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      const std::int32_t label = labels[static_cast<std::size_t>(row)];
      if (label >= 0) {
        seen[static_cast<std::size_t>(label)] = true;
      } else if (batch.columns[*at].valid(row) && unknown.size() < most_shown) {
        unknown.insert(value_text(field, batch.columns[*at], row));
      }
    }
  }
  if (!unknown.empty()) {
    throw data_error("there are classes that the model doesn't know: {}",
                     printable(fmt::format("{}", fmt::join(unknown, ", ")), 200))
        .advise("; --reset {} begins its last layer anew, for the classes of this table", last_layer);
  }
  std::vector<std::string> missing;
  for (std::size_t k = 0; k < seen.size(); ++k) {
    if (!seen[k]) missing.push_back(target.classes[k]);
  }
  if (!missing.empty()) {
    warn("no row has the classes {} of the model, which will unlearn them",
         printable(fmt::format("{}", fmt::join(missing, ", ")), 200));
  }
}

std::string digest_of(const Dataset& data) {
  model::Digest digest;
  digest.add(data.x.bytes().first(static_cast<std::size_t>(data.rows) * data.row_bytes()));
  digest.add(std::as_bytes(std::span(data.labels)));
  digest.add(std::as_bytes(std::span(data.targets)));
  digest.add(std::as_bytes(std::span(data.row_weights)));
  return digest.text();
}

}  // namespace

backend::Inputs Dataset::inputs_from(std::int64_t row) const {
  if (byte_values) return x.as<std::uint8_t>() + row * inputs;
  return x.as<float>() + row * inputs;
}

backend::Examples Dataset::examples(std::int64_t first, std::int64_t count) const {
  backend::Examples e;
  e.rows = count;
  e.x = inputs_from(first);
  if (!labels.empty()) e.labels = labels.data() + first;
  if (!targets.empty()) e.targets = targets.data() + first * target_width;
  if (!weights.empty()) e.weights = weights.data() + first;
  return e;
}

BatchGatherer::BatchGatherer(const Dataset& data, std::int64_t batch)
    : data_(data), x_(static_cast<std::size_t>(batch) * data.row_bytes()) {
  if (!data.labels.empty()) labels_.resize(static_cast<std::size_t>(batch));
  if (!data.targets.empty()) targets_.resize(static_cast<std::size_t>(batch * data.target_width));
  if (!data.weights.empty()) weights_.resize(static_cast<std::size_t>(batch));
}

backend::Examples BatchGatherer::gather(std::span<const std::uint32_t> rows) {
  const std::size_t bytes = data_.row_bytes();
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::memcpy(x_.data() + i * bytes, data_.x.data() + rows[i] * bytes, bytes);
  return with_targets(rows);
}

backend::Examples BatchGatherer::with_targets(std::span<const std::uint32_t> rows) {
  const auto width = static_cast<std::size_t>(data_.target_width);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t row = rows[i];
    if (!labels_.empty()) labels_[i] = data_.labels[row];
    if (!targets_.empty())
      std::copy_n(data_.targets.begin() + static_cast<std::ptrdiff_t>(row * width), width,
                  targets_.begin() + static_cast<std::ptrdiff_t>(i * width));
    if (!weights_.empty()) weights_[i] = data_.weights[row];
  }
  backend::Examples e;
  e.rows = static_cast<std::int64_t>(rows.size());
  e.x = data_.byte_values ? backend::Inputs(x_.as<std::uint8_t>()) : backend::Inputs(x_.as<float>());
  if (!labels_.empty()) e.labels = labels_.data();
  if (!targets_.empty()) e.targets = targets_.data();
  if (!weights_.empty()) e.weights = weights_.data();
  return e;
}

TrainingData load_training_data(const TrainOptions& options, const Network& network,
                                std::shared_ptr<const model::Model> start) {
  Rows train = read_rows(options.source);
  std::optional<Rows> valid;
  if (options.valid.fraction > 0)
    valid = split_off(train, options.valid.fraction, options.valid_seed, options.valid_stratify);
  if (!options.valid.file.empty()) {
    format::SourceOptions source = options.source;
    source.inputs = {options.valid.file};
    source.rows = {};
    format::take_columns(source, *train.schema);
    valid = read_rows(source);
  }
  return training_data(options, network, std::move(start), std::move(train), std::move(valid));
}

TrainingData training_data(const TrainOptions& options, const Network& network,
                           std::shared_ptr<const model::Model> start, Rows train, std::optional<Rows> valid,
                           const Rows* all) {
  const model::Scaling scaling = scaling_of(options);
  const bool scales_target = scaling != model::Scaling::none && !ends_with_activation(network);
  TrainingData data;
  data.start = std::move(start);
  data.reading = format::reading_of(options.source, *train.schema);
  const bool keeps_target = data.start != nullptr && !has_new_target(options, network);
  try {
    data.encoder = data.start != nullptr ? data.start->encoder
                                         : model::Encoder::fit(*train.schema, train.batches, scaling);
    if (keeps_target) {
      data.target = data.start->target;
      check_classes(data.target, all != nullptr ? *all : train, last_dense(network).name);
    } else {
      data.target = model::fit_target(*train.schema, train.batches, scales_target);
      if (all != nullptr && data.target.kind == model::Target::Kind::classes)
        data.target = model::fit_target(*all->schema, all->batches, scales_target);
    }
    if (data.start != nullptr) {
      data.encoder.bind(*train.schema);  // the columns that don't fit are refused here
      tell_unknown_texts(*data.start, train);
    }
  } catch (const Error& error) {
    throw error.within_file(name_of_inputs(options.source.inputs));
  }
  data.train = encode(std::move(train), data.encoder, data.target, !options.augmentation.empty());
  if (valid) {
    try {
      data.valid = encode(std::move(*valid), data.encoder, data.target, !data.train.byte_values);
    } catch (const Error& error) {
      throw error.within("the validation rows");
    }
  }
  data.digest = digest_of(data.train);
  if (data.valid) data.valid_digest = digest_of(*data.valid);
  if (!options.class_weights.empty()) {
    const auto weights = weights_of_classes(options.class_weights, data.target, data.train);
    const std::vector<std::int32_t>& labels = data.train.labels;
    std::vector<double> of_rows(data.train.row_weights.begin(), data.train.row_weights.end());
    of_rows.resize(labels.size(), 1);
    for (std::size_t i = 0; i < of_rows.size(); ++i)
      of_rows[i] *= weights[static_cast<std::size_t>(labels[i])];
    data.train.weights = with_mean_one(of_rows);
  }
  return data;
}

}  // namespace nn::train
