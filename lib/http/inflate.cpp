#include "http/inflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

#include "base/error.hpp"

namespace nn::http {
namespace {

constexpr int gzip_window = 15 + 16, zlib_window = 15, raw_window = -15;
constexpr std::size_t wrapper = 2;  // bytes of zlib's

uInt clamped(std::size_t size) {
  return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

Bytef* as_input(std::string_view bytes) { return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data())); }

// RFC 1950: compression method 8, and a check that is a multiple of 31.
bool has_wrapper(std::string_view bytes) {
  const auto first = static_cast<unsigned char>(bytes[0]), second = static_cast<unsigned char>(bytes[1]);
  return (first & 0x0f) == 8 && (first >> 4) <= 7 && (first * 256 + second) % 31 == 0;
}

}  // namespace

Inflater::Inflater(Format format) : stream_(std::make_unique<z_stream_s>()), format_(format) {
  start(format == Format::gzip ? gzip_window : zlib_window);
}

Inflater::~Inflater() { ::inflateEnd(stream_.get()); }

void Inflater::start(int window) {
  if (::inflateInit2(stream_.get(), window) != Z_OK) throw std::bad_alloc();
}

Inflater::Result Inflater::take(std::string_view& bytes, Buffer& out) {
  if (format_ == Format::deflate && first_.size() < wrapper) {
    const std::size_t n = std::min(wrapper - first_.size(), bytes.size());
    first_.append(bytes.substr(0, n));
    bytes.remove_prefix(n);
    if (first_.size() < wrapper) return Result::more;
    if (!has_wrapper(first_)) ::inflateReset2(stream_.get(), raw_window);
    std::string_view front = first_;
    while (!front.empty()) {
      if (const Result result = step(front, out); result != Result::more) return result;
    }
  }
  while (!bytes.empty() || pending_) {
    if (const Result result = step(bytes, out); result != Result::more) return result;
  }
  return Result::more;
}

Inflater::Result Inflater::step(std::string_view& bytes, Buffer& out) {
  if (ended_) {
    // Only streams of gzip may follow each other.
    if (format_ != Format::gzip) return Result::malformed;
    ::inflateReset(stream_.get());
    ended_ = false;
  }
  z_stream_s& s = *stream_;
  s.next_in = as_input(bytes);
  s.avail_in = clamped(bytes.size());
  s.next_out = reinterpret_cast<Bytef*>(out.tail());
  s.avail_out = clamped(out.room());
  if (s.avail_out == 0) return Result::no_room;
  const std::size_t in = s.avail_in, room = s.avail_out;
  const int code = ::inflate(&s, Z_NO_FLUSH);
  const std::size_t used = in - s.avail_in, made = room - s.avail_out;
  bytes.remove_prefix(used);
  taken_ += used;
  out.commit(made);
  pending_ = s.avail_out == 0 && code == Z_OK;
  ended_ = code == Z_STREAM_END;
  if (ended_ || pending_ || code == Z_OK) return Result::more;
  // Nothing was pending after all.
  return code == Z_BUF_ERROR && bytes.empty() ? Result::more : Result::malformed;
}

Compressor::Compressor() : stream_(std::make_unique<z_stream_s>()) {
  constexpr int level = 1, memory = 8;
  if (::deflateInit2(stream_.get(), level, Z_DEFLATED, gzip_window, memory, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
}

Compressor::~Compressor() { ::deflateEnd(stream_.get()); }

void Compressor::compress(std::string_view text, std::string& out) {
  z_stream_s& s = *stream_;
  ::deflateReset(&s);
  out.resize(::deflateBound(&s, text.size()));
  std::size_t made = 0;
  for (int code = Z_OK; code != Z_STREAM_END;) {
    const uInt in = clamped(text.size()), room = clamped(out.size() - made);
    s.next_in = as_input(text);
    s.avail_in = in;
    s.next_out = reinterpret_cast<Bytef*>(out.data() + made);
    s.avail_out = room;
    code = ::deflate(&s, in == text.size() ? Z_FINISH : Z_NO_FLUSH);
    text.remove_prefix(in - s.avail_in);
    made += room - s.avail_out;
    if (code != Z_OK && code != Z_STREAM_END) fail(ErrorKind::internal, "deflate: {}", code);
  }
  out.resize(made);
}

}  // namespace nn::http
