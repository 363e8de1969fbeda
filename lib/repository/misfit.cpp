#include "repository/misfit.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "repository/ensemble_version.hpp"

namespace nn::repository {
namespace {

std::string difference(const Interface& before, const Interface& now) {
  const auto same_target = [](const model::Target& a, const model::Target& b) {
    return a.kind == b.kind && a.classes == b.classes && a.shape == b.shape;
  };
  if (!same_target(before.target, now.target)) {
    return now.target.kind == model::Target::Kind::classes &&
                   before.target.kind == model::Target::Kind::classes
               ? "it has other classes"
               : "it answers something else";
  }
  for (const model::InputColumn& column : now.columns) {
    const auto& known = before.columns;
    const auto same = [&](const model::InputColumn& c) {
      return c.name == column.name && c.kind == column.kind && c.shape == column.shape;
    };
    if (std::none_of(known.begin(), known.end(), same)) {
      return fmt::format("it wants a column '{}' that the other does not", printable(column.name));
    }
  }
  return "";
}

}  // namespace

std::string misfit(const std::string& base, std::uint64_t before, std::uint64_t now) {
  return misfit_of_file(base, before, version_file(base, now));
}

std::string misfit_of_file(const std::string& base, std::uint64_t before, const std::string& now) {
  try {
    const auto known = interface_of(version_file(base, before), false);
    const auto other = interface_of(now, false);
    return known && other ? difference(*known, *other) : "";
  } catch (const Error&) {
    return "";
  }
}

}  // namespace nn::repository
