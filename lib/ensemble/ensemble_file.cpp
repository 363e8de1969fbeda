#include "ensemble/ensemble_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/numbers.hpp"
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

// A file beside this one, or a model beside this one's: never anything else on the machine. Names go into
// messages and fields of answers.
std::string plain_name(const std::string& name) {
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos || name.size() > 255 ||
      printable(name, name.size() + 1) != name)
    fail_usage("'{}' is not a name", printable(name));
  return name;
}

EnsembleFile::Part file_part(const std::string& folder, const std::string& file) {
  return {file, folder + "/" + file, {}, 0};
}

EnsembleFile::Part model_part(const std::string& folder, const std::string& model, std::uint64_t version) {
  const std::filesystem::path beside(fmt::format("{}/../../{}/{}/model.nn", folder, model, version));
  return {fmt::format("{}/{}", model, version), beside.lexically_normal().string(), model, version};
}

void read_rule(const std::string& word, const std::string& folder, EnsembleFile& out) {
  out.combination = parse_combination(word);
  if (out.combination.kind == Combination::Kind::concat)
    fail_usage("'concat' answers nothing: it makes the rows that a model for stack: is trained on");
  if (out.combination.kind != Combination::Kind::stack) return;
  const std::string& what = out.combination.model;
  const auto slash = what.rfind('/');
  if (slash == std::string::npos) {
    out.stack = file_part(folder, plain_name(what));
  } else {
    const std::int64_t version = parse_count(std::string_view(what).substr(slash + 1), 1);
    out.stack = model_part(folder, plain_name(what.substr(0, slash)), static_cast<std::uint64_t>(version));
  }
  out.combination.model = out.stack->path;
}

// Whoever may write an ensemble's file may not run commands, here or elsewhere, as other endpoints do.
std::string read_endpoint(const TomlValue& value) {
  const std::string& at = value.text();
  for (const std::string_view scheme : {"tcp://", "tls://", "unix:"}) {
    if (at.starts_with(scheme) && printable(at, at.size() + 1) == at) return at;
  }
  fail_usage("'{}' is not tcp://HOST:PORT, tls://HOST:PORT or unix:/PATH", printable(at));
}

std::vector<std::string> read_endpoints(const TomlValue& value) {
  if (value.kind() == TomlValue::Kind::text) return {read_endpoint(value)};
  if (value.kind() != TomlValue::Kind::list || value.list().empty())
    fail_usage("must be endpoints, as [\"tcp://HOST:PORT\"]");
  if (value.list().size() > EnsembleFile::most_endpoints)
    fail_usage("more than {} endpoints", EnsembleFile::most_endpoints);
  std::vector<std::string> out;
  for (const TomlValue& one : value.list()) out.push_back(read_endpoint(one));
  return out;
}

EnsembleFile::Member read_member(const TomlFile& toml, const TomlTable& table, const std::string& folder) {
  EnsembleFile::Member member;
  std::string model, file;
  std::int64_t version = 0;
  toml.take(table, "a key of a member",
            {{"model", [&](const TomlValue& value) { model = plain_name(value.text()); }},
             {"version", [&](const TomlValue& value) { version = value.whole(1, INT64_MAX); }},
             {"file", [&](const TomlValue& value) { file = plain_name(value.text()); }},
             {"at", [&](const TomlValue& value) { member.at = read_endpoints(value); }},
             {"device", [&](const TomlValue& value) { member.device = backend::parse_device(value.text()); }},
             {"weight", [&](const TomlValue& value) {
                member.weight = value.number({.most = most_weight, .above = true});
              }}});
  if (model.empty() == file.empty()) fail_usage("a member has either a model or a file");
  if (model.empty() != (version == 0)) fail_usage("a model has a version, and a file has none");
  if (!member.at.empty() && model.empty()) fail_usage("workers have a model and its version, and no file");
  if (!member.at.empty() && member.device) fail_usage("a member that workers have is on no device here");
  static_cast<EnsembleFile::Part&>(member) =
      model.empty() ? file_part(folder, file)
                    : model_part(folder, model, static_cast<std::uint64_t>(version));
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

// Data errors without a place.
void check(const EnsembleFile& file) {
  const std::size_t members = file.members.size();
  if (file.quorum > members) fail_data("a quorum of {} members, of which there are {}", file.quorum, members);
  if (file.deadline.count() > 0 && file.quorum == members)
    fail_data("deadline_ms leaves out who is late; quorum says how many members suffice then");
  if (file.stack && file.quorum < members) {
    fail_data("rule {} needs the answers of all members, so that there is no quorum of {}",
              to_string(file.combination), file.quorum);
  }
}

}  // namespace

bool EnsembleFile::is_weighted() const {
  return std::any_of(members.begin(), members.end(), [](const Member& member) { return member.weight != 1; });
}

std::vector<EnsembleFile::Part> EnsembleFile::local() const {
  std::vector<Part> out;
  for (const Member& member : members) {
    if (member.at.empty()) out.push_back(member);
  }
  if (stack) out.push_back(*stack);
  return out;
}

EnsembleFile parse_ensemble(std::string_view text, const std::string& path) {
  const TomlFile toml(text, path, EnsembleFile::most_bytes);
  const std::string folder = folder_of(path);
  EnsembleFile out;
  std::optional<std::int64_t> quorum;
  toml.take(toml.root(), "a key",
            {{"rule", [&](const TomlValue& value) { read_rule(value.text(), folder, out); }},
             {"quorum", [&](const TomlValue& value) { quorum = value.whole(1, EnsembleFile::most_members); }},
             {"deadline_ms",
              [&](const TomlValue& value) {
                out.deadline = std::chrono::milliseconds(value.whole(1, longest_ms));
              }},
             {"member", [&](const TomlValue& value) { read_members(toml, value, folder, out.members); }}});
  if (out.members.empty()) throw data_error("no member; there is [[member]]").within_file(path);
  out.quorum = quorum ? static_cast<std::size_t>(*quorum) : out.members.size();
  try {
    check(out);
  } catch (const Error& error) {
    throw error.within_file(path);
  }
  return out;
}

}  // namespace nn::ensemble
