#include "format/numpy/npy_header.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "format/numpy/npy.hpp"

namespace nn::format {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
// NumPy itself refuses headers over 10,000 bytes unless told otherwise; ours needs no more.
constexpr std::size_t max_header = 64 << 10;
constexpr std::size_t max_dimensions = 32;  // NumPy's own limit

struct TypeCode {
  std::string_view code;  // kind and bytes
  DType type;
};
constexpr TypeCode type_codes[] = {{"b1", DType::boolean}, {"i1", DType::i8},  {"i2", DType::i16},
                                   {"i4", DType::i32},     {"i8", DType::i64}, {"u1", DType::u8},
                                   {"u2", DType::u16},     {"u4", DType::u32}, {"u8", DType::u64},
                                   {"f2", DType::f16},     {"f4", DType::f32}, {"f8", DType::f64}};

std::string_view kind_name(char kind) {
  switch (kind) {
    case 'O': return "Python objects";
    case 'S':
    case 'a': return "byte strings";
    case 'U': return "strings";
    case 'c': return "complex numbers";
    case 'M': return "dates";
    case 'm': return "time spans";
    case 'V': return "raw records";
    case 'f': return "numbers of an extended precision";
    default: return {};
  }
}

// A dictionary of exactly three keys, as NumPy writes it: a Python literal.
class DictionaryParser {
 public:
  DictionaryParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  ArrayLayout parse() {
    ArrayLayout layout;
    bool has_type = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr" && !has_type) {
        type(layout);
        has_type = true;
      } else if (key == "fortran_order" && !has_order) {
        layout.fortran = boolean();
        has_order = true;
      } else if (key == "shape" && !has_shape) {
        layout.shape = shape();
        has_shape = true;
      } else {
        throw data_error("unexpected or repeated key '{}' in the npy header", printable(key))
            .within_file(name_);
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) fail_here("the end of the header");
    if (!has_type) throw data_error("the npy header has no 'descr'").within_file(name_);
    if (!has_order) throw data_error("the npy header has no 'fortran_order'").within_file(name_);
    if (!has_shape) throw data_error("the npy header has no 'shape'").within_file(name_);
    return layout;
  }

 private:
  [[noreturn]] void fail_here(std::string_view expected) const {
    if (at_ >= text_.size())
      throw data_error("the npy header ends where {} should be", expected).within_file(name_);
    throw data_error("expected {} in the npy header, found '{}'", expected, printable(text_.substr(at_), 20))
        .within_file(name_);
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }

  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail_here(fmt::format("'{}'", c));
  }

  bool accept_word(std::string_view word) {
    skip_space();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  std::string_view string() {
    skip_space();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') fail_here("a string");
    const auto end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail_here("a closed string");
    const std::string_view out = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return out;
  }

  bool boolean() {
    if (accept_word("True")) return true;
    if (!accept_word("False")) fail_here("True or False");
    return false;
  }

  void type(ArrayLayout& layout) {
    skip_space();
    if (at_ < text_.size() && text_[at_] == '[') {
      throw make_error(ErrorKind::unsupported,
                       "holds records with named fields; save each field as an array of its own")
          .within_file(name_);
    }
    const std::string_view descr = string();
    if (descr.size() < 2)
      throw data_error("unknown type '{}' in the npy header", printable(descr)).within_file(name_);
    const char order = descr[0];
    const std::string_view code = descr.substr(1);
    for (const TypeCode& known : type_codes) {
      if (code != known.code) continue;
      const bool one_byte = size_of(known.type) == 1;
      if (order != '<' && order != '>' && !(order == '|' && one_byte)) break;
      layout.type = known.type;
      layout.big_endian = order == '>' && !one_byte;
      return;
    }
    const std::string_view kind = std::strchr("<>|=", order) != nullptr ? kind_name(code[0]) : "";
    if (kind.empty())
      throw data_error("unknown type '{}' in the npy header", printable(descr)).within_file(name_);
    throw make_error(ErrorKind::unsupported, "holds {} (type '{}'); save numbers instead", kind,
                     printable(descr))
        .within_file(name_);
  }

  Shape shape() {
    Shape out;
    expect('(');
    while (!accept(')')) {
      skip_space();
      std::int64_t dimension = 0;
      const char* first = text_.data() + at_;
      const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), dimension);
      if (error != std::errc() || dimension < 0) fail_here("a dimension");
      at_ += static_cast<std::size_t>(end - first);
      accept_word("L");  // Python 2 wrote it behind long integers
      out.push_back(dimension);
      if (out.size() > max_dimensions) {
        throw data_error("more than {} dimensions in the npy header", max_dimensions).within_file(name_);
      }
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  const std::string& name_;
};

std::uint32_t little_endian(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes[i]);
  return value;
}

void read_header_part(ArrayInput& input, std::span<std::byte> out) {
  if (input.read_some_of(out) < out.size())
    throw data_error("cut off inside the npy header").within_file(input.name());
}

std::string dictionary_text(DType type, const Shape& shape) {
  std::string_view code;
  for (const TypeCode& known : type_codes) {
    if (known.type == type) code = known.code;
  }
  if (code.empty()) fail(ErrorKind::internal, "npy: cannot hold the type {}", name_of(type));
  return fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}",
                     size_of(type) == 1 ? '|' : '<', code, fmt::join(shape, ", "),
                     shape.size() == 1 ? "," : "");
}

}  // namespace

ArrayLayout parse_npy_dictionary(std::string_view text, const std::string& name) {
  return DictionaryParser(text, name).parse();
}

ArrayLayout read_npy_header(ArrayInput& input) {
  std::array<std::byte, 8> start{};
  const std::size_t got = input.read_some_of(start);
  if (got == 0) throw data_error("empty, not a .npy file").within_file(input.name());
  if (std::memcmp(start.data(), magic.data(), std::min(got, magic.size())) != 0) {
    throw data_error("not a .npy file (it does not start with \\x93NUMPY)").within_file(input.name());
  }
  if (got < start.size()) throw data_error("cut off inside the npy header").within_file(input.name());
  const auto version = std::to_integer<unsigned>(start[6]);
  if (version < 1 || version > 3) {
    throw make_error(ErrorKind::unsupported, "npy version {}.{}; versions 1 to 3 are known", version,
                     std::to_integer<unsigned>(start[7]))
        .within_file(input.name());
  }
  std::array<std::byte, 4> length_bytes{};
  const auto length_field = std::span(length_bytes).first(version == 1 ? 2 : 4);
  read_header_part(input, length_field);
  const std::uint32_t length = little_endian(length_field);
  if (length > max_header) {
    throw data_error("an npy header of {} bytes; {} is the limit", length, max_header)
        .within_file(input.name());
  }
  std::string text(length, '\0');
  read_header_part(input, std::as_writable_bytes(std::span(text)));
  return parse_npy_dictionary(text, input.name());
}

std::string npy_header_of_size(DType type, const Shape& shape, std::size_t size) {
  constexpr std::size_t fixed = 10;  // magic, version, length
  std::string header(magic);
  header += std::string_view("\x01\x00", 2);
  const std::size_t length = size - fixed;
  header += static_cast<char>(length & 0xFF);
  header += static_cast<char>(length >> 8);
  header += dictionary_text(type, shape);
  if (header.size() + 1 > size) fail(ErrorKind::internal, "npy: the header outgrew its place");
  header.resize(size - 1, ' ');
  header += '\n';
  return header;
}

std::string npy_header(DType type, const Shape& shape) {
  constexpr std::size_t fixed_and_newline = 11;
  return npy_header_of_size(type, shape, align_up(dictionary_text(type, shape).size() + fixed_and_newline));
}

}  // namespace nn::format
