#include <array>
#include <cstring>

#include "base/error.hpp"
#include "base/file.hpp"
#include "format/protobuf/wire.hpp"
#include "onnx/graph.hpp"

namespace nn::onnx {

namespace proto = format::proto;

namespace {

// Writes fields to a file: what is small through a buffer, tensors from where they are.
class FileWriter : public proto::Fields<FileWriter> {
 public:
  explicit FileWriter(OutputFile& file) : file_(file) {}

  void put(const char* data, std::size_t size) {
    if (size > buffer_.size() - used_) flush();
    if (size > buffer_.size()) return file_.write(std::string_view(data, size));
    if (size > 0) std::memcpy(buffer_.data() + used_, data, size);
    used_ += size;
  }
  void put_varint(std::uint64_t value) {
    std::array<char, 10> bytes;
    proto::Writer writer(bytes.data());
    writer.put_varint(value);
    put(bytes.data(), proto::varint_size(value));
  }
  void flush() {
    file_.write(std::string_view(buffer_.data(), used_));
    used_ = 0;
  }

 private:
  OutputFile& file_;
  std::array<char, 65536> buffer_;
  std::size_t used_ = 0;
};

// The fields of each message come in the order of their numbers, lists of numbers are not packed, and what
// has a default value is left out where onnx.proto has it so, as protobuf's own library does it.

template <typename Out>
void write_tensor(Out& out, const Tensor& tensor) {
  for (const std::int64_t dim : tensor.dims) out.always_integer(1, static_cast<std::uint64_t>(dim));
  out.always_integer(2, static_cast<std::uint64_t>(tensor.type));
  for (const std::string& text : tensor.strings) out.always_text(6, text);
  out.text(8, tensor.name);
  if (tensor.type == DataType::string) return;
  out.bytes_header(9, tensor.data.size());
  out.put(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size());
}

template <typename Out>
void write_attribute(Out& out, const Attribute& attribute) {
  out.always_text(1, attribute.name);
  switch (attribute.type) {
    case Attribute::Type::real: out.always_real(2, attribute.f); break;
    case Attribute::Type::integer: out.always_integer(3, static_cast<std::uint64_t>(attribute.i)); break;
    case Attribute::Type::text: out.always_text(4, attribute.s); break;
    case Attribute::Type::tensor:
      out.message(5, [&](auto& part) { write_tensor(part, *attribute.tensor); });
      break;
    case Attribute::Type::reals:
      for (const float value : attribute.floats) out.always_real(7, value);
      break;
    case Attribute::Type::integers:
      for (const std::int64_t value : attribute.ints)
        out.always_integer(8, static_cast<std::uint64_t>(value));
      break;
    case Attribute::Type::texts:
      for (const std::string& value : attribute.strings) out.always_text(9, value);
      break;
    case Attribute::Type::undefined:
    case Attribute::Type::graph:
    case Attribute::Type::other:
      fail(ErrorKind::internal, "attribute '{}' has no value to write", attribute.name);
  }
  out.always_integer(20, static_cast<std::uint64_t>(attribute.type));
}

template <typename Out>
void write_node(Out& out, const Node& node) {
  for (const std::string& input : node.inputs) out.always_text(1, input);
  for (const std::string& output : node.outputs) out.always_text(2, output);
  out.text(3, node.name);
  out.always_text(4, node.op_type);
  for (const Attribute& attribute : node.attributes)
    out.message(5, [&](auto& part) { write_attribute(part, attribute); });
  out.text(7, node.domain);
}

template <typename Out>
void write_value(Out& out, const ValueInfo& value) {
  out.always_text(1, value.name);
  out.message(2, [&](auto& type) {
    type.message(1, [&](auto& tensor) {
      tensor.always_integer(1, static_cast<std::uint64_t>(value.type));
      if (!value.has_shape) return;
      tensor.message(2, [&](auto& shape) {
        for (const Dimension& dim : value.dims) {
          shape.message(1, [&](auto& part) {
            if (dim.value) part.always_integer(1, static_cast<std::uint64_t>(*dim.value));
            part.text(2, dim.symbol);
          });
        }
      });
    });
  });
}

template <typename Out>
void write_graph(Out& out, const Graph& graph) {
  for (const Node& node : graph.nodes) out.message(1, [&](auto& part) { write_node(part, node); });
  out.always_text(2, graph.name);
  for (const Tensor& tensor : graph.initializers)
    out.message(5, [&](auto& part) { write_tensor(part, tensor); });
  for (const ValueInfo& input : graph.inputs) out.message(11, [&](auto& part) { write_value(part, input); });
  for (const ValueInfo& output : graph.outputs)
    out.message(12, [&](auto& part) { write_value(part, output); });
}

template <typename Out>
void write_fields(Out& out, const Model& model) {
  out.always_integer(1, static_cast<std::uint64_t>(model.ir_version));
  out.text(2, model.producer_name);
  out.text(3, model.producer_version);
  for (const auto& [domain, version] : model.opsets) {
    out.message(8, [&](auto& part) {
      part.text(1, domain);
      part.always_integer(2, static_cast<std::uint64_t>(version));
    });
  }
  for (const auto& [key, value] : model.metadata) {
    out.message(14, [&](auto& part) {
      part.always_text(1, key);
      part.always_text(2, value);
    });
  }
  // It comes last, against the order of numbers, so that no file that is cut off is one by itself.
  out.message(7, [&](auto& part) { write_graph(part, model.graph); });
}

std::size_t checked_size(const Model& model) {
  proto::Size size;
  write_fields(size, model);
  if (size.bytes() >= (std::size_t{1} << 31) - (std::size_t{1} << 20)) {
    fail_data("the model would have {} bytes, and readers of this format take less than 2 GiB", size.bytes());
  }
  return size.bytes();
}

}  // namespace

std::string model_bytes(const Model& model) {
  std::string bytes(checked_size(model), '\0');
  proto::Writer writer(bytes.data());
  write_fields(writer, model);
  return bytes;
}

void write_model(const std::string& path, const Model& model) {
  try {
    checked_size(model);
  } catch (const Error& error) {
    throw error.within_file(path);
  }
  OutputFile file(path);
  FileWriter writer(file);
  write_fields(writer, model);
  writer.flush();
  file.commit();
}

}  // namespace nn::onnx
