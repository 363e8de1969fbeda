#include "model/model.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "model/container.hpp"
#include "model/description.hpp"

namespace nn::model {
namespace {

// Errors of `body` name the file.
template <typename Body>
auto within_file(const std::string& path, Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    const std::string name = path == "-" ? "standard input" : path;
    // Errors of opening and reading name the path themselves.
    if (error.kind() == ErrorKind::io) throw;
    throw error.within_file(name);
  }
}

Model finished(Described described) {
  if (described.state) {
    throw data_error("a checkpoint of an unfinished run, not a model")
        .advise(" (nn-train --resume goes on from it)");
  }
  return std::move(described.model);
}

// The description holds the places of the blocks, and its length decides them: the second
// pass has the same length, since places are stored at full width.
std::optional<FileStamp> save(const std::string& path, ContainerKind kind, Model& model,
                              const TrainingState* state) {
  check_model(model);
  const Plan plan = lower(model.network, model.loss);
  std::vector<std::span<const float>> blocks{
      {model.parameters.get(), static_cast<std::size_t>(plan.parameter_count)}};
  if (state != nullptr) {
    blocks.emplace_back(state->optimizer_state);
    blocks.emplace_back(state->best_parameters);
  }
  const std::array<std::uint64_t, 3> nowhere{};
  const std::size_t size = describe_model(model, plan, state, nowhere).size();
  const auto description = describe_model(model, plan, state, block_offsets(size, blocks));
  WrittenContainer written = write_container(path, kind, description, blocks);
  model.digest = std::move(written.digest);
  return written.stamp;
}

}  // namespace

Model load_model(const std::string& path) {
  return within_file(path, [&] {
    ContainerReader reader(path);
    Described described = parse_description(reader.container());
    // Nothing of a checkpoint is wanted here. What comes through a pipe is read to its end in any case, so
    // that its writer is not ended by SIGPIPE.
    if (!described.state) read_blocks(reader, described);
    if (!described.state || !reader.size_is_known()) reader.finish();
    return finished(std::move(described));
  });
}

Schema table_of(const Model& model) {
  Schema schema;
  const auto add = [&](const std::string& name, DType type, const Shape& shape) {
    schema.fields.push_back(
        {.name = name, .type = type, .shape = shape, .nullable = true, .metadata = {}, .foreign_type = {}});
  };
  for (const InputColumn& column : model.encoder.columns()) {
    const bool text = column.kind == InputColumn::Kind::category;
    add(column.name, text ? DType::category : DType::f64, column.shape);
  }
  const Target& target = model.target;
  const bool classes = target.kind == Target::Kind::classes;
  const std::string y = model.reading.label.value_or(target.name);
  // Others are read as what they are: nobody may need them.
  if (classes && !target.integers) add(y, DType::category, {});
  return schema;
}

AnyModel inspect_model(const std::string& path, bool with_digest) {
  return within_file(path, [&] {
    ContainerReader reader(path);
    Described described = parse_description(reader.container());
    if (with_digest || !reader.size_is_known()) reader.finish();
    return AnyModel{std::move(described.model), std::move(described.state), reader.container().file_bytes};
  });
}

struct ModelCheck::State {
  ContainerCheck container;
};

ModelCheck::ModelCheck() : state_(std::make_unique<State>()) {}
ModelCheck::ModelCheck(ModelCheck&&) noexcept = default;
ModelCheck& ModelCheck::operator=(ModelCheck&&) noexcept = default;
ModelCheck::~ModelCheck() = default;

void ModelCheck::add(std::span<const std::byte> bytes) { state_->container.add(bytes); }

Model ModelCheck::finish() {
  state_->container.finish();
  return finished(parse_description(state_->container.container()));
}

void save_model(const std::string& path, Model& model) { save(path, ContainerKind::model, model, nullptr); }

std::optional<FileStamp> save_checkpoint(const std::string& path, Model& model, const TrainingState& state) {
  return save(path, ContainerKind::checkpoint, model, &state);
}

std::optional<Checkpoint> load_checkpoint(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return std::nullopt;
  const auto stamp = is_written_in_place(path) ? std::nullopt : stamp_of(path);
  return within_file(path, [&] {
    ContainerReader reader(path);
    if (reader.container().kind != ContainerKind::checkpoint) {
      fail_data("a finished model, not a checkpoint; nothing can go on from it");
    }
    Described described = parse_description(reader.container());
    read_blocks(reader, described);
    reader.finish();
    return std::optional(Checkpoint{std::move(described.model), std::move(*described.state), stamp});
  });
}

std::int64_t source_date_epoch() {
  const char* text = std::getenv("SOURCE_DATE_EPOCH");
  if (text == nullptr || *text == '\0') return 0;
  try {
    return parse_integer(text);
  } catch (const Error& error) {
    throw error.within("SOURCE_DATE_EPOCH");
  }
}

}  // namespace nn::model
