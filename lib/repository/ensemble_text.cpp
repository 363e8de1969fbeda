#include "repository/ensemble_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "base/text.hpp"
#include "repository/ensemble_version.hpp"

namespace nn::repository {
namespace {

using ensemble::Combination;
using ensemble::EnsembleFile;

std::string rule_of(const EnsembleFile& file) {
  if (file.stack) return "stack:" + file.stack->name;
  if (file.combination.kind == Combination::Kind::automatic) return file.is_weighted() ? "weighted" : "mean";
  return std::string(ensemble::name_of(file.combination.rule));
}

struct Digest {
  std::string text, why_not;
};

// Of a member that is on this machine.
Digest digest_of(const EnsembleFile::Part& part) {
  try {
    return {model::inspect_model(part.path, false).model.digest, ""};
  } catch (const Error& error) {
    return {"", error.what()};
  }
}

std::string place_of(const EnsembleFile::Member& member) {
  if (!member.at.empty()) return fmt::format("{}", fmt::join(member.at, ", "));
  return member.device ? backend::to_string(*member.device) : std::string();
}

std::string line_of(const EnsembleFile::Member& member) {
  std::string out = printable(member.name);
  if (member.weight != 1) out += fmt::format("  weight {}", member.weight);
  if (const std::string place = place_of(member); !place.empty()) out += "  at " + printable(place, 400);
  if (!member.at.empty()) return out;
  const Digest digest = digest_of(member);
  return out + "  " + (digest.text.empty() ? printable(digest.why_not, 400) : digest.text);
}

std::string json_of(const EnsembleFile::Member& member) {
  std::string line = "{";
  add_json(line, "name", member.name);
  if (!member.model.empty()) {
    add_json(line, "model", member.model);
    add_json(line, "version", member.version);
  }
  add_json(line, "weight", member.weight);
  if (member.device) add_json(line, "device", backend::to_string(*member.device));
  if (!member.at.empty()) {
    add_json(line, "at", member.at);
  } else {
    const Digest digest = digest_of(member);
    add_json(line, "path", member.path);
    add_json(line, digest.text.empty() ? "error" : "digest",
             digest.text.empty() ? digest.why_not : digest.text);
  }
  return line + "}";
}

}  // namespace

std::string ensemble_text(const std::string& path) {
  const EnsembleFile file = read_ensemble(path);
  std::string out = fmt::format("{:<12}{}\n{:<12}ensemble of {} members\n", "file", printable(path, 4096),
                                "kind", file.members.size());
  out += fmt::format("{:<12}{}\n", "rule", printable(rule_of(file)));
  out += fmt::format("{:<12}{} of {}\n", "quorum", file.quorum, file.members.size());
  if (file.deadline.count() > 0) out += fmt::format("{:<12}{} ms\n", "deadline", file.deadline.count());
  std::string_view head = "members";
  for (const auto& member : file.members) {
    out += fmt::format("{:<12}{}\n", head, line_of(member));
    head = "";
  }
  return out;
}

std::string ensemble_json(const std::string& path) {
  const EnsembleFile file = read_ensemble(path);
  std::string line = "{";
  add_json(line, "file", path);
  add_json(line, "kind", "ensemble");
  add_json(line, "rule", rule_of(file));
  add_json(line, "quorum", file.quorum);
  add_json(line, "deadline_ms", file.deadline.count());
  line += ",\"members\":[";
  for (std::size_t m = 0; m < file.members.size(); ++m)
    line += (m == 0 ? "" : ",") + json_of(file.members[m]);
  return line + "]}\n";
}

}  // namespace nn::repository
