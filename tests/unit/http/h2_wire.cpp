#include "h2_wire.hpp"

#include <algorithm>
#include <stdexcept>

namespace nn::test {
namespace {

std::string hpack_text(std::string_view text) {
  std::string out;
  if (text.size() < 127) {
    out += static_cast<char>(text.size());
  } else {
    out += '\x7f';
    std::size_t rest = text.size() - 127;
    for (; rest >= 128; rest >>= 7) out += static_cast<char>((rest & 127) | 128);
    out += static_cast<char>(rest);
  }
  return out + std::string(text);
}

std::uint32_t number(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

std::string hpack(const Pairs& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += '\0' + hpack_text(name) + hpack_text(value);
  return out;
}

Pairs get(std::string_view path) {
  return {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", std::string(path)}};
}

Pairs post(std::string_view path, const Pairs& more) {
  Pairs fields = get(path);
  fields[0].second = "POST";
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

Pairs grpc(std::string_view path, const Pairs& more) {
  Pairs fields = post(path, {{"content-type", "application/grpc"}, {"te", "trailers"}});
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

std::string StreamAnswer::field(std::string_view name) const {
  for (auto head = heads.rbegin(); head != heads.rend(); ++head) {
    for (const auto& [field_name, value] : *head) {
      if (field_name == name) return value;
    }
  }
  return {};
}

std::string StreamAnswer::grpc() const {
  if (!ended) return reset ? "reset " + std::to_string(*reset) : "-";
  if (field("grpc-status") != "0") return field("grpc-status") + " " + field("grpc-message");
  if (data.empty()) return "OK";
  return "OK " + (data.size() < 5 ? "?" : data.substr(5));
}

H2Reader::H2Reader() {
  nghttp2_hd_inflater* inflater = nullptr;
  if (nghttp2_hd_inflate_new(&inflater) != 0) throw std::bad_alloc();
  inflater_.reset(inflater);
}

void H2Reader::take(std::string_view bytes) {
  bytes_ += bytes;
  std::size_t at = 0;
  while (bytes_.size() - at >= 9) {
    const std::string_view head = std::string_view(bytes_).substr(at, 9);
    const std::size_t size = number(head.substr(0, 3));
    if (bytes_.size() - at < 9 + size) break;
    ++frames;
    take_frame(static_cast<std::uint8_t>(head[3]), static_cast<std::uint8_t>(head[4]),
               number(head.substr(5)) & 0x7fffffff, std::string_view(bytes_).substr(at + 9, size));
    at += 9 + size;
  }
  bytes_.erase(0, at);
}

void H2Reader::take_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                          std::string_view payload) {
  StreamAnswer unused;
  StreamAnswer& answer = stream == 0 ? unused : streams[stream];
  if (answer.ended && (type == NGHTTP2_DATA || type == NGHTTP2_HEADERS))
    throw std::logic_error("a frame behind the end of a stream");
  switch (type) {
    case NGHTTP2_DATA:
      answer.data += payload;
      answer.ended = flags & end_stream;
      break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
      block_ += payload;
      if ((flags & end_headers) == 0) break;
      answer.heads.push_back(inflate(std::exchange(block_, {})));
      answer.ended = answer.ended || (type == NGHTTP2_HEADERS && (flags & end_stream));
      break;
    case NGHTTP2_RST_STREAM: answer.reset = number(payload); break;
    case NGHTTP2_SETTINGS: ++(flags & acknowledged ? settings_acknowledged : settings); break;
    case NGHTTP2_PING: (flags & acknowledged ? pongs : pings).emplace_back(payload); break;
    case NGHTTP2_GOAWAY:
      goaways.emplace_back(number(payload.substr(0, 4)), number(payload.substr(4, 4)));
      break;
    case NGHTTP2_WINDOW_UPDATE: (stream == 0 ? connection_window : windows[stream]) += number(payload); break;
    default: throw std::logic_error("a frame of a kind that servers don't send");
  }
}

Pairs H2Reader::inflate(std::string_view block) {
  Pairs fields;
  const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
  const auto* const end = at + block.size();
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    const ssize_t taken =
        nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, at, static_cast<std::size_t>(end - at), 1);
    if (taken < 0) throw std::logic_error("a block of fields that can't be read");
    at += taken;
    if (flags & NGHTTP2_HD_INFLATE_EMIT) {
      fields.emplace_back(std::string(reinterpret_cast<char*>(field.name), field.namelen),
                          std::string(reinterpret_cast<char*>(field.value), field.valuelen));
    }
    if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_.get());
  return fields;
}

}  // namespace nn::test
