// XXH3-128 as text: names models, and the rows that they were trained on. Not cryptographic.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace nn::model {

// One thread.
class Digest {
 public:
  Digest();
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  void add(std::span<const std::byte> bytes);
  // The canonical (big-endian) form of what was added so far.
  std::array<std::byte, 16> value() const;
  std::string text() const;  // 32 hex digits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string hex(std::span<const std::byte> bytes);

}  // namespace nn::model
