#include "base/json_lines.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <span>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn {

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length > 1) {
      out += text.substr(0, length);
    } else if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else {
      switch (const char c = text[0]) {
        case '"': out += "\\\""; break;
        case '\\': out += "\\\\"; break;
        case '\b': out += "\\b"; break;
        case '\f': out += "\\f"; break;
        case '\n': out += "\\n"; break;
        case '\r': out += "\\r"; break;
        case '\t': out += "\\t"; break;
        default:
          if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
          } else {
            out += c;
          }
      }
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + '"';
}

JsonValue::JsonValue(double value) : json_(std::isfinite(value) ? fmt::format("{}", value) : "null") {}

JsonValue::JsonValue(const std::vector<std::string>& texts) : json_("[") {
  for (const std::string& text : texts) json_ += (json_.size() > 1 ? "," : "") + json_quoted(text);
  json_ += ']';
}

void add_json(std::string& object, std::string_view key, const JsonValue& value) {
  if (!object.ends_with('{')) object += ',';
  object += json_quoted(key) + ':' + value.json();
}

LineFile::LineFile(const std::string& path, How how) : path_(path), standard_(how.standard) {
  if (!path.empty()) fd_ = open(how.append);
}

UniqueFd LineFile::open(bool append) const {
  constexpr int owner_writes_all_read = 0644;
  const int how = O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC);
  UniqueFd fd(path_ == "-" ? ::fcntl(standard_, F_DUPFD_CLOEXEC, 3)
                           : ::open(path_.c_str(), how, owner_writes_all_read));
  if (!fd) fail_errno(path_);
  return fd;
}

void LineFile::write(std::string_view line) {
  if (!fd_) return;
  const std::scoped_lock lock(mutex_);
  write_all(fd_.get(), std::as_bytes(std::span(line)), path_);
}

void LineFile::reopen() {
  if (path_.empty()) return;
  const UniqueFd fd = open(true);
  // Other threads may be about to write to this number: it stays the same.
  if (::dup3(fd.get(), fd_.get(), O_CLOEXEC) < 0) fail_errno(path_);
}

}  // namespace nn
