#include <algorithm>
#include <functional>
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

std::unique_ptr<BatchSource> read_npz(std::shared_ptr<const MappedFile> file) {
  const ZipArchive archive(std::move(file));
  std::vector<NamedArray> arrays;
  std::set<std::string> names;
  for (const ZipMember& member : archive.members()) {
    if (!names.insert(plain_name(member)).second) {
      throw data_error("two arrays of the same name").within_file(archive.title(member));
    }
    arrays.push_back({plain_name(member), open_array(archive, member)});
  }
  if (arrays.empty()) throw data_error("holds no arrays").within_file(archive.name());
  return rows_of_arrays(std::move(arrays));
}

}  // namespace nn::format
