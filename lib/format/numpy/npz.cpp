#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "format/array_source.hpp"
#include "format/numpy/npy.hpp"
#include "format/numpy/npy_header.hpp"
#include "format/numpy/zip.hpp"
#include "format/readers.hpp"

namespace nn::format {
namespace {

constexpr std::string_view suffix = ".npy";
constexpr std::uint64_t max_text = 64u << 20;

std::string plain_name(const ZipMember& member) {
  std::string_view name = member.name;
  if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  return std::string(name);
}

// Stored members are used in place, deflated ones inflated as they are read.
ArrayReader open_array(const ZipArchive& archive, const ZipMember& member) {
  ArrayInput input = member.method == 0
                         ? ArrayInput(archive.stored(member), archive.file(), archive.title(member))
                         : ArrayInput(archive.open(member), member.size);
  ArrayLayout layout = read_npy_header(input);
  return ArrayReader(std::move(input), std::move(layout));
}

const ZipMember& find_member(const ZipArchive& archive, std::string_view name) {
  if (const ZipMember* member = archive.find(name)) return *member;
  throw data_error("has no member '{}'", printable(name)).within_file(archive.name());
}

}  // namespace

NpzArchive::NpzArchive(const std::string& path)
    : archive_(std::make_shared<const ZipArchive>(MappedFile::open(path))) {
  for (const ZipMember& member : archive_->members()) names_.push_back(plain_name(member));
}

std::uint64_t NpzArchive::bytes() const { return archive_->file()->bytes().size(); }

NpyArray NpzArchive::head(const std::string& name) const {
  const ArrayReader reader = open_array(*archive_, find_member(*archive_, name + std::string(suffix)));
  return {reader.layout().type, reader.layout().shape, {}};
}

NpyArray NpzArchive::read(const std::string& name, const std::function<void(const NpyArray&)>& check) const {
  ArrayReader reader = open_array(*archive_, find_member(*archive_, name + std::string(suffix)));
  NpyArray array{reader.layout().type, reader.layout().shape, {}};
  if (check) check(array);
  array.data = reader.read_all();
  return array;
}

std::string NpzArchive::read_text(const std::string& name) const {
  const ZipMember& member = find_member(*archive_, name);
  if (member.size > max_text) {
    throw data_error("a text of {} bytes; {} is the limit", member.size, max_text)
        .within_file(archive_->title(member));
  }
  const auto input = archive_->open(member);
  std::string text(static_cast<std::size_t>(member.size), '\0');
  std::byte probe{};
  // One byte more than promised: the end is where the checksum is verified.
  if (read_full(*input, std::as_writable_bytes(std::span(text))) < text.size() ||
      input->read({&probe, 1}) > 0) {
    throw data_error("not as long as the directory says").within_file(archive_->title(member));
  }
  return text;
}

namespace {

// The number of rows that more than half of the arrays have; nothing where there is none.
std::optional<std::int64_t> usual_rows(const std::vector<NamedArray>& arrays) {
  std::map<std::int64_t, std::size_t> counts;
  for (const NamedArray& array : arrays) ++counts[array.reader.rows()];
  for (const auto& [rows, count] : counts) {
    if (count * 2 > arrays.size()) return rows;
  }
  return std::nullopt;
}

// Moves arrays that are no columns beside the others, of which there are more, from `arrays` to `unfit`.
void part_unfit(std::vector<NamedArray>& arrays, std::vector<UnfitArray>& unfit) {
  const auto rows = usual_rows(arrays);
  std::vector<NamedArray> fit;
  for (NamedArray& array : arrays) {
    if (!array.reader.layout().shape.empty() && (!rows || array.reader.rows() == *rows)) {
      fit.push_back(std::move(array));
    } else if (array.reader.layout().shape.empty() && arrays.size() > 1) {
      unfit.push_back({array.column, "a single value"});
    } else if (rows && array.reader.rows() != *rows) {
      unfit.push_back({array.column, fmt::format("{} rows instead of {}", array.reader.rows(), *rows)});
    } else {
      fit.push_back(std::move(array));
    }
  }
  arrays = std::move(fit);
}

}  // namespace

std::unique_ptr<BatchSource> read_npz(std::shared_ptr<const MappedFile> file,
                                      const std::vector<std::string>& unwanted) {
  const ZipArchive archive(std::move(file));
  std::vector<NamedArray> arrays;
  std::vector<UnfitArray> unfit;
  std::optional<Error> first_fault;
  std::set<std::string> names;
  for (const ZipMember& member : archive.members()) {
    if (!names.insert(plain_name(member)).second) {
      throw data_error("two arrays of the same name").within_file(archive.title(member));
    }
    if (std::find(unwanted.begin(), unwanted.end(), plain_name(member)) != unwanted.end()) {
      unfit.push_back({plain_name(member), "not wanted"});
      continue;
    }
    try {
      arrays.push_back({plain_name(member), open_array(archive, member)});
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unsupported) throw;
      if (!first_fault) first_fault = error;
      std::string_view what = error.message();
      what = what.substr(what.starts_with("holds ") ? 6 : 0);
      unfit.push_back({plain_name(member), std::string(what.substr(0, what.find(';')))});
    }
  }
  part_unfit(arrays, unfit);
  if (arrays.empty() && first_fault) throw *first_fault;
  if (arrays.empty()) throw data_error("holds no arrays").within_file(archive.name());
  return rows_of_arrays(std::move(arrays), std::move(unfit));
}

}  // namespace nn::format
