// Only this file of the module sees toml++.
#include "ensemble/ensemble_file.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <cmath>

#include "base/enum_names.hpp"
#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn::ensemble {
namespace {

constexpr double most_weight = 1e9;
constexpr std::int64_t longest_ms = 86'400'000;

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  EnsembleFile file(const toml::table& table) {
    EnsembleFile out;
    std::optional<std::int64_t> quorum;
    for (const auto& [key, node] : table) {
      const std::string_view name = key.str();
      at(key, [&, &node = node] {
        if (name == "rule") {
          rule(text(node), out.combination);
        } else if (name == "quorum") {
          quorum = whole(node, 1, EnsembleFile::most_members);
        } else if (name == "deadline_ms") {
          out.deadline = std::chrono::milliseconds(whole(node, 1, longest_ms));
        } else if (name == "member") {
          members(node, out.members);
        } else {
          fail_unknown_name(name, "a key", {"rule", "quorum", "deadline_ms", "member"});
        }
      });
    }
    if (out.members.empty()) throw data_error("no member; there is [[member]]").within_file(path_);
    out.quorum = quorum ? static_cast<std::size_t>(*quorum) : out.members.size();
    if (out.quorum > out.members.size()) {
      throw data_error("a quorum of {} members, of which there are {}", out.quorum, out.members.size())
          .within_file(path_);
    }
    return out;
  }

 private:
  // What is wrong in it is wrong in this file's line, and an input.
  template <typename Body>
  void at(const toml::key& key, Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::usage) throw;  // it has its line already
      throw data_error("{}: {}", printable(key.str()), error.message())
          .within_file(path_, static_cast<std::int64_t>(key.source().begin.line));
    }
  }
  static std::string text(const toml::node& node) {
    if (const auto* value = node.as_string()) return value->get();
    fail_usage("must be a text in quotes");
  }
  static std::int64_t whole(const toml::node& node, std::int64_t least, std::int64_t most) {
    const auto* value = node.as_integer();
    if (value == nullptr) fail_usage("must be a whole number");
    if (value->get() < least || value->get() > most)
      fail_usage("{} is not from {} to {}", value->get(), least, most);
    return value->get();
  }
  static double weight(const toml::node& node) {
    const auto value = node.value<double>();
    if (!value || !std::isfinite(*value) || !(*value > 0) || *value > most_weight)
      fail_usage("must be a number above 0");
    return *value;
  }
  static void rule(const std::string& word, Combination& combination) {
    combination = parse_combination(word);
    if (combination.needs_all())
      fail_usage("'{}' is for files, not for an ensemble that is served", printable(word));
  }
  // A file beside this one, or a model beside this one's: never anything else on the machine.
  static std::string plain_name(const std::string& name) {
    if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos || name.size() > 255 ||
        printable(name, name.size() + 1) != name)
      fail_usage("'{}' is not a name", printable(name));
    return name;
  }

  void members(const toml::node& node, std::vector<EnsembleFile::Member>& all) {
    const toml::array* array = node.as_array();
    if (array == nullptr || array->empty()) fail_usage("must be tables [[member]]");
    if (array->size() > EnsembleFile::most_members)
      fail_usage("more than {} members", EnsembleFile::most_members);
    for (const toml::node& one : *array) {
      const toml::table* table = one.as_table();
      if (table == nullptr) fail_usage("must be tables [[member]]");
      all.push_back(member(*table));
    }
  }

  EnsembleFile::Member member(const toml::table& table) {
    EnsembleFile::Member member;
    std::string model, file;
    std::int64_t version = 0;
    for (const auto& [key, node] : table) {
      const std::string_view name = key.str();
      at(key, [&, &node = node] {
        if (name == "model") {
          model = plain_name(text(node));
        } else if (name == "version") {
          version = whole(node, 1, INT64_MAX);
        } else if (name == "file") {
          file = plain_name(text(node));
        } else if (name == "device") {
          member.device = backend::parse_device(text(node));
        } else if (name == "weight") {
          member.weight = weight(node);
        } else {
          fail_unknown_name(name, "a key of a member", {"model", "version", "file", "device", "weight"});
        }
      });
    }
    if (model.empty() == file.empty()) fail_usage("a member has either a model or a file");
    if (model.empty() != (version == 0)) fail_usage("a model has a version, and a file has none");
    const std::string folder = folder_of(path_);
    if (model.empty()) {
      member.name = file;
      member.path = folder + "/" + file;
    } else {
      member.name = fmt::format("{}/{}", model, version);
      member.path = fmt::format("{}/../../{}/{}/model.nn", folder, model, version);
    }
    return member;
  }

  const std::string& path_;
};

}  // namespace

EnsembleFile parse_ensemble(std::string_view text, const std::string& path) {
  if (text.size() > EnsembleFile::most_bytes)
    throw data_error("more than {} bytes", EnsembleFile::most_bytes).within_file(path);
  toml::table table;
  try {
    table = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    throw data_error("{}", printable(error.description(), 200))
        .within_file(path, static_cast<std::int64_t>(error.source().begin.line));
  }
  return Reader(path).file(table);
}

}  // namespace nn::ensemble
