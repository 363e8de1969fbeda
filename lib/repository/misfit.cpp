#include "repository/misfit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "base/error.hpp"
#include "base/text.hpp"
#include "repository/ensemble_version.hpp"

namespace nn::repository {
namespace {

std::string answers_of(const model::Target& target) {
  switch (target.kind) {
    case model::Target::Kind::none: break;
    case model::Target::Kind::classes:
      return target.classes.size() == 1 ? "one class" : fmt::format("{} classes", target.classes.size());
    case model::Target::Kind::numbers:
      if (target.answers.kind != model::Answers::Kind::values)
        return fmt::format("a number as {}", target.answers.text());
      return target.width() == 1 ? "a number" : fmt::format("{} numbers", target.width());
  }
  return "nothing";
}

// A class that one of them has and the other hasn't.
std::string other_classes(const model::Target& before, const model::Target& now) {
  const std::set<std::string_view> known(before.classes.begin(), before.classes.end()),
      there(now.classes.begin(), now.classes.end());
  for (const std::string& name : now.classes) {
    if (!known.contains(name)) return fmt::format("it has other classes, such as '{}'", printable(name));
  }
  for (const std::string& name : before.classes) {
    if (!there.contains(name))
      return fmt::format("it has other classes, '{}' is none of them", printable(name));
  }
  return "it has other classes: the same in another order";
}

std::string difference(const Interface& before, const Interface& now) {
  const auto same_target = [](const model::Target& a, const model::Target& b) {
    return a.kind == b.kind && a.classes == b.classes && a.shape == b.shape && a.answers == b.answers;
  };
  if (!same_target(before.target, now.target)) {
    return now.target.kind == model::Target::Kind::classes &&
                   before.target.kind == model::Target::Kind::classes
               ? other_classes(before.target, now.target)
               : fmt::format("it answers {} where the other answers {}", answers_of(now.target),
                             answers_of(before.target));
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
