#include "repository/misfit.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model/model.hpp"

namespace nn::repository {
namespace {

std::string difference(const model::Model& before, const model::Model& now) {
  const auto same_target = [](const model::Target& a, const model::Target& b) {
    return a.kind == b.kind && a.classes == b.classes && a.shape == b.shape;
  };
  if (!same_target(before.target, now.target)) {
    return now.target.kind == model::Target::Kind::classes &&
                   before.target.kind == model::Target::Kind::classes
               ? "it has other classes"
               : "it answers something else";
  }
  for (const model::InputColumn& column : now.encoder.columns()) {
    const auto& known = before.encoder.columns();
    const auto same = [&](const model::InputColumn& c) {
      return c.name == column.name && c.kind == column.kind && c.shape == column.shape;
    };
    if (std::none_of(known.begin(), known.end(), same)) {
      return fmt::format("it wants a column '{}' that the other does not", printable(column.name));
    }
  }
  return "";
}

std::string path_of(const std::string& base, std::uint64_t version) {
  return fmt::format("{}/{}/model.nn", base, version);
}

}  // namespace

std::string misfit(const std::string& base, std::uint64_t before, std::uint64_t now) {
  return misfit_of_file(base, before, path_of(base, now));
}

std::string misfit_of_file(const std::string& base, std::uint64_t before, const std::string& now) {
  try {
    return difference(model::inspect_model(path_of(base, before), false).model,
                      model::inspect_model(now, false).model);
  } catch (const Error&) {
    return "";
  }
}

}  // namespace nn::repository
