#include "format/csv/decode.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

using namespace nn;
using namespace nn::format;

namespace {

// `text` in UTF-16 with its mark; its characters are below U+0800.
std::string utf16(std::u16string_view text) {
  std::string out = "\xFF\xFE";
  for (const char16_t c : text) {
    out += static_cast<char>(c & 0xFF);
    out += static_cast<char>(c >> 8);
  }
  return out;
}

}  // namespace

TEST_CASE("A text of another encoding is the same however little of it is asked for at a time") {
  std::u16string text;
  std::string expected;
  for (int i = 0; i < 9000; ++i) {
    text += u"Köln,12\r";
    expected += "Köln,12\n";
  }
  const std::string bytes = utf16(text);
  std::mt19937 random(7);
  for (const int most : {1, 3, 15, 16, 40, 5000}) {
    const auto input = decoded(bytes_in_memory(std::as_bytes(std::span(bytes)), "input"), "", '"');
    std::string got;
    std::vector<std::byte> piece(static_cast<std::size_t>(most));
    for (;;) {
      const std::size_t wanted = 1 + random() % piece.size();
      const std::size_t n = input->read(std::span(piece).first(wanted));
      if (n == 0) break;
      got.append(reinterpret_cast<const char*>(piece.data()), n);
    }
    INFO(most);
    CHECK((got == expected));
  }
}
