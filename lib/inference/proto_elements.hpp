// Elements of tensors on their way from messages into rows.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "inference/datatype.hpp"
#include "inference/proto_wire.hpp"
#include "inference/rows.hpp"
#include "tensor/dtype.hpp"

namespace nn::inference::proto {

// What a request may become in memory. A message may be small and stand for much: a list of TensorFlow
// repeats its last value.
struct RowLimits {
  std::int64_t rows = 65536;
  std::uint64_t bytes = 256u << 20;  // of all columns together
};

// Where elements come from, as error messages say it.
struct Place {
  std::string_view input, model;
  std::string text() const;  // "input 'x' for model 'm'"
};

// Puts `count` elements of the type, as they lie behind each other in a message, into a column of `rows` that
// begin() has made. Converted to what the column holds; texts have their length in 4 bytes before each. Data
// errors name `place`.
void put_raw(Rows& rows, std::size_t column, DataType type, std::string_view data, std::size_t count,
             const Place& place);

// Data error where there are not as many elements as there should be.
[[noreturn]] void fail_count(DataType type, std::size_t there, std::size_t expected, const Place& place);

// Takes numbers of a column, one after the other, and leaves out what is more than there is room for.
template <typename T>
class NumberSink {
 public:
  explicit NumberSink(std::span<T> out) : out_(out) {}
  void add(T value) {
    if (taken_ < out_.size()) out_[taken_] = value;
    ++taken_;
  }
  // Of the type From, aligned in no way.
  template <typename From>
  void add_run(const char* data, std::size_t count) {
    const std::size_t room = taken_ < out_.size() ? out_.size() - taken_ : 0;
    const std::size_t fit = count < room ? count : room;
    if constexpr (std::same_as<From, T>) {
      if (fit > 0) std::memcpy(out_.data() + taken_, data, fit * sizeof(T));
    } else {
      for (std::size_t i = 0; i < fit; ++i) {
        out_[taken_ + i] = static_cast<T>(load<From>(data + i * sizeof(From)));
      }
    }
    taken_ += count;
  }
  // Fills the rest with the last one.
  void repeat_last() {
    for (; taken_ < out_.size(); ++taken_) out_[taken_] = out_[taken_ - 1];
  }

 private:
  std::span<T> out_;
  std::size_t taken_ = 0;
};

// An integer of a list: what protocol buffers cut to 32 bits is cut first, then it must fit the type.
// `bits` are those of the varint; FP16 and BF16 are numbers by their bits.
double number_of(DataType type, std::uint64_t bits, const Place& place);

// How many elements of a list a field of it has.
std::size_t count_of(const Reader& field, DataType type);

// Puts the elements of a list, typed as its protocol has them, into a column: `each(use)` calls use(reader)
// with each field of the list, in order, the same ones whenever it is called. There must be `count` elements,
// or, where the last one may stand for those that are missing, at least one and at most count.
template <typename EachField>
void put_list(Rows& rows, std::size_t column, DataType type, std::size_t count, bool may_repeat,
              const Place& place, const EachField& each) {
  std::size_t there = 0;
  each([&](const Reader& field) { there += count_of(field, type); });
  if (there > count || (there < count && (!may_repeat || there == 0))) fail_count(type, there, count, place);
  const auto fill = [&](auto out) {
    NumberSink sink(out);
    using T = typename decltype(out)::element_type;
    each([&](const Reader& field) {
      if (type == DataType::fp32) {
        each_run<float>(field,
                        [&](const char* data, std::size_t n) { sink.template add_run<float>(data, n); });
      } else if (type == DataType::fp64) {
        each_run<double>(field,
                         [&](const char* data, std::size_t n) { sink.template add_run<double>(data, n); });
      } else {
        each_varint(field,
                    [&](std::uint64_t bits) { sink.add(static_cast<T>(number_of(type, bits, place))); });
      }
    });
    sink.repeat_last();
  };
  if (type == DataType::bytes) {
    std::string_view last;
    const auto add = [&](std::string_view text) { rows.add_text(column, last = text); };
    each([&](const Reader& field) {
      if (field.wire() == Wire::bytes) add(field.text());
    });
    for (; there < count; ++there) add(last);
    return;
  }
  switch (rows.field(column).type) {
    case DType::f32: return fill(rows.floats(column, count));
    case DType::u8: return fill(rows.bytes(column, count));
    default: return fill(rows.doubles(column, count));
  }
}

}  // namespace nn::inference::proto
