#include "base/json_lines.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <span>
#include <utility>

#include "base/descriptor_path.hpp"
#include "base/error.hpp"
#include "base/signals.hpp"
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
  if (path.empty()) return;
  throw_if_stopped();
  auto fd = open(how.append, {stop_descriptor()});
  if (!fd) throw Interrupted{};
  fd_ = std::move(*fd);
}

std::optional<UniqueFd> LineFile::open(bool append, const WaitEnd& end) const {
  constexpr int owner_writes_all_read = 0644;
  const auto named = path_ == "-" ? std::optional(standard_) : descriptor_named(path_);
  if (!named) {
    return open_until(path_, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), owner_writes_all_read, end);
  }
  UniqueFd fd = open_own(*named);
  if (!fd) fail_errno(path_);
  return fd;
}

namespace {

// A disk that fills up takes a part of a line, which no reader would understand: the last bytes of the file
// are taken away again, unless somebody else has written to it meanwhile.
bool cut_off(int fd, std::size_t bytes) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const off_t begin = status.st_size - static_cast<off_t>(bytes);
  return ::lseek(fd, 0, SEEK_CUR) == status.st_size && ::ftruncate(fd, begin) == 0 &&
         ::lseek(fd, begin, SEEK_SET) == begin;
}

}  // namespace

template <typename Write>
bool LineFile::write_lines(std::string_view lines, std::size_t* whole, Write write) {
  if (path_.empty()) return true;
  const std::scoped_lock lock(mutex_);
  char end_of_line = '\n';
  std::array<struct iovec, 2> pieces{
      {{&end_of_line, torn_ ? 1u : 0u}, {const_cast<char*>(lines.data()), lines.size()}}};
  std::span<struct iovec> left(pieces);
  std::size_t part = 0;  // bytes of the last line, of which the rest is missing
  const auto look = [&] {
    const std::string_view written = lines.substr(0, lines.size() - pieces[1].iov_len);
    const std::size_t full = written.rfind('\n') + 1;  // npos + 1 is 0
    part = written.size() - full;
    torn_ = written.empty() ? pieces[0].iov_len > 0 : part > 0;
    if (whole != nullptr) *whole = full;
  };
  try {
    const bool written = write(left);
    look();
    return written;
  } catch (...) {
    look();
    if (part > 0 && path_ != "-" && cut_off(fd_.get(), part)) torn_ = false;
    throw;
  }
}

void LineFile::write(std::string_view line) {
  write_lines(line, nullptr, [this](std::span<struct iovec> pieces) {
    write_all(fd_.get(), pieces, path_);
    return true;
  });
}

bool LineFile::write_until(std::string_view line, const WaitEnd& end, std::size_t* whole) {
  return write_lines(line, whole, [&](std::span<struct iovec> pieces) {
    return nn::write_until(fd_.get(), pieces, path_, end);
  });
}

bool LineFile::reopen(const WaitEnd& end) {
  if (path_.empty()) return true;
  auto fd = open(true, end);
  if (!fd) return false;
  const std::scoped_lock lock(mutex_);
  fd_ = std::move(*fd);
  torn_ = false;
  return true;
}

}  // namespace nn
