#include "repository/ensemble_version.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>

#include "base/checksum.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "predict/predictions.hpp"
#include "repository/repository.hpp"
#include "repository/small_file.hpp"

namespace nn::repository {
namespace {

namespace fs = std::filesystem;

bool is_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

void check_part(const ensemble::EnsembleFile::Part& part) {
  if (is_file(part.path)) return;
  const std::string beside = (fs::path(part.path).parent_path() / ensemble_name).string();
  if (part.version != 0 && is_file(beside)) {
    throw data_error("it is an ensemble, which can't be a part of one; its members can")
        .within_file(part.path);
  }
  const Error missing(ErrorKind::io, part.version != 0 ? "no such version" : "no such file");
  throw missing.within_file(part.path);
}

bool same(const model::InputColumn& a, const model::InputColumn& b) {
  return a.kind == b.kind && a.shape == b.shape;
}

// Numbers that it takes, where it takes nothing else.
std::optional<std::int64_t> numbers_of(const model::Encoder& encoder) {
  std::int64_t sum = 0;
  for (const model::InputColumn& column : encoder.columns()) {
    if (column.kind == model::InputColumn::Kind::category) return std::nullopt;
    sum += element_count(column.shape);
  }
  return sum;
}

// Members' interfaces become the ensemble's.
class Together {
 public:
  explicit Together(const ensemble::EnsembleFile& file) : file_(file) {}

  void add(const std::string& name, const model::Model& member) {
    const predict::PredictionKind kind = predict::kind_of(member.target);
    if (!all_) {
      all_ = Interface{member.target, {}};
      first_ = name;
    } else {
      const std::string differs = predict::difference(predict::kind_of(all_->target), first_, kind, name);
      if (!differs.empty()) fail_data("members must answer the same: {}", differs);
    }
    for (const model::InputColumn& column : member.encoder.columns()) {
      const auto known = std::find_if(all_->columns.begin(), all_->columns.end(),
                                      [&](const auto& c) { return c.name == column.name; });
      if (known == all_->columns.end()) {
        all_->columns.push_back(column);
      } else if (!same(*known, column)) {
        fail_data("members want different things as column '{}'", printable(column.name));
      }
    }
  }

  void stack(const model::Model& model) {
    if (!all_) return;
    const std::int64_t width = predict::kind_of(all_->target).width();
    const std::int64_t features = width * static_cast<std::int64_t>(file_.members.size());
    const auto wanted = numbers_of(model.encoder);
    if (wanted != features) {
      fail_data("the stacking model {} doesn't take the {} numbers that the members answer",
                printable(file_.stack->name), features);
    }
    all_->target = model.target;
  }

  std::optional<Interface> take() {
    if (!all_ || file_.combination.kind != ensemble::Combination::Kind::rule) return std::move(all_);
    const ensemble::Rule rule = file_.combination.rule;
    const bool classes = predict::kind_of(all_->target).classes;
    if (classes ? !ensemble::fits_classes(rule) : !ensemble::fits_numbers(rule)) {
      fail_data("rule {} doesn't fit members that answer {}", ensemble::name_of(rule),
                classes ? "classes" : "numbers");
    }
    return std::move(all_);
  }

 private:
  const ensemble::EnsembleFile& file_;
  std::optional<Interface> all_;
  std::string first_;
};

}  // namespace

bool is_ensemble(const std::string& path) { return path.ends_with(".toml"); }

ensemble::EnsembleFile read_ensemble(const std::string& path) {
  const auto text = read_small_file(path, ensemble::EnsembleFile::most_bytes);
  if (!text) throw make_error(ErrorKind::io, "no such file").within_file(path);
  return ensemble::parse_ensemble(*text, path);
}

void check_parts(const ensemble::EnsembleFile& file) {
  for (const auto& part : file.local()) {
    try {
      check_part(part);
    } catch (const Error& error) {
      throw error.within(fmt::format("member {}", part.name));
    }
  }
}

FileStamp with_parts(const FileStamp& own, const std::string& path) {
  Checksum sum;
  try {
    for (const auto& part : read_ensemble(path).local()) {
      const FileStamp stamp = stamp_of(part.path).value_or(FileStamp{});
      const std::array<std::uint64_t, 4> words{stamp.device, stamp.inode, stamp.size,
                                               static_cast<std::uint64_t>(stamp.modified_ns)};
      sum.add(std::as_bytes(std::span(words)));
    }
  } catch (const Error&) {
    return own;  // whoever opens it tells why
  }
  FileStamp out = own;
  out.size ^= sum.value();
  return out;
}

std::optional<Interface> interface_of(const std::string& path, bool whole) {
  if (!is_ensemble(path)) {
    model::Model model = model::inspect_model(path, whole).model;
    return Interface{std::move(model.target), model.encoder.columns()};
  }
  const ensemble::EnsembleFile file = read_ensemble(path);
  check_parts(file);
  try {
    Together together(file);
    for (const auto& member : file.members) {
      if (!member.at.empty() && !is_file(member.path)) continue;
      together.add(member.name, model::inspect_model(member.path, whole).model);
    }
    if (file.stack) together.stack(model::inspect_model(file.stack->path, whole).model);
    return together.take();
  } catch (const Error& error) {
    throw error.within_file(path);
  }
}

std::string version_file(const std::string& base, std::uint64_t version) {
  std::string model = fmt::format("{}/{}/model.nn", base, version);
  if (is_file(model)) return model;
  std::string ensemble = fmt::format("{}/{}/{}", base, version, ensemble_name);
  return is_file(ensemble) ? ensemble : model;
}

std::map<std::uint64_t, std::string> named_by_ensembles(const std::string& base,
                                                        const std::vector<std::uint64_t>& versions) {
  std::map<std::uint64_t, std::string> named;
  std::error_code error;
  const fs::path own = fs::canonical(base, error);
  if (error) return named;
  const auto look = [&](const fs::path& folder, std::uint64_t version) {
    const std::string path = (folder / std::to_string(version) / ensemble_name).string();
    if (!is_file(path)) return;
    try {
      for (const auto& part : read_ensemble(path).local()) {
        if (part.version == 0 || part.model != own.filename()) continue;
        named.try_emplace(part.version, fmt::format("{}/{}", folder.filename().string(), version));
      }
    } catch (const Error&) {
      // It can't be served either.
    }
  };
  for (const std::uint64_t version : versions) look(own, version);
  for (const auto& beside : fs::directory_iterator(own.parent_path(), error)) {
    std::error_code ignored;
    if (beside.path() == own || !beside.is_directory(ignored)) continue;
    try {
      ModelSpec spec;
      spec.path = beside.path().string();
      spec.repository = true;
      for (const FoundVersion& found : find_versions(spec)) {
        if (found.ensemble) look(beside.path(), found.version);
      }
    } catch (const Error&) {
      continue;
    }
  }
  return named;
}

}  // namespace nn::repository
