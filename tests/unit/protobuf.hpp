// Messages of protocol buffers, made by hand.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>

namespace nn::test::pb {

// Fields of messages, written by the format's description and not by the code that is tested.
inline std::string number(std::uint64_t value) {
  std::string out;
  do {
    out += static_cast<char>(value % 128 + (value >= 128 ? 128 : 0));
    value /= 128;
  } while (value > 0);
  return out;
}
inline std::string varint(unsigned field, std::uint64_t value) { return number(field * 8) + number(value); }
inline std::string bytes(unsigned field, std::string_view value) {
  return number(field * 8 + 2) + number(value.size()) + std::string(value);
}
template <typename T>
std::string raw(std::initializer_list<T> values) {
  std::string out(values.size() * sizeof(T), '\0');
  if (values.size() > 0) std::memcpy(out.data(), std::data(values), out.size());
  return out;
}
inline std::string fixed32(unsigned field, float value) { return number(field * 8 + 5) + raw({value}); }
inline std::string fixed64(unsigned field, double value) { return number(field * 8 + 1) + raw({value}); }
inline std::string packed(unsigned field, std::initializer_list<std::int64_t> values) {
  std::string list;
  for (const std::int64_t value : values) list += number(static_cast<std::uint64_t>(value));
  return bytes(field, list);
}
inline std::string entry(unsigned field, std::string_view key, std::string_view value) {
  return bytes(field, bytes(1, key) + bytes(2, value));
}
// Texts as they are raw: each with its length before it.
inline std::string texts(std::initializer_list<std::string_view> values) {
  std::string out;
  for (const std::string_view value : values) {
    out += raw({static_cast<std::uint32_t>(value.size())}) + std::string(value);
  }
  return out;
}

}  // namespace nn::test::pb
