#include "http/request_body.hpp"

#include <fmt/format.h>

#include <limits>
#include <new>

namespace nn::http {
namespace {

constexpr std::size_t most_kept = 256 << 10;
constexpr std::uint64_t first_step = 64 << 10;
// No text is that repetitive and that large, but for one that is meant to be.
constexpr std::uint64_t most_ratio = 256, free_of_ratio = 4 << 20;
constexpr Fault too_large{413, "the body is larger than the limit"};
constexpr Fault too_repetitive{413, "the body is compressed more than 256 times"};
constexpr Fault no_memory{503, "the bodies of requests take all the memory that there is for them"};
constexpr Fault malformed{400, "the body is not compressed as its Content-Encoding says"};

}  // namespace

std::string message_of(int status, std::string_view message, std::uint64_t body_limit,
                       const ServerLimits& limits) {
  const std::uint64_t limit = status == 431 ? limits.head_bytes : body_limit;
  if (limit == 0 || !message.ends_with(" limit")) return std::string(message);
  return fmt::format("{} of {} bytes", message, limit);
}

void RequestBody::start(Coding coding, std::uint64_t limit, std::optional<std::uint64_t> length,
                        RequestMemory& memory) {
  clear();
  coding_ = coding;
  limit_ = limit;
  length_ = length;
  memory_ = &memory;
}

Fault RequestBody::append(std::string_view bytes) {
  if (coding_ != Coding::identity) return inflate(bytes);
  if (bytes.size() > limit_ - bytes_.size()) return too_large;
  if (const Fault fault = grow(bytes_.size() + bytes.size())) return fault;
  bytes_.append(bytes);
  return {};
}

Fault RequestBody::inflate(std::string_view bytes) {
  try {
    if (!inflater_) {
      inflater_ = std::make_unique<Inflater>(coding_ == Coding::gzip ? Inflater::Format::gzip
                                                                     : Inflater::Format::deflate);
    }
  } catch (const std::bad_alloc&) {
    return no_memory;
  }
  constexpr std::size_t least_room = 1 << 10;
  for (auto result = Inflater::Result::no_room; result == Inflater::Result::no_room;) {
    if (bytes_.room() < least_room) {
      const std::uint64_t more = std::max<std::uint64_t>(first_step, bytes_.size());
      if (const Fault fault = grow(bytes_.size() + std::min(more, limit_ - bytes_.size() + least_room)))
        return fault;
    }
    result = inflater_->take(bytes, bytes_);
    const std::uint64_t size = bytes_.size();
    if (size > limit_) return too_large;
    if (size > free_of_ratio && size / most_ratio > inflater_->taken()) return too_repetitive;
    if (result == Inflater::Result::malformed) return malformed;
  }
  return {};
}

Fault RequestBody::finish() {
  if (coding_ != Coding::identity && (!inflater_ || !inflater_->ended())) return malformed;
  bytes_.reserve(1);
  bytes_.clear_padding();
  return {};
}

RequestBody::Space RequestBody::space(std::uint64_t left, Fault& fault) {
  if (coding_ != Coding::identity) return {};
  const std::uint64_t size = bytes_.size();
  const std::uint64_t step = std::min(left, counted_ > size ? counted_ - size : std::max(first_step, size));
  if ((fault = grow(size + step))) return {};
  return {bytes_.tail(), static_cast<std::size_t>(step)};
}

// Memory is counted as it is needed, not as somebody says that it will be; where the size is known, what the
// system gives for all of it at once isn't there either until it is written to.
Fault RequestBody::grow(std::uint64_t size) {
  if (size > counted_) {
    std::uint64_t wanted = std::max({size, std::min(2 * counted_, limit_), std::min(first_step, limit_)});
    if (length_ && coding_ == Coding::identity) wanted = std::min(wanted, std::max(*length_, size));
    if (!memory_->take(wanted - counted_)) return no_memory;
    counted_ = wanted;
  }
  if (size <= bytes_.capacity()) return {};
  if (size > std::numeric_limits<std::size_t>::max() / 2) return too_large;
  try {
    if (length_ && coding_ == Coding::identity && *length_ >= size) {
      bytes_.reserve(static_cast<std::size_t>(*length_));
    } else {
      bytes_.make_room(static_cast<std::size_t>(size) - bytes_.size());
    }
  } catch (const std::bad_alloc&) {
    return no_memory;
  }
  return {};
}

void RequestBody::detach() {
  if (counted_ != 0) memory_->give_back(counted_);
  counted_ = 0;
}

void RequestBody::clear() {
  inflater_.reset();
  detach();
  bytes_.clear();
  if (bytes_.capacity() > most_kept) bytes_.release();
}

void RequestBody::release() {
  clear();
  bytes_.release();
}

}  // namespace nn::http
