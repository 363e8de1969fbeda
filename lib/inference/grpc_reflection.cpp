#include "inference/grpc_reflection.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/status_code.hpp"
#include "base/text.hpp"
#include "inference/grpc_schema.hpp"
#include "inference/proto_wire.hpp"

namespace nn::inference {
namespace {

const SchemaFile* file_of_name(std::string_view name) {
  for (const SchemaFile& file : schema_files()) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

const SchemaFile* file_of_symbol(std::string_view symbol) {
  for (const SchemaFile& file : schema_files()) {
    if (std::find(file.symbols.begin(), file.symbols.end(), symbol) != file.symbols.end()) return &file;
  }
  return nullptr;
}

// The file, and behind it all that it depends on.
std::vector<const SchemaFile*> with_dependencies(const SchemaFile& file) {
  std::vector<const SchemaFile*> files{&file};
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (const std::string& name : files[i]->dependencies) {
      const SchemaFile* its = file_of_name(name);
      if (its != nullptr && std::find(files.begin(), files.end(), its) == files.end()) files.push_back(its);
    }
  }
  return files;
}

template <typename Out>
void write_files(Out& out, const SchemaFile* file, std::string_view what) {
  if (file == nullptr) {
    return out.message(7, [&](auto& error) {
      error.integer(1, static_cast<std::uint64_t>(StatusCode::not_found));
      error.text(2, "there is no " + printable(what));
    });
  }
  out.message(4, [&](auto& files) {
    for (const SchemaFile* its : with_dependencies(*file)) files.text(1, its->descriptor);
  });
}

template <typename Out>
void write_services(Out& out) {
  out.message(6, [](auto& list) {
    for (const SchemaFile& file : schema_files()) {
      for (const std::string& name : file.services) {
        list.message(1, [&](auto& service) { service.text(1, name); });
      }
    }
  });
}

}  // namespace

void append_reflection_answer(std::string& message, std::string_view request) {
  std::string_view host, what;
  std::uint32_t asks = 0;
  for (proto::Reader field(request); field.next();) {
    switch (field.key()) {
      case proto::bytes(1): host = field.text(); break;
      case proto::bytes(3):
      case proto::bytes(4):
      case proto::bytes(6):
      case proto::bytes(7):
        what = field.text();
        asks = field.key() >> 3;
        break;
      case proto::bytes(5): asks = 5; break;
      default: break;
    }
  }
  proto::write(message, [&](auto& out) {
    out.text(1, host);
    out.always_text(2, request);
    switch (asks) {
      case 3: return write_files(out, file_of_name(what), what);
      case 4: return write_files(out, file_of_symbol(what), what);
      case 7: return write_services(out);
      default: return write_files(out, nullptr, "extension");
    }
  });
}

}  // namespace nn::inference
