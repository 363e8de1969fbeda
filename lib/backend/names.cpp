// Names of what programs can be asked for.
#include "backend/backend.hpp"

namespace nn::backend {

const EnumNames<OptimizerKind>& enum_names(OptimizerKind) {
  static constexpr EnumName<OptimizerKind> table[] = {
      {OptimizerKind::sgd, "sgd"},           {OptimizerKind::momentum, "momentum"},
      {OptimizerKind::nesterov, "nesterov"}, {OptimizerKind::rmsprop, "rmsprop"},
      {OptimizerKind::adam, "adam"},         {OptimizerKind::adamw, "adamw"}};
  static constexpr EnumNames<OptimizerKind> names{"an optimizer", table};
  return names;
}

const EnumNames<Precision>& enum_names(Precision) {
  static constexpr EnumName<Precision> table[] = {
      {Precision::float32, "float32"}, {Precision::tf32, "tf32"}, {Precision::bf16, "bf16"}};
  static constexpr EnumNames<Precision> names{"a precision", table};
  return names;
}

std::string_view name_of(OptimizerKind kind) { return enum_names(kind).name_of(kind); }
OptimizerKind parse_optimizer(std::string_view name) { return enum_names(OptimizerKind{}).parse(name); }
std::string_view name_of(Precision precision) { return enum_names(precision).name_of(precision); }
Precision parse_precision(std::string_view name) { return enum_names(Precision{}).parse(name); }

}  // namespace nn::backend
