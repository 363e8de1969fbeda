#include "format/csv/decode.hpp"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::format {
namespace {

constexpr std::size_t looked_at = 64 << 10;
constexpr std::size_t piece = 64 << 10;

// A text's first bytes, and what is read of it from there on.
struct Opened {
  std::string head;
  std::unique_ptr<ByteInput> whole;
};

Opened look(std::unique_ptr<ByteInput> input, std::size_t bytes) {
  if (const auto file = input->mapped()) {
    return {std::string(file->text().substr(0, bytes)), std::move(input)};
  }
  // A pipe gives what it has: nobody waits for a second line.
  std::vector<std::byte> head(bytes);
  std::size_t size = 0;
  const auto seen = [&] { return std::string_view(reinterpret_cast<const char*>(head.data()), size); };
  for (std::size_t n = 1; n > 0 && size < bytes && seen().find('\n') == std::string_view::npos; size += n)
    n = input->read(std::span(head).subspan(size));
  head.resize(size);
  std::string text(seen());
  return {std::move(text), with_head(std::move(head), std::move(input))};
}

class Converted final : public ByteInput {
 public:
  Converted(std::unique_ptr<ByteInput> input, const std::string& encoding)
      : ByteInput(input->name()), input_(std::move(input)), encoding_(encoding), from_(piece) {
    converter_ = ::iconv_open("UTF-8", encoding.c_str());
    if (converter_ == reinterpret_cast<iconv_t>(-1)) {
      throw make_error(ErrorKind::usage, "this system knows no encoding '{}'", printable(encoding))
          .advise("; iconv -l lists them");
    }
  }
  Converted(const Converted&) = delete;
  ~Converted() override { ::iconv_close(converter_); }

  std::size_t read(std::span<std::byte> out) override {
    if (out.size() < longest_character || !spare_.empty()) return read_little(out);
    char* to = reinterpret_cast<char*>(out.data());
    std::size_t room = out.size();
    while (room == out.size()) {
      if (!stuck_ && !fill()) return out.size() - room;
      char* at = from_.data() + begin_;
      std::size_t left = end_ - begin_;
      const std::size_t result = ::iconv(converter_, &at, &left, &to, &room);
      const int error = result == static_cast<std::size_t>(-1) ? errno : 0;
      passed_ += end_ - begin_ - left;
      begin_ = end_ - left;
      stuck_ = error == E2BIG;
      if (error == EILSEQ) fail("has no such bytes as those from byte");
      if (error == EINVAL && ended_) fail("is cut off within a character at byte");
    }
    return out.size() - room;
  }

 private:
  static constexpr std::size_t longest_character = 16;  // of UTF-8, with what a state brings along

  // For who asks for less than a character may take, and for who asks for more after that.
  std::size_t read_little(std::span<std::byte> out) {
    if (spare_.empty()) {
      std::array<std::byte, longest_character> some;
      spare_.assign(some.begin(), some.begin() + static_cast<std::ptrdiff_t>(read(some)));
    }
    const std::size_t n = std::min(out.size(), spare_.size());
    std::copy_n(spare_.begin(), n, out.begin());
    spare_.erase(spare_.begin(), spare_.begin() + static_cast<std::ptrdiff_t>(n));
    return n;
  }

  // More of the input behind what is left of it; false where there is nothing to convert.
  bool fill() {
    std::copy(from_.begin() + static_cast<std::ptrdiff_t>(begin_),
              from_.begin() + static_cast<std::ptrdiff_t>(end_), from_.begin());
    end_ -= std::exchange(begin_, 0);
    const std::size_t n = input_->read(std::as_writable_bytes(std::span(from_)).subspan(end_));
    ended_ = n == 0;
    end_ += n;
    return end_ > 0;
  }

  [[noreturn]] void fail(std::string_view what) const {
    throw data_error("its encoding {} {} {}", printable(encoding_), what, passed_)
        .advise("; --encoding names another")
        .within_file(name());
  }

  std::unique_ptr<ByteInput> input_;
  std::string encoding_;
  iconv_t converter_;
  std::vector<char> from_;
  std::size_t begin_ = 0, end_ = 0;
  std::uint64_t passed_ = 0;
  bool ended_ = false;
  bool stuck_ = false;  // for lack of room
  std::vector<std::byte> spare_;
};

// CR and CRLF become LF, but for those within a quoted cell.
class LineEnds final : public ByteInput {
 public:
  LineEnds(std::unique_ptr<ByteInput> input, char quote)
      : ByteInput(input->name()), input_(std::move(input)), quote_(quote) {}

  std::size_t read(std::span<std::byte> out) override {
    for (;;) {
      const std::size_t n = input_->read(out);
      std::size_t kept = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const auto c = static_cast<char>(out[i]);
        // A quote that is written twice closes the cell and opens it again.
        if (quote_ != 0 && c == quote_) {
          quoted_ = !quoted_ && (at_cell_ || was_quote_);
          was_quote_ = !quoted_;
        } else {
          was_quote_ = false;
        }
        at_cell_ = cell_begins_behind.find(c) != std::string_view::npos;
        const bool of_crlf = c == '\n' && was_cr_;
        was_cr_ = c == '\r' && !quoted_;
        if (!of_crlf) out[kept++] = was_cr_ ? std::byte{'\n'} : out[i];
      }
      if (kept > 0 || n == 0) return kept;
    }
  }

 private:
  static constexpr std::string_view cell_begins_behind = "\r\n,;\t| ";

  std::unique_ptr<ByteInput> input_;
  char quote_;
  bool was_cr_ = false, quoted_ = false, was_quote_ = false;
  bool at_cell_ = true;
};

// What the mark at the beginning says, or nothing.
std::string encoding_of(std::string_view head) {
  if (head.starts_with(std::string_view("\xFF\xFE\0\0", 4)) ||
      head.starts_with(std::string_view("\0\0\xFE\xFF", 4)))
    return "UTF-32";
  if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) return "UTF-16";
  return {};
}

bool is_utf8_name(std::string_view name) {
  return equal_ignoring_case(name, "utf-8") || equal_ignoring_case(name, "utf8");
}

}  // namespace

bool has_wide_mark(std::string_view head) { return !encoding_of(head).empty(); }

std::unique_ptr<ByteInput> decoded(std::unique_ptr<ByteInput> input, const std::string& encoding,
                                   char quote) {
  Opened text = look(std::move(input), 4);
  const std::string from = encoding.empty() ? encoding_of(text.head) : is_utf8_name(encoding) ? "" : encoding;
  if (!from.empty()) text.whole = std::make_unique<Converted>(std::move(text.whole), from);
  text = look(std::move(text.whole), looked_at);
  if (text.head.find('\n') == std::string::npos && text.head.find('\r') != std::string::npos)
    return std::make_unique<LineEnds>(std::move(text.whole), quote);
  return std::move(text.whole);
}

}  // namespace nn::format
