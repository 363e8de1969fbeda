// Compressed texts, and pieces of bodies.
#pragma once

#include <fmt/format.h>
#include <zlib.h>

#include <string>
#include <string_view>

namespace nn::test {

inline std::string compressed(std::string_view text, int window) {
  z_stream s{};
  ::deflateInit2(&s, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  std::string out(::deflateBound(&s, text.size()), '\0');
  s.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  s.avail_in = static_cast<uInt>(text.size());
  s.next_out = reinterpret_cast<Bytef*>(out.data());
  s.avail_out = static_cast<uInt>(out.size());
  ::deflate(&s, Z_FINISH);
  out.resize(s.total_out);
  ::deflateEnd(&s);
  return out;
}
inline std::string gzipped(std::string_view text) { return compressed(text, 15 + 16); }
inline std::string deflated(std::string_view text) { return compressed(text, 15); }
inline std::string raw_deflated(std::string_view text) { return compressed(text, -15); }

inline std::string gunzipped(std::string_view bytes) {
  z_stream s{};
  ::inflateInit2(&s, 15 + 16);
  std::string out(1 << 20, '\0');
  s.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  s.avail_in = static_cast<uInt>(bytes.size());
  s.next_out = reinterpret_cast<Bytef*>(out.data());
  s.avail_out = static_cast<uInt>(out.size());
  ::inflate(&s, Z_FINISH);
  out.resize(s.total_out);
  ::inflateEnd(&s);
  return out;
}

inline std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}
inline std::string chunk(std::string_view bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

}  // namespace nn::test
