#include <bit>
#include <set>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "format/protobuf/wire.hpp"
#include "onnx/graph.hpp"
#include "onnx/read_tensor.hpp"

namespace nn::onnx {

namespace proto = format::proto;

namespace {

// ---- messages; the numbers are those of onnx.proto

std::vector<Dimension> read_shape(std::string_view message) {
  std::vector<Dimension> dims;
  for (proto::Reader field(message); field.next();) {
    if (field.key() != proto::bytes(1)) continue;
    if (dims.size() == most_dimensions) fail_data("has more than {} dimensions", most_dimensions);
    Dimension& dim = dims.emplace_back();
    for (proto::Reader part(field.bytes()); part.next();) {
      if (part.key() == proto::varint(1)) dim.value = part.integer();
      if (part.key() == proto::bytes(2)) dim.symbol = part.bytes();
    }
    if (dim.value && *dim.value < 0) fail_data("has a dimension of {}", *dim.value);
  }
  return dims;
}

void read_type(std::string_view message, ValueInfo& value) {
  value.kind = ValueInfo::Kind::other;
  for (proto::Reader field(message); field.next();) {
    switch (field.key()) {
      case proto::bytes(1):
        value.kind = ValueInfo::Kind::tensor;
        for (proto::Reader part(field.bytes()); part.next();) {
          if (part.key() == proto::varint(1)) value.type = static_cast<DataType>(part.enumerator());
          if (part.key() != proto::bytes(2)) continue;
          value.has_shape = true;
          value.dims = read_shape(part.bytes());
        }
        break;
      case proto::bytes(4): value.kind = ValueInfo::Kind::sequence; break;
      case proto::bytes(5): value.kind = ValueInfo::Kind::map; break;
      default: break;
    }
  }
}

ValueInfo read_value(std::string_view message, Reading& reading) {
  reading.count_tensor();
  ValueInfo value;
  std::string_view type;
  for (proto::Reader field(message); field.next();) {
    if (field.key() == proto::bytes(1)) value.name = field.bytes();
    if (field.key() == proto::bytes(2)) type = field.bytes();
  }
  try {
    read_type(type, value);
  } catch (const Error& error) {
    throw error.within(fmt::format("value '{}'", printable(value.name)));
  }
  return value;
}

// Old files don't say the type.
Attribute::Type type_of(std::uint32_t number) {
  using Type = Attribute::Type;
  switch (number) {
    case 2: return Type::real;
    case 3: return Type::integer;
    case 4: return Type::text;
    case 5: return Type::tensor;
    case 6: return Type::graph;
    case 7: return Type::reals;
    case 8: return Type::integers;
    case 9: return Type::texts;
    default: return Type::other;
  }
}

Attribute::Type declared_type(std::int32_t number) {
  return number >= 0 && number <= static_cast<std::int32_t>(Attribute::Type::texts)
             ? static_cast<Attribute::Type>(number)
             : Attribute::Type::other;
}

Attribute read_attribute(std::string_view message, Reading& reading) {
  reading.count_attribute();
  Attribute attribute;
  Attribute::Type found = Attribute::Type::undefined;
  bool referred = false;
  for (proto::Reader field(message); field.next();) {
    const std::uint32_t number = field.key() >> 3;
    switch (field.key()) {
      case proto::bytes(1): attribute.name = field.bytes(); break;
      case proto::key(2, proto::Wire::fixed32):
        attribute.f = std::bit_cast<float>(static_cast<std::uint32_t>(field.value()));
        break;
      case proto::varint(3): attribute.i = field.integer(); break;
      case proto::bytes(4): attribute.s = field.bytes(); break;
      case proto::bytes(5):
        attribute.tensor = std::make_shared<Tensor>(read_tensor(field.bytes(), reading));
        break;
      case proto::key(7, proto::Wire::fixed32):
      case proto::bytes(7):
        proto::each_run<float>(field, [&](const char* data, std::size_t count) {
          for (std::size_t i = 0; i < count; ++i)
            attribute.floats.push_back(proto::load<float>(data + i * sizeof(float)));
        });
        break;
      case proto::varint(8):
      case proto::bytes(8):
        proto::each_varint(
            field, [&](std::uint64_t value) { attribute.ints.push_back(static_cast<std::int64_t>(value)); });
        break;
      case proto::bytes(9):
        reading.count_text();
        attribute.strings.emplace_back(field.bytes());
        break;
      case proto::varint(20): attribute.type = declared_type(field.enumerator()); break;
      case proto::bytes(21): referred = true; break;
      default: break;
    }
    if (number >= 2 && number != 13 && number != 20 && number != 21 && found == Attribute::Type::undefined)
      found = type_of(number);
  }
  if (attribute.type == Attribute::Type::undefined) attribute.type = found;
  if (referred) attribute.type = Attribute::Type::other;
  if (attribute.type == Attribute::Type::tensor && attribute.tensor == nullptr) {
    fail_data("attribute '{}' is said to be a tensor, and there is none", printable(attribute.name));
  }
  return attribute;
}

void check_attributes(const Node& node) {
  std::set<std::string_view> names;
  for (const Attribute& attribute : node.attributes) {
    if (!names.insert(attribute.name).second)
      fail_data("attribute '{}' is there twice", printable(attribute.name));
  }
}

Node read_node(std::string_view message, std::size_t index, Reading& reading) {
  reading.count_node();
  Node node;
  try {
    for (proto::Reader field(message); field.next();) {
      switch (field.key()) {
        case proto::bytes(1):
        case proto::bytes(2):
          reading.count_text();
          (field.key() == proto::bytes(1) ? node.inputs : node.outputs).emplace_back(field.bytes());
          break;
        case proto::bytes(3): node.name = field.bytes(); break;
        case proto::bytes(4): node.op_type = field.bytes(); break;
        case proto::bytes(5): node.attributes.push_back(read_attribute(field.bytes(), reading)); break;
        case proto::bytes(7): node.domain = field.bytes(); break;
        default: break;
      }
    }
    if (node.domain == "ai.onnx") node.domain.clear();
    check_attributes(node);
  } catch (const Error& error) {
    throw error.within(describe(node, index));
  }
  return node;
}

Graph read_graph(std::string_view message, Reading& reading) {
  Graph graph;
  for (proto::Reader field(message); field.next();) {
    switch (field.key()) {
      case proto::bytes(1):
        graph.nodes.push_back(read_node(field.bytes(), graph.nodes.size(), reading));
        break;
      case proto::bytes(2): graph.name = field.bytes(); break;
      case proto::bytes(5): graph.initializers.push_back(read_tensor(field.bytes(), reading)); break;
      case proto::bytes(11): graph.inputs.push_back(read_value(field.bytes(), reading)); break;
      case proto::bytes(12): graph.outputs.push_back(read_value(field.bytes(), reading)); break;
      case proto::bytes(15): fail(ErrorKind::unsupported, "the graph has sparse initializers");
      default: break;
    }
  }
  return graph;
}

// ---- what the graph's parts say of each other

void check_names(Graph& graph) {
  std::set<std::string_view> known;
  for (const Tensor& tensor : graph.initializers) {
    if (tensor.name.empty()) fail_data("an initializer has no name");
    if (!known.insert(tensor.name).second) {
      fail_data("there are two initializers '{}'", printable(tensor.name));
    }
  }
  std::erase_if(graph.inputs, [&](const ValueInfo& input) { return known.contains(input.name); });
  for (const ValueInfo& input : graph.inputs) {
    if (input.name.empty()) fail_data("an input has no name");
    if (!known.insert(input.name).second) fail_data("there are two inputs '{}'", printable(input.name));
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (const std::string& input : node.inputs) {
      if (input.empty() || known.contains(input)) continue;
      fail_data("{}: its input '{}' is made by nothing before it", describe(node, i), printable(input));
    }
    for (const std::string& output : node.outputs) {
      if (output.empty() || known.insert(output).second) continue;
      fail_data("{}: '{}' is made a second time", describe(node, i), printable(output));
    }
  }
  std::set<std::string_view> outputs;
  for (const ValueInfo& output : graph.outputs) {
    if (!known.contains(output.name)) fail_data("the output '{}' is made by nothing", printable(output.name));
    if (!outputs.insert(output.name).second) fail_data("there are two outputs '{}'", printable(output.name));
  }
}

void read_opset(std::string_view message, Model& model) {
  std::string domain;
  std::int64_t version = 0;
  for (proto::Reader field(message); field.next();) {
    if (field.key() == proto::bytes(1)) domain = field.bytes();
    if (field.key() == proto::varint(2)) version = field.integer();
  }
  if (domain == "ai.onnx") domain.clear();
  model.opsets.insert_or_assign(std::move(domain), version);
}

void read_metadata(std::string_view message, Model& model) {
  std::string_view key, value;
  for (proto::Reader field(message); field.next();) {
    if (field.key() == proto::bytes(1)) key = field.bytes();
    if (field.key() == proto::bytes(2)) value = field.bytes();
  }
  model.metadata.insert_or_assign(std::string(key), std::string(value));
}

Model read_message(std::span<const std::byte> bytes, Reading& reading) {
  const std::string_view message(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  Model model;
  bool has_graph = false;
  for (proto::Reader field(message); field.next();) {
    switch (field.key()) {
      case proto::varint(1): model.ir_version = field.integer(); break;
      case proto::bytes(2): model.producer_name = field.bytes(); break;
      case proto::bytes(3): model.producer_version = field.bytes(); break;
      case proto::bytes(7):
        if (has_graph) fail_data("there are two graphs");
        has_graph = true;
        model.graph = read_graph(field.bytes(), reading);
        break;
      case proto::bytes(8):
        reading.count_text();
        read_opset(field.bytes(), model);
        break;
      case proto::bytes(14):
        reading.count_text();
        read_metadata(field.bytes(), model);
        break;
      case proto::bytes(25): model.has_functions = true; break;
      default: break;
    }
  }
  if (model.ir_version <= 0) fail_data("it has no version");
  if (!has_graph) fail_data("it has no graph");
  if (model.graph.outputs.empty()) fail_data("it has no output");
  if (model.ir_version > 2 && model.opsets.empty()) fail_data("it says no version of its operators");
  check_names(model.graph);
  return model;
}

// Any file may be called so, or have been cut off.
Model read_checked(std::span<const std::byte> bytes, Reading& reading) {
  try {
    return read_message(bytes, reading);
  } catch (const Error& error) {
    throw error.kind() == ErrorKind::data ? error.within("no intact ONNX model") : error;
  }
}

}  // namespace

Model parse_model(std::span<const std::byte> bytes) {
  Reading reading;
  return read_checked(bytes, reading);
}

Model read_model(const std::string& path) {
  const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  ExternalFiles external(path);
  Reading reading;
  reading.keeper = file;
  reading.external = &external;
  try {
    return read_checked(file->bytes(), reading);
  } catch (const Error& error) {
    throw error.within_file(path);
  }
}

}  // namespace nn::onnx
