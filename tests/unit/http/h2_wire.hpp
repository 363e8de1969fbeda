// The client's side of HTTP/2 by hand, so that tests may send what no client would: frames out, and what
// comes back.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nn::test {

inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr std::uint8_t end_stream = 1, end_headers = 4, acknowledged = 1;

using Pairs = std::vector<std::pair<std::string, std::string>>;

inline std::string big_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload) {
  return big_endian(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) +
         big_endian(stream, 4) + std::string(payload);
}

// Fields as literals that no table gets to know; sizes up to 126 and longer ones.
std::string hpack(const Pairs& fields);

// In as many frames as it takes.
inline std::string headers(std::uint32_t stream, const Pairs& fields, bool end = false) {
  constexpr std::size_t most = 16384;
  const std::string block = hpack(fields);
  std::string frames;
  for (std::size_t at = 0; at == 0 || at < block.size(); at += most) {
    const bool last = at + most >= block.size();
    frames += frame(at == 0 ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION,
                    static_cast<std::uint8_t>((last ? end_headers : 0) | (end && at == 0 ? end_stream : 0)),
                    stream, std::string_view(block).substr(at, most));
  }
  return frames;
}
inline std::string data(std::uint32_t stream, std::string_view bytes, bool end = false) {
  return frame(NGHTTP2_DATA, end ? end_stream : 0, stream, bytes);
}
inline std::string settings(const std::vector<std::pair<int, std::uint32_t>>& entries = {}) {
  std::string payload;
  for (const auto& [name, value] : entries)
    payload += big_endian(static_cast<std::uint64_t>(name), 2) + big_endian(value, 4);
  return frame(NGHTTP2_SETTINGS, 0, 0, payload);
}
inline std::string reset(std::uint32_t stream, std::uint32_t code = NGHTTP2_CANCEL) {
  return frame(NGHTTP2_RST_STREAM, 0, stream, big_endian(code, 4));
}
inline std::string window(std::uint32_t stream, std::uint32_t bytes) {
  return frame(NGHTTP2_WINDOW_UPDATE, 0, stream, big_endian(bytes, 4));
}
inline std::string message(std::string_view bytes, int flag = 0) {
  return static_cast<char>(flag) + big_endian(bytes.size(), 4) + std::string(bytes);
}

Pairs get(std::string_view path);
Pairs post(std::string_view path, const Pairs& more = {});
Pairs grpc(std::string_view path, const Pairs& more = {});

// What a server has said about a stream.
struct StreamAnswer {
  std::vector<Pairs> heads;  // 100 Continue, head, trailers
  std::string data;
  bool ended = false;
  std::optional<std::uint32_t> reset;

  // The value of a field in the last block that has it; empty where none has.
  std::string field(std::string_view name) const;
  std::string status() const { return field(":status"); }
  // "OK hello", "16 text", "reset 8", "-": how an answer of gRPC ended.
  std::string grpc() const;
};

// Takes a server's bytes apart.
class H2Reader {
 public:
  H2Reader();
  void take(std::string_view bytes);

  std::map<std::uint32_t, StreamAnswer> streams;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> goaways;  // last stream, code
  std::vector<std::string> pings, pongs;
  int settings = 0, settings_acknowledged = 0;
  std::int64_t connection_window = 65535;
  std::map<std::uint32_t, std::int64_t> windows;  // what was added to each stream's
  std::size_t frames = 0;

 private:
  struct Deleter {
    void operator()(nghttp2_hd_inflater* inflater) const { nghttp2_hd_inflate_del(inflater); }
  };
  void take_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload);
  Pairs inflate(std::string_view block);

  std::string bytes_, block_;
  std::unique_ptr<nghttp2_hd_inflater, Deleter> inflater_;
};

}  // namespace nn::test
