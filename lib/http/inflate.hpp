// Bodies of requests that come compressed, and answers that go so. Internal to this module.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/buffer.hpp"

struct z_stream_s;

namespace nn::http {

// Inflates gzip, or "deflate": with zlib's wrapper, as the standard says, or without, as some send it.
class Inflater {
 public:
  enum class Format : std::uint8_t { gzip, deflate };
  enum class Result : std::uint8_t {
    more,       // all that came was taken
    malformed,  // no such stream, or something behind its end
    no_room     // the output has no room: give it some, and call again
  };

  // std::bad_alloc where there is no memory for it.
  explicit Inflater(Format format);
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Takes from the front of `bytes`, writes behind the contents of `out`, within its room, which must be some
  // hundred bytes at first.
  Result take(std::string_view& bytes, Buffer& out);
  // Has the stream come to its end?
  bool ended() const { return ended_; }
  std::uint64_t taken() const { return taken_; }

 private:
  void start(int window);
  Result step(std::string_view& bytes, Buffer& out);

  std::unique_ptr<z_stream_s> stream_;
  const Format format_;
  bool ended_ = false;
  bool pending_ = false;  // the stream has more output than there was room for
  std::string first_;     // of "deflate": the bytes that tell whether there is a wrapper
  std::uint64_t taken_ = 0;
};

// Compresses with gzip, fast rather than well. One thread. Keeps its memory.
class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
  // In place of what is in `out`. std::bad_alloc where there is no memory.
  void compress(std::string_view text, std::string& out);

 private:
  std::unique_ptr<z_stream_s> stream_;
};

}  // namespace nn::http
