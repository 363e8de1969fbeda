#include "inference/grpc_schema.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <span>

#include "base/text.hpp"
#include "inference/grpc_schema_words.hpp"
#include "inference/proto_wire.hpp"

namespace nn::inference {
namespace {

using Words = std::vector<std::string>;

struct SchemaField {
  std::string name, type, oneof;
  std::uint64_t number = 0;
  bool repeated = false;
  std::string map_key;  // not empty: a map, whose values have the type
};
struct SchemaEnum {
  std::string name;
  Words values;  // "SERVING=1"
};
struct SchemaMessage {
  std::string name;  // with those around it: "ModelInferRequest.InferInputTensor"
  std::vector<SchemaField> fields;
  std::vector<SchemaEnum> enums;
};
struct SchemaMethod {
  std::string name, request, response;
  bool client_streams = false, server_streams = false;
};
struct SchemaService {
  std::string name;
  std::vector<SchemaMethod> methods;
};
struct Schema {
  std::string name, package;
  Words dependencies;
  std::vector<SchemaMessage> messages;
  std::vector<SchemaEnum> enums;
  std::vector<SchemaService> services;
};

// Numbers of FieldDescriptorProto.Type.
constexpr std::uint64_t type_message = 11, type_enum = 14;
constexpr std::array<std::pair<std::string_view, std::uint64_t>, 9> scalars{{{"double", 1},
                                                                             {"float", 2},
                                                                             {"int64", 3},
                                                                             {"uint64", 4},
                                                                             {"int32", 5},
                                                                             {"bool", 8},
                                                                             {"string", 9},
                                                                             {"bytes", 12},
                                                                             {"uint32", 13}}};

std::uint64_t scalar_number(std::string_view type) {
  const auto found =
      std::find_if(scalars.begin(), scalars.end(), [&](const auto& scalar) { return scalar.first == type; });
  return found == scalars.end() ? 0 : found->second;
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// ---- Words to what they mean

SchemaField read_field(Words words) {
  SchemaField field;
  std::size_t at = 0;
  if (words[at] == "oneof") {
    field.oneof = words[at + 1];
    at += 2;
  }
  if (words[at] == "map") {
    field.map_key = words[at + 1];
    at += 2;
  }
  field.repeated = words[at] == "repeated" || !field.map_key.empty();
  if (words[at] == "repeated") ++at;
  field.type = words[at];
  field.name = words[at + 1];
  field.number = number_of(words[at + 2]);
  return field;
}

SchemaMethod read_method(const Words& words) {
  SchemaMethod method;
  std::size_t at = 2;
  method.name = words[1];
  method.client_streams = words[at] == "stream";
  if (method.client_streams) ++at;
  method.request = words[at++];
  method.server_streams = words[at] == "stream";
  if (method.server_streams) ++at;
  method.response = words[at];
  return method;
}

Schema read_words(std::string_view text) {
  Schema schema;
  for (const std::string& line : split_lines(text)) {
    Words words = split(trim(line), ' ');
    const std::string& first = words[0];
    if (first.empty()) continue;
    if (first == "file") {
      schema.name = words[1];
      schema.package = words[2];
    } else if (first == "depends") {
      schema.dependencies.push_back(words[1]);
    } else if (first == "message") {
      schema.messages.push_back({words[1], {}, {}});
    } else if (first == "enum") {
      auto& enums = schema.messages.empty() ? schema.enums : schema.messages.back().enums;
      enums.push_back({words[1], {words.begin() + 2, words.end()}});
    } else if (first == "service") {
      schema.services.push_back({words[1], {}});
    } else if (first == "rpc") {
      schema.services.back().methods.push_back(read_method(words));
    } else {
      schema.messages.back().fields.push_back(read_field(std::move(words)));
    }
  }
  return schema;
}

// ---- What they mean to descriptors

// "model_name" → "modelName".
std::string json_name(std::string_view name) {
  std::string out;
  bool upper = false;
  for (const char c : name) {
    if (c != '_') out += upper ? static_cast<char>(c - 'a' + 'A') : c;
    upper = c == '_';
  }
  return out;
}

// "input_map" → "InputMapEntry".
std::string entry_name(std::string_view field) {
  std::string name = json_name(field) + "Entry";
  name[0] = static_cast<char>(name[0] - 'a' + 'A');
  return name;
}

class DescriptorWriter {
 public:
  explicit DescriptorWriter(const Schema& schema) : schema_(schema) {}

  template <typename Out>
  void file(Out& out) const {
    out.text(1, schema_.name);
    out.text(2, schema_.package);
    for (const std::string& dependency : schema_.dependencies) out.text(3, dependency);
    messages_in(out, 4, "");
    for (const SchemaEnum& its : schema_.enums) enumeration(out, 5, its);
    for (const SchemaService& its : schema_.services) service(out, its);
    out.text(12, "proto3");
  }

 private:
  // The messages whose names are those of `prefix`, which ends with a point or is empty, and one more word.
  template <typename Out>
  void messages_in(Out& out, std::uint32_t number, std::string_view prefix) const {
    for (const SchemaMessage& its : schema_.messages) {
      const std::string_view name = its.name;
      if (!name.starts_with(prefix) || name.find('.', prefix.size()) != std::string_view::npos) continue;
      out.message(number, [&](auto& descriptor) { message(descriptor, its, name.substr(prefix.size())); });
    }
  }

  template <typename Out>
  void message(Out& out, const SchemaMessage& its, std::string_view name) const {
    Words oneofs;
    for (const SchemaField& field : its.fields) {
      if (!field.oneof.empty() && (oneofs.empty() || oneofs.back() != field.oneof))
        oneofs.push_back(field.oneof);
    }
    out.text(1, name);
    for (const SchemaField& field : its.fields) {
      out.message(2, [&](auto& descriptor) {
        std::string type = field.map_key.empty() ? field.type : its.name + "." + entry_name(field.name);
        field_of(descriptor, its, field.name, field.number, field.repeated, type);
        if (field.oneof.empty()) return;
        const auto index = std::find(oneofs.begin(), oneofs.end(), field.oneof) - oneofs.begin();
        descriptor.always_integer(9, static_cast<std::uint64_t>(index));
      });
    }
    messages_in(out, 3, its.name + ".");
    for (const SchemaField& field : its.fields) {
      if (!field.map_key.empty()) map_entry(out, its, field);
    }
    for (const SchemaEnum& inner : its.enums) enumeration(out, 4, inner);
    for (const std::string& oneof : oneofs) {
      out.message(8, [&](auto& descriptor) { descriptor.text(1, oneof); });
    }
  }

  template <typename Out>
  void field_of(Out& out, const SchemaMessage& its, std::string_view name, std::uint64_t number,
                bool repeated, std::string_view type) const {
    out.text(1, name);
    out.integer(3, number);
    out.integer(4, repeated ? 3 : 1);
    const std::uint64_t scalar = scalar_number(type);
    if (scalar != 0) {
      out.integer(5, scalar);
    } else {
      const auto has = [&](const std::vector<SchemaEnum>& enums) {
        return std::any_of(enums.begin(), enums.end(), [&](const SchemaEnum& e) { return e.name == type; });
      };
      const bool inner = has(its.enums);
      out.integer(5, inner || has(schema_.enums) ? type_enum : type_message);
      out.text(6, full_name(inner ? its.name + "." + std::string(type) : std::string(type)));
    }
    out.text(10, json_name(name));
  }

  template <typename Out>
  void map_entry(Out& out, const SchemaMessage& its, const SchemaField& field) const {
    out.message(3, [&](auto& descriptor) {
      descriptor.text(1, entry_name(field.name));
      descriptor.message(2, [&](auto& key) { field_of(key, its, "key", 1, false, field.map_key); });
      descriptor.message(2, [&](auto& value) { field_of(value, its, "value", 2, false, field.type); });
      descriptor.message(7, [](auto& options) { options.integer(7, 1); });
    });
  }

  template <typename Out>
  void enumeration(Out& out, std::uint32_t number, const SchemaEnum& its) const {
    out.message(number, [&](auto& descriptor) {
      descriptor.text(1, its.name);
      for (const std::string& value : its.values) {
        const std::size_t at = value.find('=');
        descriptor.message(2, [&](auto& inner) {
          inner.text(1, std::string_view(value).substr(0, at));
          inner.always_integer(2, number_of(std::string_view(value).substr(at + 1)));
        });
      }
    });
  }

  template <typename Out>
  void service(Out& out, const SchemaService& its) const {
    out.message(6, [&](auto& descriptor) {
      descriptor.text(1, its.name);
      for (const SchemaMethod& method : its.methods) {
        descriptor.message(2, [&](auto& inner) {
          inner.text(1, method.name);
          inner.text(2, full_name(method.request));
          inner.text(3, full_name(method.response));
          inner.integer(5, method.client_streams ? 1 : 0);
          inner.integer(6, method.server_streams ? 1 : 0);
        });
      }
    });
  }

  // Names of other packages begin with a point.
  std::string full_name(const std::string& name) const {
    return name.starts_with('.') ? name : "." + schema_.package + "." + name;
  }

  const Schema& schema_;
};

std::vector<SchemaFile> read_all() {
  std::vector<SchemaFile> files;
  for (const std::string_view words : schema_words) files.push_back(read_schema(words));
  return files;
}

}  // namespace

SchemaFile read_schema(std::string_view words) {
  const Schema schema = read_words(words);
  SchemaFile file;
  file.name = schema.name;
  file.dependencies = schema.dependencies;
  const DescriptorWriter writer(schema);
  proto::write(file.descriptor, [&](auto& out) { writer.file(out); });
  const std::string package = schema.package + ".";
  for (const SchemaMessage& message : schema.messages) {
    file.symbols.push_back(package + message.name);
    for (const SchemaEnum& inner : message.enums)
      file.symbols.push_back(package + message.name + "." + inner.name);
  }
  for (const SchemaEnum& its : schema.enums) file.symbols.push_back(package + its.name);
  for (const SchemaService& service : schema.services) {
    file.services.push_back(package + service.name);
    file.symbols.push_back(package + service.name);
    for (const SchemaMethod& method : service.methods) {
      file.symbols.push_back(package + service.name + "." + method.name);
    }
  }
  return file;
}

const std::vector<SchemaFile>& schema_files() {
  static const std::vector<SchemaFile> files = read_all();
  return files;
}

}  // namespace nn::inference
