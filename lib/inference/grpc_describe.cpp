#include "inference/grpc_describe.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "inference/grpc_parameter.hpp"
#include "inference/proto_wire.hpp"

namespace nn::inference {
namespace {

template <typename Out>
void write_text_entry(Out& out, std::uint32_t number, std::string_view name, std::string_view value) {
  out.message(number, [&](auto& entry) {
    entry.always_text(1, name);
    entry.always_text(2, value);
  });
}

// The dimensions of a tensor, with the batch before them.
template <typename Out>
void write_dimensions(Out& out, std::uint32_t number, const Shape& row, bool with_batch) {
  Shape shape = row;
  if (with_batch) shape.insert(shape.begin(), -1);
  out.integers(number, std::span<const std::int64_t>(shape));
}

// ---- ModelMetadataResponse

template <typename Out>
void write_tensors(Out& out, std::uint32_t number, const std::vector<TensorSpec>& specs) {
  for (const TensorSpec& spec : specs) {
    out.message(number, [&](auto& tensor) {
      tensor.text(1, spec.name);
      tensor.text(2, name_of(spec.type));
      write_dimensions(tensor, 3, spec.shape, true);
    });
  }
}

// ---- ModelConfigResponse (triton-inference-server/common: protobuf/model_config.proto)

template <typename Out>
void write_policy(Out& out, std::int64_t latest_versions) {
  out.message(3, [&](auto& policy) {
    if (latest_versions <= 0) return policy.message(2, [](auto& /*all*/) {});
    policy.message(1, [&](auto& latest) { latest.integer(1, static_cast<std::uint64_t>(latest_versions)); });
  });
}

template <typename Out>
void write_instances(Out& out, std::span<const std::string> devices) {
  enum Kind : std::uint8_t { gpu = 1, cpu = 2 };
  constexpr std::string_view cuda = "cuda:";
  for (const std::string& device : devices) {
    const bool is_gpu = device.starts_with(cuda);
    out.message(7, [&](auto& group) {
      group.text(1, device);
      group.integer(2, 1);
      const auto number = is_gpu ? find_integer(std::string_view(device).substr(cuda.size())) : std::nullopt;
      if (number) group.integers(3, std::span<const std::int64_t>(&*number, 1));
      group.integer(4, is_gpu ? gpu : cpu);
    });
  }
}

template <typename Out>
void write_steps(Out& out, std::span<const V2ConfigWords::Step> members) {
  if (members.empty()) return;
  out.message(15, [&](auto& scheduling) {
    for (const V2ConfigWords::Step& member : members) {
      scheduling.message(1, [&](auto& step) {
        step.text(1, member.model);
        step.integer(2, member.version == 0 ? static_cast<std::uint64_t>(-1) : member.version);
      });
    }
  });
}

template <typename Out>
void write_config(Out& out, const V2ConfigWords& words, const Signature& signature) {
  const bool with_batch = words.max_rows <= 0;
  out.text(1, words.name);
  out.text(2, words.members.empty() ? "nn" : "ensemble");
  write_policy(out, words.latest_versions);
  out.integer(4, static_cast<std::uint64_t>(words.max_rows));
  for (const TensorSpec& input : signature.inputs()) {
    out.message(5, [&](auto& tensor) {
      tensor.text(1, input.name);
      tensor.integer(2, static_cast<std::uint64_t>(config_number_of(input.type)));
      write_dimensions(tensor, 4, input.shape, with_batch);
    });
  }
  for (const TensorSpec& output : signature.outputs()) {
    out.message(6, [&](auto& tensor) {
      tensor.text(1, output.name);
      tensor.integer(2, static_cast<std::uint64_t>(config_number_of(output.type)));
      write_dimensions(tensor, 3, output.shape, with_batch);
    });
  }
  write_instances(out, words.devices);
  if (words.members.empty()) out.message(11, [](auto& /*dynamic_batching*/) {});
  write_steps(out, words.members);
  if (words.members.empty()) out.text(17, "nn");
}

// ---- ModelStatisticsResponse

template <typename Out>
void write_duration(Out& out, std::uint32_t number, const Duration& duration) {
  out.message(number, [&](auto& statistic) {
    statistic.integer(1, duration.count);
    statistic.integer(2, duration.ns);
  });
}

template <typename Out>
void write_statistics(Out& out, const ModelStatistics& model) {
  out.text(1, model.name);
  out.text(2, std::to_string(model.version));
  out.integer(3, model.last_inference_ms);
  out.integer(4, model.inference_count);
  out.integer(5, model.execution_count);
  out.message(6, [&](auto& durations) {
    write_duration(durations, 1, model.success);
    write_duration(durations, 2, model.fail);
    write_duration(durations, 3, model.queue);
    write_duration(durations, 4, model.compute_input);
    write_duration(durations, 5, model.compute_infer);
    write_duration(durations, 6, model.compute_output);
    write_duration(durations, 7, {});
    write_duration(durations, 8, {});
  });
  for (const BatchStatistics& statistics : model.batches) {
    out.message(7, [&](auto& batch) {
      batch.integer(1, statistics.batch_size);
      write_duration(batch, 2, statistics.compute_input);
      write_duration(batch, 3, statistics.compute_infer);
      write_duration(batch, 4, statistics.compute_output);
    });
  }
}

}  // namespace

ModelQuery read_model_query(std::string_view message) {
  ModelQuery query;
  for (proto::Reader field(message); field.next();) {
    if (field.key() == proto::bytes(1)) query.name = field.text();
    if (field.key() == proto::bytes(2)) query.version = field.text();
  }
  return query;
}

std::uint64_t parse_model_version(std::string_view text) {
  if (text.empty()) return 0;
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size() || version == 0) {
    fail_data(
        "failed to get model version from specified version string '{}', version should be an integral value "
        "> 0",
        printable(text));
  }
  return version;
}

bool read_index_query(std::string_view message) {
  bool only_ready = false;
  for (proto::Reader field(message); field.next();) {
    if (field.key() == proto::bytes(1)) (void)field.text();
    if (field.key() == proto::varint(2)) only_ready = field.boolean();
  }
  return only_ready;
}

std::string_view read_repository_model(std::string_view message) {
  std::string_view repository, model;
  for (proto::Reader field(message); field.next();) {
    switch (field.key()) {
      case proto::bytes(1): repository = field.text(); break;
      case proto::bytes(2): model = field.text(); break;
      case proto::bytes(3): {
        const std::string_view name = proto::read_parameter(field.bytes()).first;
        if (name == "config" || name.starts_with("file:")) {
          fail_data("parameter '{}' is not supported: models are published in their repository",
                    printable(name));
        }
        break;
      }
      default: break;
    }
  }
  if (model.empty()) model = repository;
  if (model.empty()) fail_data("the request names no model");
  return model;
}

void append_ready(std::string& message, bool ready) {
  proto::write(message, [&](auto& out) { out.integer(1, ready ? 1 : 0); });
}

void append_server_metadata(std::string& message, std::string_view server_version) {
  proto::write(message, [&](auto& out) {
    out.text(1, "nn-serve");
    out.text(2, server_version);
    for (const std::string_view extension : v2_extensions) out.text(3, extension);
  });
}

void append_model_metadata(std::string& message, const V2ModelWords& words, const Signature& signature) {
  proto::write(message, [&](auto& out) {
    out.text(1, words.name);
    for (const std::uint64_t version : words.versions) out.text(2, std::to_string(version));
    out.text(3, words.members.empty() ? "nn" : "ensemble");
    write_tensors(out, 4, signature.inputs());
    write_tensors(out, 5, signature.outputs());
    if (!words.digest.empty()) write_text_entry(out, 6, "digest", words.digest);
    if (!words.labels.empty())
      write_text_entry(out, 6, "labels", fmt::format("{}", fmt::join(words.labels, ",")));
    if (!words.members.empty())
      write_text_entry(out, 6, "members", fmt::format("{}", fmt::join(words.members, ",")));
  });
}

void append_model_config(std::string& message, const V2ConfigWords& words, const Signature& signature) {
  proto::write(message, [&](auto& out) {
    out.message(1, [&](auto& config) { write_config(config, words, signature); });
  });
}

void append_model_statistics(std::string& message, std::span<const ModelStatistics> models) {
  proto::write(message, [&](auto& out) {
    for (const ModelStatistics& model : models) {
      out.message(1, [&](auto& statistics) { write_statistics(statistics, model); });
    }
  });
}

void append_repository_index(std::string& message, std::span<const IndexEntry> entries) {
  proto::write(message, [&](auto& out) {
    for (const IndexEntry& entry : entries) {
      out.message(1, [&](auto& model) {
        model.text(1, entry.name);
        if (entry.version == 0) return;
        model.text(2, std::to_string(entry.version));
        model.text(3, v2_state(entry.state));
        model.text(4, entry.reason);
      });
    }
  });
}

std::string_view read_health_query(std::string_view message) {
  std::string_view service;
  for (proto::Reader field(message); field.next();) {
    if (field.key() == proto::bytes(1)) service = field.text();
  }
  return service;
}

void append_health(std::string& message, Health health) {
  proto::write(message, [&](auto& out) { out.integer(1, static_cast<std::uint64_t>(health)); });
}

}  // namespace nn::inference
