// The body of a request as it comes: limited in bytes, counted, and decompressed. Internal to this module.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/buffer.hpp"
#include "http/connection.hpp"
#include "http/inflate.hpp"

namespace nn::http {

// Why a request is refused: a status of HTTP; 0 where nothing is wrong.
struct Fault {
  int status = 0;
  const char* message = "";
  explicit operator bool() const { return status != 0; }
};

// What the client is told: of what is larger than a limit, also that, where it is known.
std::string message_of(int status, std::string_view message, std::uint64_t body_limit,
                       const ServerLimits& limits);

enum class Coding : std::uint8_t { identity, gzip, deflate, unknown };

class RequestBody {
 public:
  RequestBody() = default;
  RequestBody(const RequestBody&) = delete;
  RequestBody& operator=(const RequestBody&) = delete;
  ~RequestBody() { clear(); }

  // At most `limit` bytes after decompression. `length` is of what is sent, where that is known.
  void start(Coding coding, std::uint64_t limit, std::optional<std::uint64_t> length, RequestMemory& memory);
  // As it was sent, but without chunks.
  Fault append(std::string_view bytes);
  // All has come.
  Fault finish();

  // Where to read the next bytes to, at most `left` of them, without a copy: then commit() is in place of
  // append(). Empty where a copy is needed.
  struct Space {
    char* data = nullptr;
    std::size_t size = 0;
  };
  Space space(std::uint64_t left, Fault& fault);
  void commit(std::size_t bytes) { bytes_.commit(bytes); }

  std::string_view view() const { return bytes_.view(); }
  std::size_t capacity() const { return bytes_.capacity(); }
  // Keeps memory for the next one where it isn't much; release() keeps none.
  void clear();
  void release();
  // Its bytes are no longer counted, since what counts them ends.
  void detach();

 private:
  Fault grow(std::uint64_t size);
  Fault inflate(std::string_view bytes);

  Buffer bytes_;
  std::uint64_t limit_ = 0;
  std::uint64_t counted_ = 0;
  std::optional<std::uint64_t> length_;
  RequestMemory* memory_ = nullptr;
  std::unique_ptr<Inflater> inflater_;
  Coding coding_ = Coding::identity;
};

}  // namespace nn::http
