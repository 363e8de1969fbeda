#include "onnx/read_tensor.hpp"

#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "format/protobuf/wire.hpp"

namespace nn::onnx {

namespace proto = format::proto;

namespace {

void count(std::size_t& counted, std::size_t most, const char* what) {
  if (++counted > most) fail_data("the file has more than {} {}", most, what);
}

// Elements as they come out of lists of numbers. A single run of floats stays where it is.
class Elements {
 public:
  void add_run(const char* data, std::size_t bytes) {
    if (bytes == 0) return;
    if (run_.empty() && own_ == nullptr) {
      run_ = {data, bytes};
      return;
    }
    settle();
    own_->insert(own_->end(), data, data + bytes);
  }
  template <typename T>
  void add(T value) {
    settle();
    const auto* bytes = reinterpret_cast<const char*>(&value);
    own_->insert(own_->end(), bytes, bytes + sizeof value);
  }
  std::size_t bytes() const { return own_ != nullptr ? own_->size() : run_.size(); }
  void give_to(Tensor& tensor, const std::shared_ptr<const void>& file) const {
    tensor.data = std::as_bytes(own_ != nullptr ? std::span<const char>(*own_) : std::span<const char>(run_));
    tensor.keeper = own_ != nullptr ? std::shared_ptr<const void>(own_) : file;
  }

 private:
  // A run may lie in a variable of the reader's, so it is copied at once where another follows or it is
  // short.
  void settle() {
    if (own_ != nullptr) return;
    own_ = std::make_shared<std::vector<char>>(run_.begin(), run_.end());
    run_ = {};
  }
  std::string_view run_;
  std::shared_ptr<std::vector<char>> own_;
};

// The field of TensorProto in which elements of the type are listed, where they are not raw; 0: in none.
std::uint32_t list_of(DataType type) {
  switch (type) {
    case DataType::float32:
    case DataType::complex64: return 4;
    case DataType::uint8:
    case DataType::int8:
    case DataType::uint16:
    case DataType::int16:
    case DataType::int32:
    case DataType::boolean:
    case DataType::float16:
    case DataType::bfloat16: return 5;
    case DataType::string: return 6;
    case DataType::int64: return 7;
    case DataType::float64:
    case DataType::complex128: return 10;
    case DataType::uint32:
    case DataType::uint64: return 11;
    default: return 0;
  }
}

void add_integer(Elements& elements, DataType type, std::uint64_t value) {
  switch (size_of(type)) {
    case 1: return elements.add(static_cast<std::uint8_t>(value));
    case 2: return elements.add(static_cast<std::uint16_t>(value));
    case 4: return elements.add(static_cast<std::uint32_t>(value));
    default: return elements.add(value);
  }
}

void add_list(Elements& elements, DataType type, const proto::Reader& field, std::uint32_t list) {
  if (list == 4 || list == 10) {
    // A number by itself is held by the reader, and has no place in the file.
    if (field.wire() == proto::Wire::fixed32) {
      return elements.add(static_cast<std::uint32_t>(field.value()));
    }
    if (field.wire() == proto::Wire::fixed64) return elements.add(field.value());
    const auto add = [&](const char* data, std::size_t n) {
      elements.add_run(data, n * (list == 4 ? sizeof(float) : sizeof(double)));
    };
    return list == 4 ? proto::each_run<float>(field, add) : proto::each_run<double>(field, add);
  }
  proto::each_varint(field, [&](std::uint64_t value) { add_integer(elements, type, value); });
}

std::uint64_t number_of(std::string_view text, const char* name) {
  const std::optional<std::int64_t> number = find_integer(text);
  if (!number || *number < 0)
    fail_data("the {} of its external data, '{}', is not a number", name, printable(text));
  return static_cast<std::uint64_t>(*number);
}

void read_external(std::string_view entry, ExternalPlace& place) {
  std::string_view key, value;
  for (proto::Reader field(entry); field.next();) {
    if (field.key() == proto::bytes(1)) key = field.bytes();
    if (field.key() == proto::bytes(2)) value = field.bytes();
  }
  if (key == "location") place.location = value;
  if (key == "offset") place.offset = number_of(value, "offset");
  if (key == "length") place.length = number_of(value, "length");
}

// What a message has besides elements, which need the type first.
struct Head {
  ExternalPlace place;
  bool external = false, raw = false;
  std::string_view raw_data;
};

Head read_head(std::string_view message, Tensor& tensor) {
  Head head;
  for (proto::Reader field(message); field.next();) {
    switch (field.key()) {
      case proto::varint(1):
      case proto::bytes(1):
        proto::each_varint(field, [&](std::uint64_t dim) {
          if (tensor.dims.size() == most_dimensions)
            fail_data("has more than {} dimensions", most_dimensions);
          tensor.dims.push_back(static_cast<std::int64_t>(dim));
        });
        break;
      case proto::varint(2): tensor.type = static_cast<DataType>(field.enumerator()); break;
      case proto::bytes(3):
        fail(ErrorKind::unsupported, "is only a segment, which nothing here puts together");
      case proto::bytes(9):
        head.raw = true;
        head.raw_data = field.bytes();
        break;
      case proto::bytes(13): read_external(field.bytes(), head.place); break;
      case proto::varint(14): head.external = field.value() == 1; break;
      default: break;
    }
  }
  return head;
}

// Bytes of all elements. Data error for shapes that are none, and beyond any memory.
std::uint64_t checked_size(const Tensor& tensor) {
  constexpr std::int64_t most = std::int64_t{1} << 48;
  std::int64_t count = 1;
  bool none = false;
  for (const std::int64_t dim : tensor.dims) {
    if (dim < 0) fail_data("has a dimension of {}", dim);
    if (dim == 0) {
      none = true;
    } else if (count > most / dim) {
      fail_data("has more elements than any memory");
    } else {
      count *= dim;
    }
  }
  return none ? 0 : static_cast<std::uint64_t>(count) * size_of(tensor.type);
}

void read_texts(std::string_view message, Tensor& tensor, Reading& reading) {
  for (proto::Reader field(message); field.next();) {
    if (field.key() != proto::bytes(6)) continue;
    reading.count_text();
    tensor.strings.emplace_back(field.bytes());
  }
  if (static_cast<std::int64_t>(tensor.strings.size()) != tensor.count()) {
    fail_data("has {} texts, and its shape needs {}", tensor.strings.size(), tensor.count());
  }
}

void read_elements(std::string_view message, const Head& head, Tensor& tensor, Reading& reading) {
  const std::uint64_t size = checked_size(tensor);
  if (tensor.type == DataType::string && !head.external) return read_texts(message, tensor, reading);
  if (size_of(tensor.type) == 0 && !head.external) return;  // of a type that nobody here computes with
  if (head.external) {
    if (size_of(tensor.type) == 0) fail_data("has external data of type {}", name_of(tensor.type));
    if (reading.external == nullptr) fail_data("has external data, and there are no files");
    ExternalFiles::Found found = reading.external->find(head.place, size);
    tensor.data = found.bytes;
    tensor.keeper = std::move(found.file);
    return;
  }
  Elements elements;
  if (head.raw) elements.add_run(head.raw_data.data(), head.raw_data.size());
  const std::uint32_t list = list_of(tensor.type);
  for (proto::Reader field(message); field.next();) {
    if (field.key() >> 3 == list) add_list(elements, tensor.type, field, list);
    if (elements.bytes() > size) break;
  }
  if (elements.bytes() != size) {
    fail_data("has {} bytes of elements{}, and its shape and type need {}", elements.bytes(),
              elements.bytes() > size ? " or more" : "", size);
  }
  elements.give_to(tensor, reading.keeper);
}

}  // namespace

void Reading::count_node() { count(nodes, most_nodes, "nodes"); }
void Reading::count_attribute() { count(attributes, 300'000, "attributes"); }
void Reading::count_text() { count(texts, 2'000'000, "names and texts"); }
void Reading::count_tensor() { count(tensors, 200'000, "tensors"); }

Tensor read_tensor(std::string_view message, Reading& reading) {
  reading.count_tensor();
  Tensor tensor;
  // The name comes late in a message, and errors want it.
  for (proto::Reader field(message); field.next();) {
    if (field.key() == proto::bytes(8)) tensor.name = field.bytes();
  }
  try {
    const Head head = read_head(message, tensor);
    read_elements(message, head, tensor, reading);
  } catch (const Error& error) {
    throw error.within(fmt::format("tensor '{}'", printable(tensor.name)));
  }
  return tensor;
}

}  // namespace nn::onnx
