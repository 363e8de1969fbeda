// The wire format of protocol buffers (protobuf.dev/programming-guides/encoding), without their library:
// messages are read in place, field by field, and written with sizes that are known beforehand.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace nn::format::proto {

// How a field's value is written. Groups (3 and 4) are refused.
enum class Wire : std::uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// What stands in front of a field: its number and how it is written, as `case proto::key(5, Wire::bytes):`.
constexpr std::uint32_t key(std::uint32_t number, Wire wire) {
  return number << 3 | static_cast<std::uint32_t>(wire);
}
constexpr std::uint32_t varint(std::uint32_t number) { return key(number, Wire::varint); }
constexpr std::uint32_t bytes(std::uint32_t number) { return key(number, Wire::bytes); }

// Little-endian, from memory that is aligned in no way.
template <typename T>
T load(const char* from) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Data error: it is no message.
[[noreturn]] void fail_wire(const char* what);

// Reads the fields of one message, of which it is a view, in linear time and without memory of its own. What
// is in a field of a message's type is read by another reader of bytes(). Data errors where it isn't a
// message.
class Reader {
 public:
  explicit Reader(std::string_view message) : at_(message.data()), end_(at_ + message.size()) {}

  // Goes to the next field, whatever it is; false behind the last.
  bool next() {
    if (at_ == end_) return false;
    const std::uint64_t key = read_varint();
    if (key > UINT32_MAX) fail_wire("a field's number is too large");
    key_ = static_cast<std::uint32_t>(key);
    if (key_ < 8) fail_wire("a field has the number 0");
    switch (key_ & 7) {
      case 0: value_ = read_varint(); break;
      case 1: value_ = read_fixed<std::uint64_t>(); break;
      case 2: bytes_ = read_bytes(read_varint()); break;
      case 5: value_ = read_fixed<std::uint32_t>(); break;
      default: fail_wire("it has a group, or what is no field");
    }
    return true;
  }
  // Of the field, as proto::key() has it.
  std::uint32_t key() const { return key_; }
  Wire wire() const { return static_cast<Wire>(key_ & 7); }
  // Of Wire::bytes.
  std::string_view bytes() const { return bytes_; }
  std::string_view text() const;  // data error where it isn't UTF-8
  // Of the others.
  std::uint64_t value() const { return value_; }
  std::int64_t integer() const { return static_cast<std::int64_t>(value_); }
  std::int32_t enumerator() const { return static_cast<std::int32_t>(value_); }
  bool boolean() const { return value_ != 0; }
  double real64() const { return std::bit_cast<double>(value_); }

 private:
  std::uint64_t read_varint() {
    // Most are one byte: keys, lengths, dimensions.
    if (at_ != end_ && static_cast<signed char>(*at_) >= 0) return static_cast<std::uint8_t>(*at_++);
    return read_long_varint();
  }
  std::uint64_t read_long_varint();
  template <typename T>
  T read_fixed() {
    return load<T>(read_bytes(sizeof(T)).data());
  }
  std::string_view read_bytes(std::uint64_t size) {
    if (size > static_cast<std::uint64_t>(end_ - at_)) fail_wire("a field is cut off");
    const std::string_view read(at_, static_cast<std::size_t>(size));
    at_ += read.size();
    return read;
  }

  friend class Varints;
  const char *at_, *end_;
  std::uint32_t key_ = 0;
  std::uint64_t value_ = 0;
  std::string_view bytes_;
};

// The numbers of a repeated field, packed or not: one() calls use(value) with the std::uint64_t of each
// varint that the field has which the reader is at.
class Varints {
 public:
  explicit Varints(std::string_view packed) : reader_(packed) {}
  bool next() {
    if (reader_.at_ == reader_.end_) return false;
    value_ = reader_.read_varint();
    return true;
  }
  std::uint64_t value() const { return value_; }

 private:
  Reader reader_;
  std::uint64_t value_ = 0;
};

// Calls use(value) with each number, a std::uint64_t, of the repeated field at the reader, packed or not.
template <typename Use>
void each_varint(const Reader& field, const Use& use) {
  if (field.wire() == Wire::varint) return use(field.value());
  if (field.wire() != Wire::bytes) return;
  for (Varints packed(field.bytes()); packed.next();) use(packed.value());
}

// The same with floats or doubles, in runs: use(pointer, count), where the numbers at the pointer are aligned
// in no way.
template <std::floating_point T, typename Use>
void each_run(const Reader& field, const Use& use) {
  constexpr Wire single = sizeof(T) == 4 ? Wire::fixed32 : Wire::fixed64;
  if (field.wire() == single) {
    const std::uint64_t bits = field.value();
    return use(reinterpret_cast<const char*>(&bits), std::size_t{1});
  }
  if (field.wire() != Wire::bytes) return;
  if (field.bytes().size() % sizeof(T) != 0) fail_wire("a list of numbers is cut off");
  use(field.bytes().data(), field.bytes().size() / sizeof(T));
}

// An entry of a map whose keys are texts: its value's message, or its text. What isn't there is empty.
struct MapEntry {
  std::string_view key, value;
};
MapEntry read_entry(std::string_view entry);

constexpr std::size_t varint_size(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// What Size and Writer have in common: the fields of a message, in any order. Those without always_ are left
// out where they have the default value, as proto3 does.
template <typename Self>
class Fields {
 public:
  void text(std::uint32_t number, std::string_view value) {
    if (!value.empty()) always_text(number, value);
  }
  void always_text(std::uint32_t number, std::string_view value) {
    bytes_header(number, value.size());
    self().put(value.data(), value.size());
  }
  // A field of bytes whose contents are put() behind it, in parts.
  void bytes_header(std::uint32_t number, std::size_t size) {
    self().put_varint(key(number, Wire::bytes));
    self().put_varint(size);
  }
  // Of any integer type, enumerations and booleans too.
  void integer(std::uint32_t number, std::uint64_t value) {
    if (value != 0) always_integer(number, value);
  }
  void always_integer(std::uint32_t number, std::uint64_t value) {
    self().put_varint(key(number, Wire::varint));
    self().put_varint(value);
  }
  void real(std::uint32_t number, float value) {
    if (std::bit_cast<std::uint32_t>(value) != 0) always_real(number, value);
  }
  void always_real(std::uint32_t number, float value) {
    self().put_varint(key(number, Wire::fixed32));
    self().put(reinterpret_cast<const char*>(&value), sizeof value);
  }
  // Packed lists; empty ones are left out. `raw`: elements of the type T, aligned in no way.
  template <std::integral T>
  void integers(std::uint32_t number, std::string_view raw) {
    const std::size_t count = raw.size() / sizeof(T);
    if (count == 0) return;
    const auto at = [&](std::size_t i) {
      return static_cast<std::uint64_t>(load<T>(raw.data() + i * sizeof(T)));
    };
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) size += varint_size(at(i));
    bytes_header(number, size);
    for (std::size_t i = 0; i < count; ++i) self().put_varint(at(i));
  }
  template <std::integral T>
  void integers(std::uint32_t number, std::span<const T> values) {
    integers<T>(number, std::string_view(reinterpret_cast<const char*>(values.data()), values.size_bytes()));
  }
  // A message, whose fields are what `fields(out)` writes into out, a Size or a Writer.
  template <typename Contents>
  void message(std::uint32_t number, const Contents& fields);

 private:
  Self& self() { return static_cast<Self&>(*this); }
};

// Counts the bytes.
class Size : public Fields<Size> {
 public:
  void put(const char* /*data*/, std::size_t size) { bytes_ += size; }
  void put_varint(std::uint64_t value) { bytes_ += varint_size(value); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

// Writes them to where there is room for all.
class Writer : public Fields<Writer> {
 public:
  explicit Writer(char* at) : at_(at) {}
  void put(const char* data, std::size_t size) {
    if (size > 0) std::memcpy(at_, data, size);
    at_ += size;
  }
  void put_varint(std::uint64_t value) {
    for (; value > 0x7F; value >>= 7) *at_++ = static_cast<char>(value | 0x80);
    *at_++ = static_cast<char>(value);
  }

 private:
  char* at_;
};

template <typename Self>
template <typename Contents>
void Fields<Self>::message(std::uint32_t number, const Contents& fields) {
  Size size;
  fields(size);
  bytes_header(number, size.bytes());
  if constexpr (std::same_as<Self, Size>) {
    self().put(nullptr, size.bytes());
  } else {
    fields(self());
  }
}

// Appends the message that has the fields of `fields(out)`, for which `out` grows once at most.
template <typename Contents>
void write(std::string& out, const Contents& fields) {
  Size size;
  fields(size);
  const std::size_t before = out.size();
  out.resize(before + size.bytes());
  Writer writer(out.data() + before);
  fields(writer);
}

}  // namespace nn::format::proto
