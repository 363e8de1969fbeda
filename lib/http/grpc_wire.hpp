// What gRPC says in fields of HTTP/2, and how its messages lie in a body
// (grpc/grpc doc/PROTOCOL-HTTP2.md, doc/compression.md).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/exchange.hpp"

namespace nn::http {

// "application/grpc", alone or in front of '+' or ';'.
bool is_grpc_content_type(std::string_view text);

// grpc-timeout: 1 to 8 digits and one of H M S m u n. Nothing for any other text. No more than 30 years.
std::optional<std::chrono::nanoseconds> find_grpc_timeout(std::string_view text);

enum class GrpcEncoding : std::uint8_t { identity, gzip, deflate };
std::optional<GrpcEncoding> find_grpc_encoding(std::string_view text);
inline constexpr std::string_view grpc_encodings = "identity,deflate,gzip";

// grpc-message: bytes that are not printable ASCII, and '%', as %XX.
void append_percent_encoded(std::string& out, std::string_view text);

inline constexpr std::size_t grpc_prefix_bytes = 5;
// Flag 0 and the length, big-endian.
std::array<char, grpc_prefix_bytes> grpc_prefix(std::size_t message_bytes);

// The prefix of a message, as its bytes come.
class GrpcPrefix {
 public:
  // Takes what it lacks off the front of `bytes`; how many those were.
  std::size_t take(std::string_view bytes);
  void clear() { size_ = 0; }
  bool begun() const { return size_ > 0; }
  bool whole() const { return size_ == grpc_prefix_bytes; }
  // Of a whole one. The flag must be 0 or 1.
  std::uint8_t flag() const { return static_cast<std::uint8_t>(bytes_[0]); }
  std::uint32_t length() const;

 private:
  std::array<char, grpc_prefix_bytes> bytes_{};
  std::uint8_t size_ = 0;
};

}  // namespace nn::http
