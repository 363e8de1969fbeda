#include "format/column_names.hpp"

#include <array>
#include <exception>
#include <string_view>

#include "base/signals.hpp"
#include "format/bytes.hpp"
#include "format/source_open.hpp"

namespace nn::format {
namespace {

// Formats whose columns have names, which stand at the beginning.
bool has_names(const std::string& path) {
  std::array<std::byte, 4096> head{};
  const auto input = open_bytes(path);
  const auto file = input->mapped();
  const std::size_t size = file ? 0 : read_full(*input, head);
  const std::string_view text = file ? file->text().substr(0, head.size())
                                     : std::string_view(reinterpret_cast<const char*>(head.data()), size);
  const FileFormat format = detect_format(text, path);
  if (format == FileFormat::stream) return true;
  const bool is_text = text.find('\0') == std::string_view::npos || text.starts_with("\xFF\xFE") ||
                       text.starts_with("\xFE\xFF");
  return is_text && (format == FileFormat::csv || format == FileFormat::tsv);
}

}  // namespace

std::vector<std::string> column_names(const std::string& path) {
  std::vector<std::string> names;
  try {
    if (!is_regular_file(path) || !has_names(path)) return {};
    SourceOptions options;
    options.inputs = {path};
    const auto source = open_one(options, 0, nullptr);
    for (const Field& field : source->schema()->fields) names.push_back(field.name);
  } catch (const std::exception&) {
    return {};
  } catch (const Interrupted&) {
    return {};
  }
  return names;
}

}  // namespace nn::format
