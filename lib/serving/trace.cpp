#include "serving/trace.hpp"

#include <algorithm>

namespace nn::serving {
namespace {

// "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
constexpr std::size_t length = 55, longest = 256;  // later versions may have more behind it
constexpr std::size_t last_of_flags = 54;

}  // namespace

bool is_traceparent(std::string_view text) {
  if (text.size() < length || text.size() > longest) return false;
  for (std::size_t i = 0; i < length; ++i) {
    const char c = text[i];
    const bool dash = i == 2 || i == 35 || i == 52;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_sampled(std::string_view traceparent) {
  if (!is_traceparent(traceparent)) return false;
  const char flags = traceparent[last_of_flags];
  return ((flags <= '9' ? flags - '0' : flags - 'a' + 10) & 1) != 0;
}

}  // namespace nn::serving
