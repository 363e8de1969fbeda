#include "ensemble/ensemble_file.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/toml.hpp"

namespace nn::ensemble {
namespace {

constexpr double most_weight = 1e9;
constexpr std::int64_t longest_ms = 86'400'000;

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

void read_rule(const std::string& word, Combination& combination) {
  combination = parse_combination(word);
  if (combination.needs_all())
    fail_usage("'{}' is for files, not for an ensemble that is served", printable(word));
}

// A file beside this one, or a model beside this one's: never anything else on the machine.
std::string plain_name(const std::string& name) {
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos || name.size() > 255 ||
      printable(name, name.size() + 1) != name)
    fail_usage("'{}' is not a name", printable(name));
  return name;
}

EnsembleFile::Member read_member(const TomlFile& toml, const TomlTable& table, const std::string& folder) {
  EnsembleFile::Member member;
  std::string model, file;
  std::int64_t version = 0;
  toml.take(table, "a key of a member",
            {{"model", [&](const TomlValue& value) { model = plain_name(value.text()); }},
             {"version", [&](const TomlValue& value) { version = value.whole(1, INT64_MAX); }},
             {"file", [&](const TomlValue& value) { file = plain_name(value.text()); }},
             {"device", [&](const TomlValue& value) { member.device = backend::parse_device(value.text()); }},
             {"weight", [&](const TomlValue& value) {
                member.weight = value.number({.most = most_weight, .above = true});
              }}});
  if (model.empty() == file.empty()) fail_usage("a member has either a model or a file");
  if (model.empty() != (version == 0)) fail_usage("a model has a version, and a file has none");
  if (model.empty()) {
    member.name = file;
    member.path = folder + "/" + file;
  } else {
    member.name = fmt::format("{}/{}", model, version);
    member.path = fmt::format("{}/../../{}/{}/model.nn", folder, model, version);
  }
  return member;
}

void read_members(const TomlFile& toml, const TomlValue& value, const std::string& folder,
                  std::vector<EnsembleFile::Member>& members) {
  if (value.kind() != TomlValue::Kind::list) fail_usage("must be tables [[member]]");
  if (value.list().size() > EnsembleFile::most_members)
    fail_usage("more than {} members", EnsembleFile::most_members);
  for (const TomlValue& one : value.list()) {
    toml.at(one.line(), "member", [&] {
      if (one.kind() != TomlValue::Kind::table) fail_usage("must be tables [[member]]");
      members.push_back(read_member(toml, one.table(), folder));
    });
  }
}

}  // namespace

EnsembleFile parse_ensemble(std::string_view text, const std::string& path) {
  const TomlFile toml(text, path, EnsembleFile::most_bytes);
  EnsembleFile out;
  std::optional<std::int64_t> quorum;
  toml.take(
      toml.root(), "a key",
      {{"rule", [&](const TomlValue& value) { read_rule(value.text(), out.combination); }},
       {"quorum", [&](const TomlValue& value) { quorum = value.whole(1, EnsembleFile::most_members); }},
       {"deadline_ms",
        [&](const TomlValue& value) {
          out.deadline = std::chrono::milliseconds(value.whole(1, longest_ms));
        }},
       {"member", [&](const TomlValue& value) { read_members(toml, value, folder_of(path), out.members); }}});
  if (out.members.empty()) throw data_error("no member; there is [[member]]").within_file(path);
  out.quorum = quorum ? static_cast<std::size_t>(*quorum) : out.members.size();
  if (out.quorum > out.members.size()) {
    throw data_error("a quorum of {} members, of which there are {}", out.quorum, out.members.size())
        .within_file(path);
  }
  return out;
}

}  // namespace nn::ensemble
