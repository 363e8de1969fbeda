// What an ONNX file says, as plain structs: the messages of onnx.proto, checked, and without what nobody here
// needs. Importers and exporters are functions of these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nn::onnx {

// Types of elements, by ONNX's numbers.
enum class DataType : std::int32_t {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  complex64 = 14,
  complex128 = 15,
  bfloat16 = 16,
};
// "float", "int64", "string", as ONNX spells them; "type 23" for one that isn't listed.
std::string name_of(DataType type);
// Bytes of an element; 0 for strings and for types that are not listed.
std::size_t size_of(DataType type);

// A constant. Copies share the elements.
struct Tensor {
  std::string name;
  DataType type = DataType::undefined;
  std::vector<std::int64_t> dims;  // each at least 0; none: one element
  // The elements, row-major and little-endian, aligned in no way; count() * size_of(type) bytes. However the
  // file has them (raw, as lists of numbers, in a file of their own), they are this here.
  std::span<const std::byte> data;
  std::vector<std::string> strings;    // in place of data, where the type is string
  std::shared_ptr<const void> keeper;  // of what `data` points to: the mapped file, or a buffer

  std::int64_t count() const;  // of elements
};

// A tensor that owns its elements.
Tensor make_tensor(std::string name, std::vector<std::int64_t> dims, std::span<const float> values);
Tensor make_tensor(std::string name, std::vector<std::int64_t> dims, std::span<const double> values);
Tensor make_tensor(std::string name, std::vector<std::int64_t> dims, std::span<const std::int64_t> values);
Tensor make_tensor(std::string name, std::vector<std::int64_t> dims, std::vector<std::string> values);
Tensor make_bools(std::string name, std::vector<std::int64_t> dims, std::span<const bool> values);

// The elements of float, double, float16 or bfloat16 as floats; of any integers and booleans as integers.
// Data errors for other types, and for an unsigned number beyond int64.
std::vector<float> floats_of(const Tensor& tensor);
std::vector<std::int64_t> integers_of(const Tensor& tensor);
bool is_floating(DataType type);  // floats_of() takes it
bool is_integer(DataType type);   // integers_of() takes it

struct Attribute {
  // By ONNX's numbers.
  enum class Type : std::int32_t {
    undefined = 0,
    real = 1,
    integer = 2,
    text = 3,
    tensor = 4,
    graph = 5,
    reals = 6,
    integers = 7,
    texts = 8,
    other = -1,  // lists of tensors or graphs, sparse tensors, types: what they have is not read
  };
  std::string name;
  Type type = Type::undefined;  // derived from what is there, where an old file doesn't say it
  float f = 0;
  std::int64_t i = 0;
  std::string s;
  std::vector<float> floats;
  std::vector<std::int64_t> ints;
  std::vector<std::string> strings;
  std::shared_ptr<const Tensor> tensor;  // of Type::tensor
  // Type::graph: there is one; what it has is not read.
};

struct Node {
  std::string name;    // often empty
  std::string domain;  // empty for ONNX's own operators, also where the file says "ai.onnx"; "ai.onnx.ml"
  std::string op_type;
  std::vector<std::string> inputs, outputs;  // "" is one that is left out
  std::vector<Attribute> attributes;         // names differ

  const Attribute* find(std::string_view attribute) const;  // null: it isn't there
  // The attribute's value, or the default. Data errors where it has another type.
  std::int64_t integer(std::string_view attribute, std::int64_t absent) const;
  float real(std::string_view attribute, float absent) const;
  std::string text(std::string_view attribute, std::string_view absent) const;
  std::vector<std::int64_t> integers(std::string_view attribute) const;  // empty: it isn't there
  bool has_input(std::size_t index) const { return index < inputs.size() && !inputs[index].empty(); }
};

// "node 'n17' (LRN)", or "node 17 (LRN)" by its index where it has no name: safe to print, for messages.
std::string describe(const Node& node, std::size_t index);

struct Dimension {
  std::optional<std::int64_t> value;
  std::string symbol;  // empty with a value, and where nothing is known
};

// An input or an output of the graph.
struct ValueInfo {
  std::string name;
  enum class Kind : std::uint8_t { tensor, sequence, map, other } kind = Kind::tensor;
  DataType type = DataType::undefined;
  bool has_shape = false;  // without one nothing is known, not even how many dimensions there are
  std::vector<Dimension> dims;
};

struct Graph {
  std::string name;
  std::vector<Node> nodes;  // in an order in which they can run: inputs are made before they are used
  std::vector<Tensor> initializers;  // names differ, from each other and from outputs of nodes
  std::vector<ValueInfo> inputs;     // without those that have an initializer, as old files list them
  std::vector<ValueInfo> outputs;

  const Tensor* initializer(
      std::string_view name) const;  // null: there is none. Linear: for tests and messages
};

struct Model {
  std::int64_t ir_version = 0;
  std::string producer_name, producer_version;
  std::map<std::string, std::int64_t, std::less<>> opsets;   // domain → version; "" is ONNX's own
  std::map<std::string, std::string, std::less<>> metadata;  // metadata_props
  bool has_functions = false;  // operators of the file's own, which are not read
  Graph graph;

  std::int64_t opset(std::string_view domain = "") const;  // 0: the file has none of that domain
};

// Reads a file; tensors point into a mapping of it, and of files beside it where they have external data.
// Errors name the file and what is wrong: data errors for anything that is no model, contradicts itself or is
// beyond the limits below, unsupported ones for sparse initializers. Time and memory are linear in the size
// of the files, whatever is in them.
//
// External data must lie in a regular file in the model's folder or one below it, named by a relative path
// without "..", of which no part is a symbolic link; it must have the bytes that it is said to have.
Model read_model(const std::string& path);

// The same of bytes, to which tensors point: the caller keeps them. Without external data. For tests and
// fuzzers.
Model parse_model(std::span<const std::byte> bytes);

inline constexpr std::size_t most_nodes = 100'000;

// The file's bytes: equal models give equal ones. Tensors are written as raw data. Refuses (data error) what
// would be 2 GiB or more, which no reader that uses protobuf takes.
std::string model_bytes(const Model& model);
// The same to a file, atomically; the tensors' elements are not copied before.
void write_model(const std::string& path, const Model& model);

}  // namespace nn::onnx
