// Checks of what must hold between the parts of a model.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model/description.hpp"
#include "model/values.hpp"

namespace nn::model {
namespace {

constexpr std::int64_t widest = INT32_MAX;

bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

// A scale of zero would make targets irrecoverable and hide a column.
bool good_scaling(const std::vector<double>& offset, const std::vector<double>& scale, std::int64_t width,
                  bool one_is_enough) {
  const auto n = static_cast<std::int64_t>(scale.size());
  return offset.size() == scale.size() && (n == 0 || n == width || (one_is_enough && n == 1)) &&
         all_finite(offset) && all_finite(scale) &&
         std::none_of(scale.begin(), scale.end(), [](double value) { return value == 0; });
}

bool strictly_ascending(const std::vector<std::string>& texts) {
  return std::adjacent_find(texts.begin(), texts.end(), std::greater_equal<>()) == texts.end();
}

bool integers_ascending(const std::vector<std::string>& texts) {
  std::int64_t last = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::int64_t value = 0;
    const char* end = texts[i].data() + texts[i].size();
    const auto result = std::from_chars(texts[i].data(), end, value);
    if (result.ec != std::errc() || result.ptr != end || std::to_string(value) != texts[i]) return false;
    if (i > 0 && value <= last) return false;
    last = value;
  }
  return true;
}

bool good_shape(const Shape& shape) {
  __int128 elements = 1;
  for (const std::int64_t d : shape) {
    elements *= d;
    if (d < 1 || elements > widest) return false;
  }
  return true;
}

bool good_column(const InputColumn& column) {
  const bool tensor = column.kind == InputColumn::Kind::tensor;
  const bool category = column.kind == InputColumn::Kind::category;
  if (tensor != !column.shape.empty() || category != !column.categories.empty()) return false;
  if (!good_shape(column.shape) || !all_finite(column.fill)) return false;
  if (column.fill.size() != (column.kind == InputColumn::Kind::number ? 1u : 0u)) return false;
  if (column.first_feature) {
    if (column.shape.size() != 1 || *column.first_feature < 0 || *column.first_feature > 1) return false;
  }
  if (category) return strictly_ascending(column.categories) && column.scale.empty() && column.offset.empty();
  return good_scaling(column.offset, column.scale, column.width(), true);
}

void check_columns(const Encoder& encoder) {
  std::set<std::string_view> names;
  std::int64_t width = 0;
  for (const InputColumn& column : encoder.columns()) {
    if (!good_column(column)) fail_data("its {} makes no sense", column_name(column.name));
    if (!names.insert(column.name).second) fail_data("it has two of {}", column_name(column.name));
    width += column.width();
    if (width > widest) fail_data("its columns become too many inputs");
  }
  if (names.empty()) fail_data("it has no input columns");
}

void check_input(const Model& model) {
  if (model.encoder.input_shape() != model.network.input) {
    fail_data("its columns give inputs of shape {}, but its network takes {}",
              to_string(model.encoder.input_shape()), to_string(model.network.input));
  }
}

bool good_target(const Target& target) {
  if (target.kind == Target::Kind::classes) {
    return target.classes.size() >= 2 && target.shape.empty() && target.scale.empty() &&
           target.offset.empty() && target.elements.empty() && target.answers == Answers{} &&
           (target.integers ? integers_ascending(target.classes) : strictly_ascending(target.classes));
  }
  if (target.answers.kind != Answers::Kind::values && target.width() != 1) return false;
  const bool quantiles = target.answers.kind == Answers::Kind::quantiles;
  if (quantiles ? !are_quantiles(target.answers.quantiles) : !target.answers.quantiles.empty()) return false;
  return target.kind == Target::Kind::numbers && target.classes.empty() && !target.integers &&
         good_shape(target.shape) && good_scaling(target.offset, target.scale, target.width(), false) &&
         (target.elements.empty() || static_cast<std::int64_t>(target.elements.size()) == target.width());
}

}  // namespace

Network checked_network(const std::string& text, Shape input, const Model& model,
                        std::uint64_t most_parameters) {
  if (input.empty() || !good_shape(input)) fail_data("its input has shape {}", to_string(input));
  const std::int64_t outputs = outputs_for(model.target, model.loss);
  check_columns(model.encoder);
  Network network;
  std::uint64_t needed = 0;
  try {
    network = parse_network(text);
    resolve(network, std::move(input), outputs, model.encoder.segments());
    needed = static_cast<std::uint64_t>(lower(network, model.loss).parameter_count);
  } catch (const Error& error) {
    throw error.within(fmt::format("its network '{}' is wrong", printable(text))).as(ErrorKind::data);
  }
  if (needed > most_parameters) fail_data("its network needs more weights than there are");
  return network;
}

std::int64_t outputs_for(const Target& target, Loss loss) {
  if (!good_target(target)) fail_data("its target makes no sense");
  if (is_classification(loss) != (target.kind == Target::Kind::classes)) {
    fail_data("its loss {} does not go with its target", name_of(loss));
  }
  if (target.answers.kind != answers_kind_of(loss))
    fail_data("its loss {} does not go with its target", name_of(loss));
  if (loss != Loss::binary_crossentropy) return target.width() * target.answers.each();
  if (target.width() != 2) fail_data("binary cross-entropy over {} classes", target.width());
  return 1;
}

void check_model(const Model& model) {
  if (model.network.outputs() != outputs_for(model.target, model.loss)) {
    fail_data("its network has {} outputs, its target needs {}", model.network.outputs(),
              outputs_for(model.target, model.loss));
  }
  check_columns(model.encoder);
  check_input(model);
}

}  // namespace nn::model
