// Names of what programs can be asked for.
#include <fmt/format.h>

#include <array>

#include "backend/backend.hpp"
#include "base/error.hpp"
#include "base/parse.hpp"

namespace nn::backend {
namespace {

constexpr std::array<std::string_view, 6> optimizer_names = {"sgd",     "momentum", "nesterov",
                                                             "rmsprop", "adam",     "adamw"};

constexpr std::array<std::string_view, 3> precision_names = {"float32", "tf32", "bf16"};

}  // namespace

std::string_view name_of(OptimizerKind kind) { return optimizer_names[static_cast<std::size_t>(kind)]; }

OptimizerKind parse_optimizer(std::string_view name) {
  for (std::size_t i = 0; i < optimizer_names.size(); ++i) {
    if (optimizer_names[i] == name) return static_cast<OptimizerKind>(i);
  }
  const auto meant = closest(name, {optimizer_names.begin(), optimizer_names.end()});
  fail_usage("'{}' is not an optimizer; {}", printable(name),
             meant ? fmt::format("did you mean {}?", *meant)
                   : fmt::format("there are {}", fmt::join(optimizer_names, ", ")));
}

std::string_view name_of(Precision precision) { return precision_names[static_cast<std::size_t>(precision)]; }

Precision parse_precision(std::string_view name) {
  for (std::size_t i = 0; i < precision_names.size(); ++i) {
    if (precision_names[i] == name) return static_cast<Precision>(i);
  }
  fail_usage("'{}' is not a precision; there are {}", printable(name), fmt::join(precision_names, ", "));
}

}  // namespace nn::backend
