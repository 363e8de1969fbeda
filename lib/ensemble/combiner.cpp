#include "ensemble/combiner.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "predict/predictor.hpp"

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

// Column x of the members' outputs side by side, then id and y where `source` is given.
std::shared_ptr<Schema> feature_schema(std::int64_t width) {
  auto schema = std::make_shared<Schema>();
  schema->fields.push_back({"x", DType::f32, {width}, false, {}, {}});
  return schema;
}

}  // namespace

std::vector<std::string_view> combination_names() {
  std::vector<std::string_view> names = enum_names(Rule{}).list();
  names.insert(names.end(), {"concat", "stack:"});
  return names;
}

Combination parse_combination(std::string_view text) {
  Combination combination;
  if (text.starts_with("stack:")) {
    combination.kind = Combination::Kind::stack;
    combination.model = text.substr(6);
    if (combination.model.empty()) fail_usage("'stack:' lacks the model; write stack:MODEL");
  } else if (text == "stack") {
    fail_usage("'stack' lacks the model; write stack:MODEL");
  } else if (text == "concat") {
    combination.kind = Combination::Kind::concat;
  } else {
    const auto names = combination_names();
    if (std::find(names.begin(), names.end(), text) == names.end()) fail_unknown_name(text, "a rule", names);
    combination.kind = Combination::Kind::rule;
    combination.rule = parse_rule(text);
  }
  return combination;
}

std::string to_string(const Combination& combination) {
  switch (combination.kind) {
    case Combination::Kind::stack: return "stack";
    case Combination::Kind::concat: return "concat";
    default: return std::string(name_of(combination.rule));
  }
}

std::vector<double> parse_weights(std::string_view text) {
  std::vector<double> weights;
  for (const std::string& word : split(text, ',')) {
    const double weight = parse_number(trim(word));
    if (!(weight > 0)) fail_usage("weight {} is not above 0", printable(word));
    weights.push_back(weight);
  }
  return weights;
}

Combiner::Combiner(const predict::PredictionKind& members, const CombinerOptions& options,
                   const Schema& source, Metadata metadata)
    : members_(members),
      combination_(resolved(options.combination, members, options.weighted)),
      uncertainty_(options.uncertainty) {
  if (options.members > 1 || combination_.needs_all()) metadata.set("nn.rule", to_string(combination_));
  if (uncertainty_ && !members.classes && !fits_numbers(*uncertainty_)) {
    fail_usage("--uncertainty {} is for classes, these members answer numbers; there is variance",
               name_of(*uncertainty_));
  }
  predict::PredictionKind kind = members;
  if (combination_.needs_all()) {
    features_ = feature_schema(members.width() * static_cast<std::int64_t>(options.members));
  }
  if (combination_.kind == Combination::Kind::concat) {
    if (uncertainty_) fail_usage("--uncertainty has nothing to look at with --rule concat");
    passed_ = predict::passed_columns(source);
    auto schema = std::make_shared<Schema>(*features_);
    for (const std::size_t column : passed_) schema->fields.push_back(source.fields[column]);
    schema->metadata = std::move(metadata);
    features_ = std::move(schema);
    return;
  }
  if (combination_.kind == Combination::Kind::stack) {
    stack_ = std::make_unique<predict::TablePredictor>(combination_.model, options.device, *features_);
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
  const auto combine = members_.classes ? combine_classes : combine_numbers;
  combine(combination_.rule, outputs, weights, rows, width, values.as<float>());
  return values;
}

Buffer Combiner::side_by_side(std::int64_t rows, std::span<const float* const> outputs) const {
  const auto width = static_cast<std::size_t>(members_.width());
  Buffer x(static_cast<std::size_t>(rows) * width * outputs.size() * sizeof(float));
  float* to = x.as<float>();
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    for (const float* output : outputs) {
      std::memcpy(to, output + row * width, width * sizeof(float));
      to += width;
    }
  }
  return x;
}

const float* Combiner::uncertainty_of(std::int64_t rows, std::span<const float* const> outputs,
                                      const float* result) {
  if (!uncertainty_) return nullptr;
  uncertainties_.reserve_discarding(static_cast<std::size_t>(rows) * sizeof(float));
  // The entropy is that of the answer, whose classes a stacking model may have changed.
  const bool of_result = *uncertainty_ == Uncertainty::entropy;
  uncertainty(*uncertainty_, outputs, result, rows, of_result ? builder_->kind().width() : members_.width(),
              of_result || members_.classes, uncertainties_.as<float>());
  return uncertainties_.as<float>();
}

Batch Combiner::stacked(const Batch& source, std::span<const float* const> outputs) {
  const Batch rows{
      features_, source.first_row, source.rows, {make_column(side_by_side(source.rows, outputs))}};
  Buffer values(static_cast<std::size_t>(source.rows * stack_->kind().width()) * sizeof(float));
  stack_->predict(rows, values.as<float>());
  const float* uncertainties = uncertainty_of(source.rows, outputs, values.as<float>());
  return builder_->build(source, std::move(values), nullptr, uncertainties);
}

Batch Combiner::concatenated(const Batch& source, std::span<const float* const> outputs) const {
  Batch batch{features_, source.first_row, source.rows, {make_column(side_by_side(source.rows, outputs))}};
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
