#include "format/json/objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::format {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::string_view space = " \t\r\n";
constexpr std::size_t piece = 64 << 10;

std::string_view without_space(std::string_view text) {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  return text.substr(std::min(text.find_first_not_of(space), text.size()));
}

// How deep the brackets are nested behind each byte.
class Depth {
 public:
  int now() const { return depth_; }
  void pass(char c) {
    if (in_string_) {
      if (std::exchange(escaped_, false)) return;
      escaped_ = c == '\\';
      in_string_ = c != '"';
      return;
    }
    if (c == '"') in_string_ = true;
    if (c == '{' || c == '[') ++depth_;
    if (c == '}' || c == ']') --depth_;
  }
  bool in_string() const { return in_string_; }

 private:
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false;
};

// Whether the first object ends in the line that it begins in, and no other one begins there. Nothing where
// `text` ends before.
std::optional<bool> is_line(std::string_view text) {
  text = without_space(text);
  if (text.starts_with('[')) return false;
  Depth depth;
  bool ended = false;
  for (const char c : text) {
    if (c == '\n') return depth.now() <= 0;
    if (ended && c == '{') return false;
    depth.pass(c);
    ended = depth.now() <= 0 && (ended || c == '}');
  }
  return std::nullopt;
}

class ObjectsInput : public ByteInput {
 public:
  explicit ObjectsInput(std::unique_ptr<ByteInput> input)
      : ByteInput(input->name()), input_(std::move(input)), file_(input_->mapped()) {
    if (file_) ahead_ = file_->text();
    skip_mark();
  }

  std::size_t read(std::span<std::byte> out) override {
    char* to = reinterpret_cast<char*>(out.data());
    char* const end = to + out.size();
    while (to != end) {
      if (std::exchange(pending_end_, false)) {
        *to++ = '\n';
        continue;
      }
      if (ahead_.empty() && !refill()) {
        finish();
        break;
      }
      to = pass(to, end);
      if (!pending_end_ && to != reinterpret_cast<char*>(out.data()) && ahead_.empty()) break;
    }
    return static_cast<std::size_t>(to - reinterpret_cast<char*>(out.data()));
  }

 private:
  enum class Next { anything, object_or_end, object, comma_or_end, nothing };

  bool refill() {
    if (file_) return false;
    buffer_.resize(piece);
    const std::size_t n = input_->read(std::as_writable_bytes(std::span(buffer_)));
    ahead_ = {buffer_.data(), n};
    return n > 0;
  }

  void skip_mark() {
    while (!file_ && ahead_.size() < byte_order_mark.size()) {
      const std::size_t had = ahead_.size();
      buffer_.resize(piece);
      const std::size_t n = input_->read(std::as_writable_bytes(std::span(buffer_)).subspan(had));
      ahead_ = {buffer_.data(), had + n};
      if (n == 0) break;
    }
    if (ahead_.starts_with(byte_order_mark)) ahead_.remove_prefix(byte_order_mark.size());
  }

  // Writes what is ahead, as far as there is room for it.
  char* pass(char* to, char* const end) {
    std::size_t i = 0;
    for (; i < ahead_.size() && to != end; ++i) {
      const char c = ahead_[i];
      if (depth_.now() == 0) {
        if (space.find(c) != space.npos) continue;
        between(c);
        if (c != '{') continue;
        ++objects_;
      }
      depth_.pass(c);
      if (depth_.now() == 0) {
        *to++ = c;
        pending_end_ = true;  // there may be no room for it
        ++i;
        break;
      }
      *to++ = c == '\n' && !depth_.in_string() ? ' ' : c;
    }
    ahead_.remove_prefix(i);
    return to;
  }

  // What stands in front of an object, between two, and behind the last.
  void between(char c) {
    const bool array = next_ != Next::anything;
    if (c == '{') {
      if (array && next_ != Next::object && next_ != Next::object_or_end) fail_between(c);
      if (array) next_ = Next::comma_or_end;
      return;
    }
    if (c == '[' && ((!array && objects_ == 0) || next_ == Next::nothing)) {
      next_ = Next::object_or_end;  // arrays may follow each other, as files do

    } else if (c == ',' && next_ == Next::comma_or_end) {
      next_ = Next::object;
    } else if (c == ']' && (next_ == Next::comma_or_end || next_ == Next::object_or_end)) {
      next_ = Next::nothing;
    } else {
      fail_between(c);
    }
  }

  [[noreturn]] void fail_between(char c) const {
    if (next_ == Next::object || next_ == Next::object_or_end) {
      throw data_error("{} where an object is expected: each row is one, {{\"name\":value,…}}",
                       c == '[' ? "an array" : fmt::format("'{}'", printable({&c, 1})))
          .within_file(fmt::format("{}: element {}", name(), objects_ + 1));
    }
    throw data_error("'{}' behind object {}", printable({&c, 1}), objects_).within_file(name());
  }

  void finish() const {
    if (depth_.now() != 0) throw data_error("the text ends within object {}", objects_).within_file(name());
    if (next_ != Next::anything && next_ != Next::nothing)
      throw data_error("the array that the text is has no end: the text is cut off behind object {}",
                       objects_)
          .within_file(name());
  }

  std::unique_ptr<ByteInput> input_;
  std::shared_ptr<const MappedFile> file_;
  std::vector<char> buffer_;
  std::string_view ahead_;
  Depth depth_;
  Next next_ = Next::anything;
  std::int64_t objects_ = 0;
  bool pending_end_ = false;
};

}  // namespace

bool looks_like_json(std::string_view head) {
  head = without_space(head);
  if (head.empty() || (head[0] != '{' && head[0] != '[')) return false;
  const std::string_view inner = without_space(head.substr(1));
  if (head[0] == '{') return inner.starts_with('"') || inner.starts_with('}');
  return inner.starts_with('{') || inner.starts_with('[') || inner.starts_with(']');
}

JsonLines as_json_lines(std::unique_ptr<ByteInput> input, std::size_t longest) {
  std::optional<bool> line;
  if (const auto file = input->mapped()) {
    line = is_line(file->text());
  } else {
    std::vector<std::byte> head;
    for (bool ended = false; !line && !ended && head.size() <= longest;) {
      const std::size_t had = head.size();
      head.resize(had + std::max<std::size_t>(had, 4096));
      const std::size_t n = input->read(std::span(head).subspan(had));
      head.resize(had + n);
      line = is_line({reinterpret_cast<const char*>(head.data()), head.size()});
      ended = n == 0;
    }
    input = with_head(std::move(head), std::move(input));
  }
  if (line.value_or(true)) return {std::move(input), true};
  return {std::make_unique<ObjectsInput>(std::move(input)), false};
}

}  // namespace nn::format
