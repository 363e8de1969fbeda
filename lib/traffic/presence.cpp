#include "traffic/presence.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/text.hpp"
#include "repository/standing.hpp"
#include "traffic/model_traffic.hpp"

namespace nn::traffic {
namespace {

std::optional<Error> why_no_model(const std::string& base, const std::string& name) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::absolute(base, error).lexically_normal();
  const std::filesystem::path here = folder.has_filename() ? folder : folder.parent_path();
  if (std::filesystem::is_directory(here.parent_path() / name, error)) return std::nullopt;
  return data_error("no model '{}' lies beside it", printable(name)).within_file(base);
}

}  // namespace

std::optional<Error> why_missing(const std::string& base, const Target& target) {
  if (!target.model.empty()) return why_no_model(base, target.model);
  const repository::Standing standing = repository::read_standing(base);
  std::uint64_t version = target.version;
  if (version == 0) {
    const auto label = standing.labels.find(target.label);
    // Without it the newest is the stable one.
    if (label == standing.labels.end() && target.label == repository::stable_label) return std::nullopt;
    if (label == standing.labels.end())
      return data_error("it has no label '{}'", printable(target.label))
          .within_file(base)
          .advise("; nn-model label {} {}=VERSION sets one", printable(base), printable(target.label));
    version = label->second;
  }
  if (standing.has(version)) return std::nullopt;
  return data_error("there is no version {} in it", version).within_file(base);
}

std::optional<Error> first_missing(const std::string& base, const TrafficPlan& plan) {
  for (const Arm& arm : plan.arms) {
    if (auto why = why_missing(base, arm.target)) return why;
  }
  return plan.shadow ? why_missing(base, plan.shadow->target) : std::nullopt;
}

const std::set<std::uint64_t>& PlannedVersions::read(const std::string& base, const TrafficPlan& given) {
  const auto stamp = stamp_of(base + "/" + plan_file);
  if (looked_ && stamp == stamp_) return versions_;
  looked_ = true;
  stamp_ = stamp;
  try {
    const auto plan = read_plan(base);
    versions_ = needed_versions(plan ? plan : given);
  } catch (const Error&) {
    // Whoever shares out the traffic tells it.
  }
  return versions_;
}

}  // namespace nn::traffic
