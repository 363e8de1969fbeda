#include "format/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"

namespace nn::format {
namespace {

constexpr SafeType types[] = {
    {"BOOL", 8},    {"F4", 4},          {"F6_E2M3", 6},     {"F6_E3M2", 6}, {"U8", 8},   {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8},     {"F8_E8M0", 8},     {"I16", 16},    {"U16", 16}, {"F16", 16},
    {"BF16", 16},   {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I32", 32},    {"U32", 32}, {"F32", 32},
    {"C64", 64},    {"F64", 64},        {"I64", 64},        {"U64", 64},
};

constexpr std::string_view metadata_key = "__metadata__";
constexpr std::size_t most_dimensions = 64;  // NumPy's
constexpr std::size_t deepest = 16;          // an object of objects of arrays has 3

std::string title(std::string_view tensor) { return fmt::format("tensor '{}'", printable(tensor)); }

// Takes the header as it is parsed: a tree of it would be many times as large. What it throws, the parser
// lets through.
class Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  SafeHeader take() { return std::move(header_); }

  bool null() override { return other("null"); }
  bool boolean(bool) override { return other("a boolean"); }
  bool number_integer(number_integer_t) override { return other("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return other("no whole number"); }
  bool binary(binary_t&) override { return other("bytes"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (skipped_ > 0) return true;
    if (!in_array_ || (field_ != Field::shape && field_ != Field::offsets)) return other("a number");
    if (field_ == Field::offsets) {
      if (offsets_++ == 2) fail("has more than two data_offsets");
      (offsets_ == 1 ? tensor_.begin : tensor_.end) = value;
      return true;
    }
    if (value > std::uint64_t{INT64_MAX}) fail("has too large a dimension");
    if (tensor_.shape.size() == most_dimensions) fail("has more than 64 dimensions");
    tensor_.shape.push_back(static_cast<std::int64_t>(value));
    return true;
  }

  bool string(string_t& value) override {
    if (skipped_ > 0) return true;
    if (place_ == Place::metadata) {
      header_.metadata.emplace_back(std::move(key_), std::move(value));
      return true;
    }
    if (place_ != Place::tensor || in_array_ || (field_ != Field::type && field_ != Field::other))
      return other("a text");
    if (field_ == Field::other) return true;
    const auto* type = std::find_if(std::begin(types), std::end(types),
                                    [&](const SafeType& known) { return known.name == value; });
    if (type == std::end(types)) fail("has the unknown dtype '{}'", printable(value));
    tensor_.type = type;
    return true;
  }

  bool start_object(std::size_t) override {
    if (skipped_ > 0) return skip();
    switch (place_) {
      case Place::outside: place_ = Place::header; return true;
      case Place::header:
        if (key_ == metadata_key) {
          if (has_metadata_) fail_data("has '{}' twice", metadata_key);
          has_metadata_ = true;
          place_ = Place::metadata;
        } else {
          place_ = Place::tensor;
          tensor_ = {};
          tensor_.name = std::move(key_);
          seen_.fill(false);
          offsets_ = 0;
        }
        return true;
      default: return skip_other("an object");
    }
  }

  bool key(string_t& name) override {
    if (skipped_ > 0) return true;
    if (place_ != Place::tensor) {
      key_ = std::move(name);
      return true;
    }
    field_ = name == "dtype"          ? Field::type
             : name == "shape"        ? Field::shape
             : name == "data_offsets" ? Field::offsets
                                      : Field::other;
    if (field_ == Field::other) return true;
    bool& seen = seen_[static_cast<std::size_t>(field_)];
    if (seen) fail("has '{}' twice", name);
    seen = true;
    return true;
  }

  bool end_object() override {
    if (skipped_ > 0) return unskip();
    if (place_ == Place::tensor) {
      finish_tensor();
      place_ = Place::header;
    } else {
      place_ = place_ == Place::metadata ? Place::header : Place::outside;
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (skipped_ > 0) return skip();
    if (place_ == Place::tensor && !in_array_ && (field_ == Field::shape || field_ == Field::offsets)) {
      in_array_ = true;
      return true;
    }
    return skip_other("an array");
  }

  bool end_array() override {
    if (skipped_ > 0) return unskip();
    in_array_ = false;
    return true;
  }

  bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception&) override {
    fail_data("its header is not JSON (byte {} of it)", at);
  }

 private:
  enum class Place { outside, header, metadata, tensor };
  enum class Field { type, shape, offsets, other };

  template <typename... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    throw data_error(format, std::forward<Args>(args)...).within(title(tensor_.name));
  }

  // A value that is none of those which its place takes; fields that nobody knows may have any.
  bool other(std::string_view what) const {
    if (skipped_ > 0) return true;
    if (place_ == Place::tensor && field_ == Field::other) return true;
    switch (place_) {
      case Place::outside: fail_data("its header is {} instead of an object", what);
      case Place::header: fail_data("'{}' in its header is {} instead of an object", printable(key_), what);
      case Place::metadata: fail_data("its metadata '{}' is {} instead of a text", printable(key_), what);
      case Place::tensor: break;
    }
    constexpr std::string_view fields[] = {"dtype", "shape", "data_offsets"};
    fail("{} where {} stands", what, fields[static_cast<std::size_t>(field_)]);
  }
  bool skip_other(std::string_view what) {
    other(what);
    return skip();
  }
  bool skip() {
    ++skipped_;
    return true;
  }
  bool unskip() {
    --skipped_;
    return true;
  }

  void finish_tensor() {
    for (const auto& [field, name] :
         {std::pair(Field::type, "dtype"), {Field::shape, "shape"}, {Field::offsets, "data_offsets"}}) {
      if (!seen_[static_cast<std::size_t>(field)]) fail("has no '{}'", name);
    }
    if (offsets_ != 2) fail("has {} instead of two data_offsets", offsets_);
    if (tensor_.begin > tensor_.end) fail("begins at {} and ends before, at {}", tensor_.begin, tensor_.end);
    std::uint64_t bits = tensor_.type->bits;
    for (const std::int64_t size : tensor_.shape) {
      if (__builtin_mul_overflow(bits, static_cast<std::uint64_t>(size), &bits) || bits > INT64_MAX)
        fail("has the shape {}, of more bytes than can be", to_string(tensor_.shape));
    }
    if (bits % 8 != 0) fail("has values of {} bits that fill no whole bytes", tensor_.type->bits);
    if (tensor_.end - tensor_.begin != bits / 8) {
      fail("has {} bytes, but {} {} needs {}", tensor_.end - tensor_.begin, tensor_.type->name,
           to_string(tensor_.shape), bits / 8);
    }
    header_.tensors.push_back(std::move(tensor_));
  }

  SafeHeader header_;
  SafeTensorHead tensor_;
  Place place_ = Place::outside;
  Field field_ = Field::other;
  std::string key_;
  std::array<bool, 3> seen_{};
  int offsets_ = 0;
  bool in_array_ = false, has_metadata_ = false;
  std::size_t skipped_ = 0;  // how deep in values that nobody knows
};

// Sorted, since a table of hashes might be made slow by who chooses the names.
void check_unique(std::vector<std::string_view> names, std::string_view what) {
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) fail_data("has two {} called '{}'", what, printable(*twice));
}

}  // namespace

SafeHeader parse_safetensors_header(std::string_view text) {
  // The parser takes a byte of 0 for the end, and a mark of UTF-8 for nothing.
  if (text.find('\0') != std::string_view::npos) fail_data("its header has a byte of 0");
  if (const auto first = text.find_first_not_of(" \t\r\n"); first == text.npos || text[first] != '{')
    fail_data("its header is no object of JSON");
  if (json_nests_deeper(text, deepest)) fail_data("its header nests too deep");
  Handler handler;
  nlohmann::json::sax_parse(text.begin(), text.end(), &handler);
  SafeHeader header = handler.take();
  std::vector<std::string_view> names;
  for (const SafeTensorHead& tensor : header.tensors) names.push_back(tensor.name);
  check_unique(std::move(names), "tensors");
  names.clear();
  for (const auto& [key, value] : header.metadata) names.push_back(key);
  check_unique(std::move(names), "metadata");
  return header;
}

}  // namespace nn::format
