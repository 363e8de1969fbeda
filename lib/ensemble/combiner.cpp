#include "ensemble/combiner.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/log.hpp"

namespace nn::ensemble {
namespace {

// The rule that applies, checked against what the members answer.
Combination resolved(Combination combination, const predict::PredictionKind& members, bool weighted) {
  if (combination.kind == Combination::Kind::automatic) {
    combination.kind = Combination::Kind::rule;
    combination.rule = weighted ? Rule::weighted : Rule::mean;
  }
  if (combination.kind == Combination::Kind::rule) {
    if (members.classes && !fits_classes(combination.rule)) {
      fail_usage("--rule {} is for numbers, these members answer classes", name_of(combination.rule));
    }
    if (!members.classes && !fits_numbers(combination.rule)) {
      fail_usage(
          "--rule {} is for classes, these members answer numbers; there are mean, weighted, median and "
          "trimmed",
          name_of(combination.rule));
    }
  }
  return combination;
}

}  // namespace

Combiner::Combiner(const predict::PredictionKind& members, const CombinerOptions& options,
                   const Schema& source, Metadata metadata)
    : members_(members),
      combination_(resolved(options.combination, members, options.weighted)),
      uncertainty_(options.uncertainty) {
  if (options.members > 1 || combination_.needs_all()) metadata.set("nn.rule", to_string(combination_));
  if (uncertainty_ && !members.classes && !fits_numbers(*uncertainty_)) {
    fail_usage("--uncertainty {} is for classes, these members answer numbers; there are variance and std",
               name_of(*uncertainty_));
  }
  if (uncertainty_ && options.members == 1 && *uncertainty_ != Uncertainty::entropy)
    warn("there is one member: {} is how far several disagree, and 0 here", name_of(*uncertainty_));
  // Whoever compares it with errors has to know what it is.
  if (uncertainty_) metadata.set("nn.uncertainty", std::string(name_of(*uncertainty_)));
  predict::PredictionKind kind = members;
  const std::int64_t features = members.width() * static_cast<std::int64_t>(options.members);
  if (combination_.kind == Combination::Kind::concat) {
    if (uncertainty_) fail_usage("--uncertainty has nothing to look at with --rule concat");
    passed_ = predict::passed_columns(source);
    auto schema = std::make_shared<Schema>(*feature_schema(features));
    for (const std::size_t column : passed_) schema->fields.push_back(source.fields[column]);
    schema->metadata = std::move(metadata);
    features_ = std::move(schema);
    return;
  }
  if (combination_.kind == Combination::Kind::stack) {
    stack_.emplace(combination_.model, options.device, features);
    kind = stack_->kind();
    metadata.set("nn.stack", stack_->digest());
    if (uncertainty_ == Uncertainty::entropy && !kind.classes) {
      fail_usage("--uncertainty entropy is for classes, {} answers numbers", combination_.model);
    }
  }
  builder_ = std::make_unique<predict::PredictionBuilder>(std::move(kind), source, uncertainty_.has_value(),
                                                          std::move(metadata));
}

Combiner::~Combiner() = default;

const std::shared_ptr<const Schema>& Combiner::schema() const {
  return builder_ ? builder_->schema() : features_;
}

Buffer Combiner::combined(std::int64_t rows, std::span<const float* const> outputs,
                          std::span<const double> weights) const {
  const std::int64_t width = members_.width();
  Buffer values(static_cast<std::size_t>(rows * width) * sizeof(float));
  combine_answers(members_, combination_.rule, outputs, weights, rows, values.as<float>());
  return values;
}

const float* Combiner::uncertainty_of(std::int64_t rows, std::span<const float* const> outputs,
                                      const float* result) {
  if (!uncertainty_) return nullptr;
  uncertainties_.reserve_discarding(static_cast<std::size_t>(rows) * sizeof(float));
  // The entropy is that of the answer, whose classes a stacking model may have changed.
  const bool of_result = *uncertainty_ == Uncertainty::entropy;
  const std::int64_t width = of_result ? builder_->kind().width() : members_.width();
  const bool normal = members_.answers.kind == model::Answers::Kind::normal;
  uncertainty(*uncertainty_, outputs, result, rows, width, normal ? 1 : width, of_result || members_.classes,
              uncertainties_.as<float>());
  return uncertainties_.as<float>();
}

Batch Combiner::stacked(const Batch& source, std::span<const float* const> outputs) {
  Buffer values(static_cast<std::size_t>(source.rows * stack_->kind().width()) * sizeof(float));
  stack_->predict(source.first_row, source.rows, outputs, values.as<float>());
  const float* uncertainties = uncertainty_of(source.rows, outputs, values.as<float>());
  return builder_->build(source, std::move(values), nullptr, uncertainties);
}

Batch Combiner::concatenated(const Batch& source, std::span<const float* const> outputs) const {
  Batch batch{features_,
              source.first_row,
              source.rows,
              {make_column(side_by_side(source.rows, members_.width(), outputs))}};
  for (const std::size_t column : passed_) batch.columns.push_back(source.columns[column]);
  return batch;
}

Batch Combiner::combine(const Batch& source, std::span<const float* const> outputs,
                        std::span<const double> weights) {
  if (combination_.kind == Combination::Kind::concat) return concatenated(source, outputs);
  if (combination_.kind == Combination::Kind::stack) return stacked(source, outputs);
  Buffer values = combined(source.rows, outputs, weights);
  const float* uncertainties = uncertainty_of(source.rows, outputs, values.as<float>());
  const std::int32_t* answers = nullptr;
  if (members_.classes && outputs.size() > 1) {
    answers_.reserve_discarding(static_cast<std::size_t>(source.rows) * sizeof(std::int32_t));
    answer(outputs, source.rows, members_.width(), values.as<float>(), answers_.as<std::int32_t>());
    answers = answers_.as<std::int32_t>();
  }
  return builder_->build(source, std::move(values), answers, uncertainties);
}

}  // namespace nn::ensemble
