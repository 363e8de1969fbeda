#include "model/description.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model_generated.h"

namespace nn::model {
namespace {

[[noreturn]] void fail_repeated() { fail_data("its description says the same many times over"); }

// The enumerations of the file are those of the program; a change of one must not go unseen.
static_assert(static_cast<int>(fb::Loss::categorical_crossentropy) ==
              static_cast<int>(Loss::categorical_crossentropy));
static_assert(static_cast<int>(fb::Loss::binary_crossentropy) == static_cast<int>(Loss::binary_crossentropy));
static_assert(static_cast<int>(fb::Loss::mse) == static_cast<int>(Loss::mse));
static_assert(static_cast<int>(fb::Loss::mae) == static_cast<int>(Loss::mae));
static_assert(static_cast<int>(fb::Loss::huber) == static_cast<int>(Loss::huber));
static_assert(static_cast<int>(fb::Loss::pinball) == static_cast<int>(Loss::pinball));
static_assert(static_cast<int>(fb::Loss::gaussian) == static_cast<int>(Loss::gaussian));
static_assert(static_cast<int>(fb::ColumnKind::tensor) == static_cast<int>(InputColumn::Kind::tensor));
static_assert(static_cast<int>(fb::ColumnKind::category) == static_cast<int>(InputColumn::Kind::category));
static_assert(static_cast<int>(fb::TargetKind::classes) == static_cast<int>(Target::Kind::classes));
static_assert(static_cast<int>(fb::TargetKind::numbers) == static_cast<int>(Target::Kind::numbers));

using Builder = flatbuffers::FlatBufferBuilder;

template <typename T>
flatbuffers::Offset<flatbuffers::Vector<T>> vector_or_none(Builder& builder, const std::vector<T>& values) {
  return values.empty() ? 0 : builder.CreateVector(values);
}

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>> strings_or_none(
    Builder& builder, const std::vector<std::string>& values) {
  return values.empty() ? 0 : builder.CreateVectorOfStrings(values);
}

flatbuffers::Offset<fb::InputColumn> write_column(Builder& builder, const InputColumn& column) {
  const auto name = builder.CreateString(column.name);
  const auto shape = vector_or_none(builder, column.shape);
  const auto fill = vector_or_none(builder, column.fill);
  const auto offset = vector_or_none(builder, column.offset);
  const auto scale = vector_or_none(builder, column.scale);
  const auto categories = strings_or_none(builder, column.categories);
  return fb::CreateInputColumn(builder, name, static_cast<fb::ColumnKind>(column.kind), shape, fill, offset,
                               scale, categories,
                               static_cast<std::int8_t>(column.first_feature.value_or(-1)));
}

flatbuffers::Offset<fb::Target> write_target(Builder& builder, const Target& target) {
  const auto name = builder.CreateString(target.name);
  const auto classes = strings_or_none(builder, target.classes);
  const auto shape = vector_or_none(builder, target.shape);
  const auto offset = vector_or_none(builder, target.offset);
  const auto scale = vector_or_none(builder, target.scale);
  const auto elements = strings_or_none(builder, target.elements);
  const auto quantiles = vector_or_none(builder, target.answers.quantiles);
  return fb::CreateTarget(builder, static_cast<fb::TargetKind>(target.kind), name, target.integers, classes,
                          shape, offset, scale, elements, quantiles);
}

using Figures = std::vector<std::pair<std::string, double>>;

std::vector<flatbuffers::Offset<fb::Metric>> write_figures(Builder& builder, const Figures& figures) {
  std::vector<flatbuffers::Offset<fb::Metric>> out;
  for (const auto& [name, value] : figures)
    out.push_back(fb::CreateMetricDirect(builder, name.c_str(), value));
  return out;
}

// The order of all this is that of the file's bytes, which are the same for the same model.
flatbuffers::Offset<fb::Provenance> write_provenance(Builder& builder, const Provenance& provenance) {
  const auto metrics = write_figures(builder, provenance.metrics);
  const auto options = write_figures(builder, provenance.options);
  const auto version = builder.CreateString(provenance.tool_version);
  const auto command = builder.CreateString(provenance.command_line);
  const auto data = builder.CreateString(provenance.data_digest);
  const auto metric_list = builder.CreateVector(metrics);
  const auto option_list = options.empty() ? 0 : builder.CreateVector(options);
  const auto from = provenance.from_digest.empty() ? 0 : builder.CreateString(provenance.from_digest);
  return fb::CreateProvenance(builder, version, command, data, provenance.seed, provenance.created_unix_s,
                              metric_list, option_list, from);
}

flatbuffers::Optional<std::uint8_t> byte_or_none(const std::optional<char>& c) {
  if (!c) return flatbuffers::nullopt;
  return static_cast<std::uint8_t>(*c);
}

flatbuffers::Optional<std::uint8_t> byte_or_none(char c) {
  return byte_or_none(c == 0 ? std::nullopt : std::optional(c));
}

// 0 where nothing was said: such models have the bytes that they always had.
flatbuffers::Offset<fb::Reading> write_reading(Builder& builder, const table::Reading& reading) {
  if (reading == table::Reading{}) return 0;
  using Text = flatbuffers::Offset<flatbuffers::String>;
  const auto text = [&](const std::string& t) { return t.empty() ? Text() : builder.CreateString(t); };
  const auto name = [&](const std::optional<std::string>& t) {
    return t ? builder.CreateString(*t) : Text();
  };
  const auto encoding = text(reading.encoding);
  const auto comment = text(reading.comment);
  const auto missing = strings_or_none(builder, reading.missing);
  const auto trim_label = text(reading.trim_label);
  const auto label = name(reading.label);
  const auto target = name(reading.target);
  const auto id = name(reading.id);
  flatbuffers::Optional<bool> header = flatbuffers::nullopt;
  if (reading.header) header = *reading.header;
  return fb::CreateReading(builder, byte_or_none(reading.delimiter), byte_or_none(reading.decimal),
                           byte_or_none(reading.quote), byte_or_none(reading.escape), header, encoding,
                           comment, missing, reading.usual_missing, trim_label, label, target, id);
}

flatbuffers::Offset<fb::Training> write_training(Builder& builder, const TrainingState& state,
                                                 std::span<const std::uint64_t> offsets) {
  const auto options = builder.CreateString(state.options);
  const fb::Block optimizer(offsets[1], state.optimizer_state.size());
  const fb::Block best(offsets[2], state.best_parameters.size());
  const flatbuffers::Optional<double> plateau_best =
      state.plateau.best ? flatbuffers::Optional<double>(*state.plateau.best) : flatbuffers::nullopt;
  return fb::CreateTraining(builder, state.step, state.epoch, state.batch, state.elapsed_s, state.epoch_loss,
                            state.epoch_weight, state.best_score, state.best_epoch, state.epochs_without_gain,
                            options, &optimizer, &best, state.plateau.factor, plateau_best,
                            state.plateau.waited, state.plateau.cooldown);
}

// ---- reading

// Counts what is taken out of a description: tables and texts may be referred to any number of times, and a
// small file could stand for all memory.
class Copies {
 public:
  explicit Copies(std::size_t description_bytes) : left_(most_copies * description_bytes + some_bytes) {}

  std::string text(const flatbuffers::String* text) {
    take(text == nullptr ? 0 : text->size() + least_text);
    return flatbuffers::GetString(text);
  }
  std::vector<std::string> texts(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* texts) {
    std::vector<std::string> out;
    for (flatbuffers::uoffset_t i = 0; texts != nullptr && i < texts->size(); ++i)
      out.push_back(text(texts->Get(i)));
    return out;
  }
  // Copied as bytes: the verifier does not see to it that 8-byte elements are aligned.
  template <typename T>
  std::vector<T> values(const flatbuffers::Vector<T>* values) {
    if (values == nullptr || values->size() == 0) return {};
    take(values->size() * sizeof(T));
    std::vector<T> out(values->size());
    std::memcpy(out.data(), values->Data(), out.size() * sizeof(T));
    return out;
  }

 private:
  static constexpr std::size_t most_copies = 4, some_bytes = 64 << 10, least_text = 8;
  void take(std::size_t bytes) {
    if (bytes > left_) fail_repeated();
    left_ -= bytes;
  }
  std::size_t left_;
};

Block block_of(const fb::Block* block) {
  fb::Block out;
  std::memcpy(&out, block, sizeof out);
  return {out.offset(), out.count()};
}

std::optional<char> char_of(const flatbuffers::Optional<std::uint8_t>& byte) {
  if (!byte) return std::nullopt;
  return static_cast<char>(*byte);
}

table::Reading read_reading(const fb::Reading& reading, Copies& copies) {
  const auto name = [&](const flatbuffers::String* text) {
    return text == nullptr ? std::nullopt : std::optional(copies.text(text));
  };
  table::Reading out;
  out.delimiter = char_of(reading.delimiter()).value_or('\0');
  out.decimal = char_of(reading.decimal()).value_or('\0');
  out.quote = char_of(reading.quote());
  out.escape = char_of(reading.escape());
  if (reading.header()) out.header = *reading.header();
  out.encoding = copies.text(reading.encoding());
  out.comment = copies.text(reading.comment());
  out.missing = copies.texts(reading.missing());
  out.usual_missing = reading.usual_missing();
  out.trim_label = copies.text(reading.trim_label());
  out.label = name(reading.label());
  out.target = name(reading.target());
  out.id = name(reading.id());
  return out;
}

InputColumn read_column(const fb::InputColumn& column, Copies& copies) {
  if (column.kind() > fb::ColumnKind::MAX) fail_data("an input column of an unknown kind");
  InputColumn out;
  out.name = copies.text(column.name());
  out.kind = static_cast<InputColumn::Kind>(column.kind());
  out.shape = copies.values(column.shape());
  out.fill = copies.values(column.fill());
  out.offset = copies.values(column.offset());
  out.scale = copies.values(column.scale());
  out.categories = copies.texts(column.categories());
  if (column.first_feature() != -1) out.first_feature = column.first_feature();
  return out;
}

Target read_target(const fb::Target& target, Copies& copies) {
  if (target.kind() > fb::TargetKind::MAX) fail_data("a target of an unknown kind");
  Target out;
  out.kind = static_cast<Target::Kind>(target.kind());
  out.name = copies.text(target.name());
  out.integers = target.integers();
  out.classes = copies.texts(target.classes());
  out.shape = copies.values(target.shape());
  out.offset = copies.values(target.offset());
  out.scale = copies.values(target.scale());
  out.elements = copies.texts(target.elements());
  out.answers.quantiles = copies.values(target.quantiles());
  return out;
}

void read_figures(const flatbuffers::Vector<flatbuffers::Offset<fb::Metric>>* figures, Copies& copies,
                  Figures& out) {
  if (figures == nullptr) return;
  for (const fb::Metric* figure : *figures) out.emplace_back(copies.text(figure->name()), figure->value());
}

Provenance read_provenance(const fb::Provenance& provenance, Copies& copies) {
  Provenance out;
  out.tool_version = copies.text(provenance.tool_version());
  out.command_line = copies.text(provenance.command_line());
  out.data_digest = copies.text(provenance.data_digest());
  out.seed = provenance.seed();
  out.created_unix_s = provenance.created_unix_s();
  read_figures(provenance.metrics(), copies, out.metrics);
  read_figures(provenance.options(), copies, out.options);
  out.from_digest = copies.text(provenance.from_digest());
  return out;
}

// Adds one that must lie behind the others, and within the file.
void add_block(const Container& container, const Block& block, std::vector<Block>& blocks) {
  const std::uint64_t size = container.file_bytes;
  const std::uint64_t least = blocks.empty() ? container_header_bytes + container.description.size()
                                             : blocks.back().offset + blocks.back().count * sizeof(float);
  if (block.offset % alignment != 0 || block.offset < least || block.offset > size ||
      block.count > (size - block.offset) / sizeof(float)) {
    fail_data("its weights do not lie within the file");
  }
  blocks.push_back(block);
}

TrainingState read_training(const fb::Training& training, Copies& copies) {
  TrainingState state;
  state.step = training.step();
  state.epoch = training.epoch();
  state.batch = training.batch();
  state.elapsed_s = training.elapsed_s();
  state.epoch_loss = training.epoch_loss();
  state.epoch_weight = training.epoch_weight();
  state.best_score = training.best_score();
  state.best_epoch = training.best_epoch();
  state.epochs_without_gain = training.epochs_without_gain();
  state.plateau = {training.plateau_factor(), std::nullopt, training.plateau_waited(),
                   training.plateau_cooldown()};
  if (training.plateau_best()) state.plateau.best = *training.plateau_best();
  if (!(state.plateau.factor >= 0 && state.plateau.factor <= 1))
    fail_data("its factor of the learning rate is none");
  state.options = copies.text(training.options());
  return state;
}

void check_parameters(const fb::Model& description, const Plan& plan, Copies& copies) {
  const auto& stored = *description.parameters();
  bool same = stored.size() == plan.parameters.size() &&
              block_of(description.weights()).count == static_cast<std::uint64_t>(plan.parameter_count);
  for (flatbuffers::uoffset_t i = 0; same && i < stored.size(); ++i) {
    const Parameter& parameter = plan.parameters[i];
    const fb::Parameter& entry = *stored.Get(i);
    same = flatbuffers::GetStringView(entry.name()) == parameter.name &&
           copies.values(entry.shape()) == parameter.shape &&
           entry.offset() == static_cast<std::uint64_t>(parameter.offset);
  }
  if (!same) fail_data("its weights are not those of its network");
}

using List = flatbuffers::Vector<flatbuffers::uoffset_t>;

// A table's list of references, where table and list are within the description; null otherwise.
const List* list_of(const flatbuffers::Table& table, flatbuffers::voffset_t field,
                    flatbuffers::Verifier& verifier) {
  const bool there = table.VerifyTableStart(verifier) && table.VerifyOffset(verifier, field);
  verifier.EndTable();
  const auto* list = there ? table.GetPointer<const List*>(field) : nullptr;
  return verifier.VerifyVector(list) ? list : nullptr;
}

// Columns that share a list of categories would have the verifier go through it for each of them. Those
// written here share none: all lists together are not larger than the description.
bool share_lists(const std::uint8_t* data, std::size_t size, flatbuffers::Verifier verifier) {
  if (verifier.VerifyOffset(0) == 0) return false;
  const List* columns =
      list_of(*flatbuffers::GetRoot<flatbuffers::Table>(data), fb::Model::VT_COLUMNS, verifier);
  std::size_t entries = 0;
  for (flatbuffers::uoffset_t i = 0; columns != nullptr && i < columns->size(); ++i) {
    const std::uint8_t* place = columns->Data() + i * sizeof(flatbuffers::uoffset_t);
    const auto offset = verifier.VerifyOffset(static_cast<std::size_t>(place - data));
    if (offset == 0) return false;
    const auto& column = *reinterpret_cast<const flatbuffers::Table*>(place + offset);
    if (const List* categories = list_of(column, fb::InputColumn::VT_CATEGORIES, verifier)) {
      entries += categories->size();
    }
    if (entries > size / sizeof(flatbuffers::uoffset_t)) return true;
  }
  return false;
}

const fb::Model& verified(const Container& container) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(container.description.data());
  const std::size_t size = container.description.size();
  constexpr std::size_t few_tables = 64, least_table = 8;  // bytes, with the reference to it
  const auto most_tables = static_cast<flatbuffers::uoffset_t>(std::max(few_tables, size / least_table));
  flatbuffers::Verifier verifier(data, size, 16, most_tables);
  if (size >= 16 && share_lists(data, size, verifier)) fail_repeated();
  if (size < 16 || !fb::VerifyModelBuffer(verifier)) fail_data("its description cannot be read");
  return *fb::GetModel(data);
}

}  // namespace

std::vector<std::byte> describe_model(const Model& model, const Plan& plan, const TrainingState* state,
                                      std::span<const std::uint64_t> offsets) {
  Builder builder(1024);
  std::vector<flatbuffers::Offset<fb::InputColumn>> columns;
  for (const InputColumn& column : model.encoder.columns()) columns.push_back(write_column(builder, column));
  std::vector<flatbuffers::Offset<fb::Parameter>> parameters;
  for (const Parameter& parameter : plan.parameters) {
    parameters.push_back(fb::CreateParameterDirect(builder, parameter.name.c_str(), &parameter.shape,
                                                   static_cast<std::uint64_t>(parameter.offset)));
  }
  const auto target = write_target(builder, model.target);
  const auto provenance = write_provenance(builder, model.provenance);
  const auto reading = write_reading(builder, model.reading);
  const auto training = state == nullptr ? 0 : write_training(builder, *state, offsets);
  const auto network = builder.CreateString(to_string(model.network));
  const auto input = builder.CreateVector(model.network.input);
  const auto column_list = builder.CreateVector(columns);
  const auto parameter_list = builder.CreateVector(parameters);
  const fb::Block weights(offsets[0], static_cast<std::uint64_t>(plan.parameter_count));
  fb::FinishModelBuffer(
      builder, fb::CreateModel(builder, network, input, static_cast<fb::Loss>(model.loss), column_list,
                               target, provenance, parameter_list, &weights, training, reading));
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {bytes.begin(), bytes.end()};
}

namespace {

Described read_all(const Container& container) {
  const fb::Model& description = verified(container);
  if (description.loss() > fb::Loss::MAX) fail_data("an unknown loss");
  Copies copies(container.description.size());
  Described out;
  Model& model = out.model;
  model.loss = static_cast<Loss>(description.loss());
  std::vector<InputColumn> columns;
  for (const fb::InputColumn* column : *description.columns())
    columns.push_back(read_column(*column, copies));
  model.encoder = Encoder(std::move(columns));
  model.target = read_target(*description.target(), copies);
  model.target.answers.kind = answers_kind_of(model.loss);
  model.provenance = read_provenance(*description.provenance(), copies);
  if (description.reading() != nullptr) model.reading = read_reading(*description.reading(), copies);
  model.digest = container.digest;
  add_block(container, block_of(description.weights()), out.blocks);
  const std::uint64_t weights = out.blocks[0].count;
  model.network =
      checked_network(copies.text(description.network()), copies.values(description.input()), model, weights);
  check_model(model);
  check_parameters(description, lower(model.network, model.loss), copies);

  if ((description.training() != nullptr) != (container.kind == ContainerKind::checkpoint)) {
    fail_data("its header and its description disagree on whether it is a checkpoint");
  }
  if (description.training() != nullptr) {
    out.state = read_training(*description.training(), copies);
    add_block(container, block_of(description.training()->optimizer_state()), out.blocks);
    const Block best = block_of(description.training()->best_parameters());
    add_block(container, best, out.blocks);
    if (best.count != 0 && best.count != weights) fail_data("its best weights are not those of its network");
  }
  return out;
}

}  // namespace

Described parse_description(const Container& container) {
  try {
    return read_all(container);
  } catch (const Error& error) {
    throw error.within("corrupt");
  }
}

namespace {

// A pipe may say that there are more than will come: memory grows with what does.
std::vector<float> read_floats(ContainerReader& reader, const Block& block) {
  constexpr std::uint64_t most_unknown = 1 << 20;
  std::vector<float> out;
  if (reader.size_is_known()) out.reserve(block.count);
  for (std::uint64_t done = 0; done < block.count; done = out.size()) {
    const std::uint64_t n = std::min(block.count - done, most_unknown);
    out.resize(done + n);
    reader.read(block.offset + done * sizeof(float), std::span(out).last(n));
  }
  return out;
}

}  // namespace

void read_blocks(ContainerReader& reader, Described& described) {
  std::uint64_t floats = 0;
  for (const Block& block : described.blocks) floats += block.count;
  try {
    const Block& weights = described.blocks[0];
    const auto buffer = std::make_shared<Buffer>(weights.count * sizeof(float));
    prefer_large_pages(buffer->bytes());
    reader.read(weights.offset, {buffer->as<float>(), weights.count});
    described.model.parameters = std::shared_ptr<const float>(buffer, buffer->as<float>());
    if (!described.state) return;
    described.state->optimizer_state = read_floats(reader, described.blocks[1]);
    described.state->best_parameters = read_floats(reader, described.blocks[2]);
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::unavailable, "there is no memory for its {} weights", floats);
  }
}

}  // namespace nn::model
