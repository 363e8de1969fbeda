// What tensorflow.serving's services tell of models.
#include "inference/grpc_tensorflow.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "inference/failure.hpp"
#include "inference/grpc_model_spec.hpp"

namespace nn::inference {
namespace {

using serving::VersionEntry;
using serving::VersionState;

// GetModelStatusResponse's numbers.
std::uint64_t number_of(VersionState state) {
  switch (state) {
    case VersionState::start: return 10;
    case VersionState::loading: return 20;
    case VersionState::available: return 30;
    case VersionState::unloading: return 40;
    case VersionState::end: break;
  }
  return 50;
}

template <typename Out>
void write_version(Out& out, std::uint64_t version, const VersionEntry& entry) {
  out.message(1, [&](auto& status) {
    status.integer(1, version);
    status.integer(2, number_of(entry.state));
    status.message(3, [&](auto& code) {
      if (!entry.reason) return;
      code.integer(1, static_cast<std::uint64_t>(status_code_of(failure_of(*entry.reason))));
      code.text(2, as_utf8(entry.reason->public_statement()));
    });
  });
}

// A tensor as a signature has it: a TensorInfo, by name.
struct Info {
  std::string_view name;
  DataType type;
  Shape shape;  // with the batch
};

template <typename Out>
void write_infos(Out& out, std::uint32_t number, const std::vector<Info>& infos) {
  for (const Info& info : infos) {
    out.message(number, [&](auto& entry) {
      entry.always_text(1, info.name);
      entry.message(2, [&](auto& tensor) {
        tensor.text(1, std::string(info.name) + ":0");
        tensor.integer(2, static_cast<std::uint64_t>(tensorflow_number_of(info.type)));
        write_tensor_shape(tensor, 3, info.shape);
      });
    });
  }
}

template <typename Out>
void write_signature(Out& out, std::string_view name, const std::vector<Info>& inputs,
                     const std::vector<Info>& outputs, std::string_view method) {
  out.message(1, [&](auto& entry) {
    entry.always_text(1, name);
    entry.message(2, [&](auto& definition) {
      write_infos(definition, 1, inputs);
      write_infos(definition, 2, outputs);
      definition.text(3, method);
    });
  });
}

std::vector<Info> infos_of(const std::vector<TensorSpec>& specs, std::size_t count) {
  std::vector<Info> infos;
  for (std::size_t i = 0; i < count; ++i) {
    Shape shape = specs[i].shape;
    shape.insert(shape.begin(), -1);
    infos.push_back({specs[i].name, specs[i].type, std::move(shape)});
  }
  return infos;
}

// A SignatureDefMap.
template <typename Out>
void write_signatures(Out& out, const Signature& signature) {
  constexpr std::string_view method = "tensorflow/serving/predict";
  const predict::PredictionKind& kind = signature.kind();
  const std::vector<Info> inputs = infos_of(signature.inputs(), signature.inputs().size());
  const std::vector<Info> examples{{"inputs", DataType::bytes, {-1}}};
  write_signature(out, "serving_default", inputs, infos_of(signature.outputs(), 1), method);
  write_signature(out, "all", inputs, infos_of(signature.outputs(), signature.outputs().size()), method);
  if (kind.classes) {
    write_signature(
        out, "classify", examples,
        {{"classes", DataType::bytes, {-1, kind.width()}}, {"scores", DataType::fp32, {-1, kind.width()}}},
        "tensorflow/serving/classify");
  } else if (kind.width() == 1) {
    write_signature(out, "regress", examples, {{"outputs", DataType::fp32, {-1}}},
                    "tensorflow/serving/regress");
  }
}

}  // namespace

void read_model_spec(std::string_view message, ModelSpec& spec) {
  for (proto::Reader field(message); field.next();) {
    switch (field.key()) {
      case proto::bytes(1): spec.name = field.text(); break;
      case proto::bytes(2): {
        std::int64_t version = 0;
        for (proto::Reader value(field.bytes()); value.next();) {
          if (value.key() == proto::varint(1)) version = value.integer();
        }
        if (version < 0) fail_data("the version of model '{}' is negative", printable(spec.name));
        spec.version = static_cast<std::uint64_t>(version);
        spec.label = {};
        break;
      }
      case proto::bytes(3): spec.signature = field.text(); break;
      case proto::bytes(4):
        spec.label = field.text();
        spec.version = 0;
        break;
      default: break;
    }
  }
}

ModelSpec read_status_query(std::string_view message) {
  ModelSpec spec;
  for (proto::Reader field(message); field.next();) {
    if (field.key() == proto::bytes(1)) read_model_spec(field.bytes(), spec);
  }
  return spec;
}

ModelSpec read_metadata_query(std::string_view message) {
  constexpr std::string_view known = "signature_def";
  ModelSpec spec;
  bool any = false;
  for (proto::Reader field(message); field.next();) {
    if (field.key() == proto::bytes(1)) read_model_spec(field.bytes(), spec);
    if (field.key() != proto::bytes(2)) continue;
    any = true;
    const std::string_view name = field.text();
    if (name != known) fail_data("Metadata field {} is not supported: only {} is", printable(name), known);
  }
  if (!any) fail_data("GetModelMetadataRequest must specify at least one metadata_field: {}", known);
  return spec;
}

void append_model_status(std::string& message, const serving::ModelEntry& model, std::uint64_t only_version) {
  proto::write(message, [&](auto& out) {
    for (auto entry = model.versions.rbegin(); entry != model.versions.rend(); ++entry) {
      if (only_version == 0 || entry->first == only_version) write_version(out, entry->first, entry->second);
    }
  });
}

void append_signatures(std::string& message, std::string_view name, std::uint64_t version,
                       const Signature& signature) {
  proto::write(message, [&](auto& out) {
    out.message(1, [&](auto& spec) {
      spec.text(1, name);
      spec.message(2, [&](auto& value) { value.integer(1, version); });
    });
    out.message(2, [&](auto& entry) {
      entry.always_text(1, "signature_def");
      entry.message(2, [&](auto& any) {
        any.text(1, "type.googleapis.com/tensorflow.serving.SignatureDefMap");
        any.message(2, [&](auto& map) { write_signatures(map, signature); });
      });
    });
  });
}

}  // namespace nn::inference
