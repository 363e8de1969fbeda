#include "http/grpc_wire.hpp"

#include <algorithm>
#include <cstring>

namespace nn::http {

bool is_grpc_content_type(std::string_view text) {
  constexpr std::string_view name = "application/grpc";
  if (text.substr(0, name.size()) != name) return false;
  return text.size() == name.size() || text[name.size()] == '+' || text[name.size()] == ';';
}

std::optional<std::chrono::nanoseconds> find_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  std::int64_t value = 0;
  for (const char digit : text.substr(0, text.size() - 1)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + (digit - '0');
  }
  std::int64_t unit_ns = 0;
  switch (text.back()) {
    case 'H': unit_ns = 3'600'000'000'000; break;
    case 'M': unit_ns = 60'000'000'000; break;
    case 'S': unit_ns = 1'000'000'000; break;
    case 'm': unit_ns = 1'000'000; break;
    case 'u': unit_ns = 1'000; break;
    case 'n': unit_ns = 1; break;
    default: return std::nullopt;
  }
  constexpr std::int64_t most_ns = 30LL * 365 * 86'400 * 1'000'000'000;
  return std::chrono::nanoseconds(value > most_ns / unit_ns ? most_ns : value * unit_ns);
}

std::optional<GrpcEncoding> find_grpc_encoding(std::string_view text) {
  if (text == "identity") return GrpcEncoding::identity;
  if (text == "gzip") return GrpcEncoding::gzip;
  if (text == "deflate") return GrpcEncoding::deflate;
  return std::nullopt;
}

void append_percent_encoded(std::string& out, std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
}

std::array<char, grpc_prefix_bytes> grpc_prefix(std::size_t message_bytes) {
  const auto byte = [&](int shift) { return static_cast<char>(message_bytes >> shift & 0xff); };
  return {0, byte(24), byte(16), byte(8), byte(0)};
}

std::size_t GrpcPrefix::take(std::string_view bytes) {
  const std::size_t taken = std::min(bytes.size(), grpc_prefix_bytes - size_);
  std::memcpy(bytes_.data() + size_, bytes.data(), taken);
  size_ = static_cast<std::uint8_t>(size_ + taken);
  return taken;
}

std::uint32_t GrpcPrefix::length() const {
  const auto byte = [&](std::size_t at) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes_[at]));
  };
  return byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4);
}

}  // namespace nn::http
