#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <limits>
#include <map>

#include "Message_generated.h"
#include "base/checksum.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "format/arrow/schema.hpp"
#include "format/arrow/stream.hpp"

namespace nn::format {
namespace {

using flatbuffers::FlatBufferBuilder;
template <typename T>
using Offset = flatbuffers::Offset<T>;

constexpr std::array<std::byte, alignment> zeros{};

Offset<flatbuffers::Vector<Offset<arrow::KeyValue>>> write_metadata(FlatBufferBuilder& fbb,
                                                                    const Metadata& metadata) {
  if (metadata.pairs().empty()) return 0;
  std::vector<Offset<arrow::KeyValue>> pairs;
  for (const auto& [key, value] : metadata.pairs()) {
    const auto k = fbb.CreateString(key);
    const auto v = fbb.CreateString(value);
    pairs.push_back(arrow::CreateKeyValue(fbb, k, v));
  }
  return fbb.CreateVector(pairs);
}

struct WireType {
  arrow::Type type;
  Offset<void> offset;
};

WireType write_type(FlatBufferBuilder& fbb, DType type) {
  if (type == DType::boolean) return {arrow::Type::Bool, arrow::CreateBool(fbb).Union()};
  if (is_text(type)) return {arrow::Type::Utf8, arrow::CreateUtf8(fbb).Union()};
  if (is_float(type)) {
    const auto precision = type == DType::f16   ? arrow::Precision::HALF
                           : type == DType::f32 ? arrow::Precision::SINGLE
                                                : arrow::Precision::DOUBLE;
    return {arrow::Type::FloatingPoint, arrow::CreateFloatingPoint(fbb, precision).Union()};
  }
  const bool is_signed = type <= DType::i64;
  return {arrow::Type::Int, arrow::CreateInt(fbb, static_cast<int>(size_of(type)) * 8, is_signed).Union()};
}

Offset<arrow::Field> write_field(FlatBufferBuilder& fbb, const Field& field, std::int64_t dictionary_id) {
  Metadata metadata = field.metadata;
  WireType type = write_type(fbb, field.type);
  std::vector<Offset<arrow::Field>> children;
  if (!field.shape.empty()) {
    const auto name = fbb.CreateString("item");
    const auto none = fbb.CreateVector(std::vector<Offset<arrow::Field>>());
    children.push_back(arrow::CreateField(fbb, name, false, type.type, type.offset, 0, none));
    type = {arrow::Type::FixedSizeList,
            arrow::CreateFixedSizeList(fbb, static_cast<int>(element_count(field.shape))).Union()};
    metadata.set("ARROW:extension:name", "arrow.fixed_shape_tensor");
    metadata.set("ARROW:extension:metadata", tensor_metadata(field.shape));
  }
  Offset<arrow::DictionaryEncoding> dictionary = 0;
  if (field.type == DType::category) {
    dictionary = arrow::CreateDictionaryEncoding(fbb, dictionary_id, arrow::CreateInt(fbb, 32, true));
  }
  const auto name = fbb.CreateString(field.name);
  const auto kids = fbb.CreateVector(children);
  const auto pairs = write_metadata(fbb, metadata);
  return arrow::CreateField(fbb, name, field.nullable, type.type, type.offset, dictionary, kids, pairs);
}

// The body of one message: pieces that stay where they are, each padded to 64 bytes.
class Body {
 public:
  void clear() {
    nodes_.clear();
    buffers_.clear();
    pieces_.clear();
    owned_.clear();
    size_ = 0;
  }
  void node(std::int64_t length, std::int64_t nulls) { nodes_.emplace_back(length, nulls); }
  void buffer(const void* data, std::size_t size) {
    buffers_.emplace_back(static_cast<std::int64_t>(size_), static_cast<std::int64_t>(size));
    add(data, size);
    add(zeros.data(), align_up(size) - size);
  }
  // Memory that lives until clear().
  std::byte* make(std::size_t bytes) { return owned_.emplace_back(bytes).data(); }

  std::int64_t size() const { return static_cast<std::int64_t>(size_); }
  const std::vector<arrow::FieldNode>& nodes() const { return nodes_; }
  const std::vector<arrow::Buffer>& buffers() const { return buffers_; }
  const std::vector<struct iovec>& pieces() const { return pieces_; }

  std::uint64_t checksum() const {
    Checksum sum;
    for (const auto& piece : pieces_) sum.add({static_cast<const std::byte*>(piece.iov_base), piece.iov_len});
    return sum.value();
  }

 private:
  void add(const void* data, std::size_t size) {
    if (size == 0) return;
    pieces_.push_back({const_cast<void*>(data), size});
    size_ += size;
  }
  std::vector<arrow::FieldNode> nodes_;
  std::vector<arrow::Buffer> buffers_;
  std::vector<struct iovec> pieces_;
  std::vector<Buffer> owned_;
  std::size_t size_ = 0;
};

std::int64_t count_missing(const Column& column, std::int64_t rows) {
  if (column.validity == nullptr) return 0;
  std::int64_t missing = 0;
  for (std::int64_t r = 0; r < rows; ++r) missing += column.valid(r) ? 0 : 1;
  return missing;
}

std::size_t bitmap_bytes(std::int64_t rows) { return static_cast<std::size_t>((rows + 7) / 8); }

template <typename IsSet>
void add_bitmap(Body& body, std::int64_t rows, IsSet&& is_set) {
  auto* bits = reinterpret_cast<std::uint8_t*>(body.make(bitmap_bytes(rows)));
  std::fill_n(bits, bitmap_bytes(rows), std::uint8_t{0});
  for (std::int64_t r = 0; r < rows; ++r) {
    if (is_set(r)) bits[r >> 3] = static_cast<std::uint8_t>(bits[r >> 3] | 1u << (r & 7));
  }
  body.buffer(bits, bitmap_bytes(rows));
}

void add_validity(Body& body, const Column& column, std::int64_t rows) {
  const std::int64_t missing = count_missing(column, rows);
  body.node(rows, missing);
  if (missing == 0) {
    body.buffer(nullptr, 0);
  } else if (column.validity_offset % 8 == 0) {
    body.buffer(column.validity + column.validity_offset / 8, bitmap_bytes(rows));
  } else {
    add_bitmap(body, rows, [&](std::int64_t r) { return column.valid(r); });
  }
}

void add_values(Body& body, const Field& field, const Column& column, std::int64_t count) {
  if (field.type == DType::boolean) {
    const auto* values = column.as<std::uint8_t>();
    add_bitmap(body, count, [&](std::int64_t i) { return values[i] != 0; });
  } else {
    body.buffer(column.data, static_cast<std::size_t>(count) * size_of(field.type));
  }
}

void add_texts(Body& body, const Column& column, std::int64_t rows) {
  const std::int32_t first = column.offsets[0];
  const std::size_t offset_bytes = static_cast<std::size_t>(rows + 1) * sizeof(std::int32_t);
  if (first == 0) {
    body.buffer(column.offsets, offset_bytes);
  } else {
    auto* offsets = reinterpret_cast<std::int32_t*>(body.make(offset_bytes));
    for (std::int64_t r = 0; r <= rows; ++r) offsets[r] = column.offsets[r] - first;
    body.buffer(offsets, offset_bytes);
  }
  body.buffer(column.data + first, static_cast<std::size_t>(column.offsets[rows] - first));
}

void add_column(Body& body, const Field& field, const Column& column, std::int64_t rows) {
  add_validity(body, column, rows);
  if (field.type == DType::utf8) return add_texts(body, column, rows);
  const std::int64_t elements = element_count(field.shape);
  if (!field.shape.empty()) {
    body.node(rows * elements, 0);
    body.buffer(nullptr, 0);
  }
  add_values(body, field, column, rows * elements);
}

// Bytes of the rows of one column in a message, not counting padding.
std::uint64_t column_bytes(const Field& field, const Column& column, std::int64_t rows) {
  const auto n = static_cast<std::uint64_t>(rows);
  std::uint64_t bytes = bitmap_bytes(rows) + 2 * alignment;
  if (field.type == DType::utf8) {
    return bytes + (n + 1) * 4 + static_cast<std::uint64_t>(column.offsets[rows] - column.offsets[0]);
  }
  return bytes + n * static_cast<std::uint64_t>(element_count(field.shape)) * size_of(field.type);
}

}  // namespace

struct StreamWriter::State {
  std::unique_ptr<ByteOutput> output;
  Schema schema;                       // without opaque fields
  std::vector<std::size_t> positions;  // of its fields in the batches
  StreamLimits limits;
  Checksums checksums;
  bool deltas = false;
  struct Sent {                                    // what the reader has of a field's dictionary
    std::shared_ptr<const Dictionary> dictionary;  // null: none, or texts of one batch
    std::size_t size = 0;                          // it may have grown since
    bool any = false;
    std::vector<std::int32_t> numbers;  // of its texts in one batch; -1 between batches
    // What the last dictionary takes in a message: counted on as it grows.
    std::shared_ptr<const Dictionary> counted;
    std::size_t counted_size = 0;
    std::uint64_t counted_bytes = 0;
    void count(const std::shared_ptr<const Dictionary>& dictionary);
  };
  std::map<std::size_t, Sent> dictionaries;  // by field
  std::uint64_t replaced_bytes = 0;          // of dictionaries in place of others
  std::vector<const Column*> columns;        // of the batch at hand, by field
  std::deque<Column> renumbered;             // those with a dictionary of their own
  FlatBufferBuilder fbb{1024};
  Body body;
  std::uint64_t position = 0;
  bool finished = false;
  bool torn = false;  // a message has begun, and may not be whole

  void write_schema();
  void write_message(arrow::MessageHeader kind, Offset<void> header, const Metadata& metadata);
  Offset<arrow::RecordBatch> record_batch(std::int64_t rows);
  void write_dictionary(std::size_t field, std::int64_t rows);
  bool is_known(const Sent& sent, const std::shared_ptr<const Dictionary>& dictionary) const;
  void send_texts_of_batch(std::size_t field, Sent& sent, std::int64_t rows);
  void send_dictionary(std::size_t field, std::span<const std::string_view> texts, bool delta);
  void write_rows(const Batch& batch);
};

void StreamWriter::State::write_schema() {
  std::vector<Offset<arrow::Field>> fields;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    fields.push_back(write_field(fbb, schema.fields[i], static_cast<std::int64_t>(i)));
  }
  const auto list = fbb.CreateVector(fields);
  const auto pairs = write_metadata(fbb, schema.metadata);
  body.clear();
  write_message(arrow::MessageHeader::Schema,
                arrow::CreateSchema(fbb, arrow::Endianness::Little, list, pairs).Union(), {});
}

void StreamWriter::State::write_message(arrow::MessageHeader kind, Offset<void> header,
                                        const Metadata& metadata) {
  const auto pairs = write_metadata(fbb, metadata);
  fbb.Finish(arrow::CreateMessage(fbb, arrow::MetadataVersion::V5, kind, header, body.size(), pairs));
  // Padded so that the body starts at a multiple of 64 bytes in the stream as a whole.
  constexpr std::size_t prefix_bytes = 8;
  const std::size_t end = align_up(position + prefix_bytes + fbb.GetSize());
  const std::size_t length = end - position - prefix_bytes;
  const std::uint32_t prefix[2] = {0xFFFFFFFF, static_cast<std::uint32_t>(length)};
  std::vector<struct iovec> pieces;
  pieces.reserve(body.pieces().size() + 3);
  pieces.push_back({const_cast<std::uint32_t*>(prefix), sizeof prefix});
  pieces.push_back({fbb.GetBufferPointer(), fbb.GetSize()});
  pieces.push_back({const_cast<std::byte*>(zeros.data()), length - fbb.GetSize()});
  pieces.insert(pieces.end(), body.pieces().begin(), body.pieces().end());
  position = end + static_cast<std::uint64_t>(body.size());
  torn = true;
  output->write(pieces);
  torn = false;
  fbb.Clear();
}

Offset<arrow::RecordBatch> StreamWriter::State::record_batch(std::int64_t rows) {
  const auto nodes = fbb.CreateVectorOfStructs(body.nodes());
  const auto buffers = fbb.CreateVectorOfStructs(body.buffers());
  return arrow::CreateRecordBatch(fbb, rows, nodes, buffers);
}

// Whether the dictionary begins with the texts that the reader has.
bool StreamWriter::State::is_known(const Sent& sent,
                                   const std::shared_ptr<const Dictionary>& dictionary) const {
  if (sent.dictionary == dictionary) return sent.any && sent.dictionary != nullptr;
  if (sent.dictionary == nullptr || sent.size > dictionary->size()) return false;
  if (dictionary->continues(*sent.dictionary)) return true;
  for (std::size_t i = 0; i < sent.size; ++i) {
    if ((*sent.dictionary)[i] != (*dictionary)[i]) return false;
  }
  return true;
}

void StreamWriter::State::Sent::count(const std::shared_ptr<const Dictionary>& now) {
  const bool goes_on =
      counted != nullptr && counted_size <= now->size() && (counted == now || now->continues(*counted));
  if (!goes_on) counted_size = counted_bytes = 0;
  counted = now;
  for (; counted_size < now->size(); ++counted_size)
    counted_bytes += sizeof(std::int32_t) + (*now)[counted_size].size();
}

void StreamWriter::State::write_dictionary(std::size_t field, std::int64_t rows) {
  Sent& sent = dictionaries[field];
  const auto dictionary = columns[field]->dictionary;
  const bool known = is_known(sent, dictionary);
  if (known && sent.size == dictionary->size()) {
    sent.dictionary = dictionary;
    return;
  }
  if (!deltas && sent.any) {
    constexpr std::uint64_t share = 4, always = 64 << 10;
    sent.count(dictionary);
    if (replaced_bytes + sent.counted_bytes > always + position / share ||
        sent.counted_bytes > limits.max_frame)
      return send_texts_of_batch(field, sent, rows);
    replaced_bytes += sent.counted_bytes;
  }
  const bool delta = deltas && known;
  std::vector<std::string_view> texts;
  for (std::size_t i = delta ? sent.size : 0; i < dictionary->size(); ++i) texts.push_back((*dictionary)[i]);
  send_dictionary(field, texts, delta);
  sent.dictionary = dictionary;
  sent.size = dictionary->size();
  sent.any = true;
}

void StreamWriter::State::send_texts_of_batch(std::size_t field, Sent& sent, std::int64_t rows) {
  const Column& column = *columns[field];
  sent.numbers.resize(std::max(sent.numbers.size(), column.dictionary->size()), -1);
  Buffer values(static_cast<std::size_t>(rows) * sizeof(std::int32_t));
  auto* out = values.as<std::int32_t>();
  std::vector<std::string_view> texts;
  std::vector<std::size_t> used;
  for (std::int64_t row = 0; row < rows; ++row) {
    out[row] = 0;
    if (!column.valid(row)) continue;
    const auto index = static_cast<std::size_t>(column.as<std::int32_t>()[row]);
    if (sent.numbers[index] < 0) {
      sent.numbers[index] = static_cast<std::int32_t>(texts.size());
      texts.push_back((*column.dictionary)[index]);
      used.push_back(index);
    }
    out[row] = sent.numbers[index];
  }
  for (const std::size_t index : used) sent.numbers[index] = -1;
  send_dictionary(field, texts, false);
  sent.dictionary = nullptr;
  Column& own = renumbered.emplace_back(make_column(std::move(values)));
  own.validity = column.validity;
  own.validity_offset = column.validity_offset;
  columns[field] = &own;
}

void StreamWriter::State::send_dictionary(std::size_t field, std::span<const std::string_view> texts,
                                          bool delta) {
  body.clear();
  const std::size_t count = texts.size();
  auto* offsets = reinterpret_cast<std::int32_t*>(body.make((count + 1) * sizeof(std::int32_t)));
  std::size_t bytes = 0;
  offsets[0] = 0;
  for (std::size_t i = 0; i < count; ++i) {
    bytes += texts[i].size();
    if (bytes > limits.max_frame) {
      throw data_error("column '{}': its categories take more than the limit of {} bytes",
                       printable(schema.fields[field].name), limits.max_frame)
          .advise(max_frame_advice);
    }
    offsets[i + 1] = static_cast<std::int32_t>(bytes);
  }
  std::byte* text = body.make(bytes);
  for (std::size_t i = 0; i < count; ++i) {
    if (!texts[i].empty()) std::memcpy(text + offsets[i], texts[i].data(), texts[i].size());
  }
  body.node(static_cast<std::int64_t>(count), 0);
  body.buffer(nullptr, 0);
  body.buffer(offsets, (count + 1) * sizeof(std::int32_t));
  body.buffer(text, bytes);
  const auto batch = record_batch(static_cast<std::int64_t>(count));
  const auto header = arrow::CreateDictionaryBatch(fbb, static_cast<std::int64_t>(field), batch, delta);
  Metadata metadata;
  if (checksums == Checksums::yes) metadata.set("nn.xxh3", fmt::format("{:016x}", body.checksum()));
  write_message(arrow::MessageHeader::DictionaryBatch, header.Union(), metadata);
}

void StreamWriter::State::write_rows(const Batch& batch) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    bytes += column_bytes(schema.fields[i], batch.columns[positions[i]], batch.rows);
  }
  if (bytes > limits.max_frame) {
    if (batch.rows == 1) {
      throw data_error("row {} takes {} bytes, more than the limit of {} bytes", batch.first_row, bytes,
                       limits.max_frame)
          .advise(max_frame_advice);
    }
    const std::int64_t half = batch.rows / 2;
    write_rows(slice(batch, 0, half));
    return write_rows(slice(batch, half, batch.rows - half));
  }
  columns.clear();
  renumbered.clear();
  for (const std::size_t i : positions) columns.push_back(&batch.columns[i]);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (schema.fields[i].type == DType::category) write_dictionary(i, batch.rows);
  }
  body.clear();
  for (std::size_t i = 0; i < columns.size(); ++i)
    add_column(body, schema.fields[i], *columns[i], batch.rows);
  const auto header = record_batch(batch.rows);
  Metadata metadata;
  metadata.set("nn.first_row", std::to_string(batch.first_row));
  if (checksums == Checksums::yes) metadata.set("nn.xxh3", fmt::format("{:016x}", body.checksum()));
  write_message(arrow::MessageHeader::RecordBatch, header.Union(), metadata);
}

StreamWriter::StreamWriter(std::unique_ptr<ByteOutput> output, const Schema& schema, StreamLimits limits,
                           Checksums checksums, Dictionaries dictionaries)
    : state_(std::make_unique<State>()) {
  state_->deltas = dictionaries == Dictionaries::deltas;
  state_->output = std::move(output);
  state_->limits = limits;
  state_->checksums = checksums;
  state_->schema.metadata = schema.metadata;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    if (schema.fields[i].type == DType::opaque) continue;
    state_->schema.fields.push_back(schema.fields[i]);
    state_->positions.push_back(i);
  }
  state_->write_schema();
}

StreamWriter::~StreamWriter() = default;

void StreamWriter::write(const Batch& batch) {
  if (batch.rows > 0) state_->write_rows(batch);
}

void StreamWriter::finish() {
  const std::uint32_t end[2] = {0xFFFFFFFF, 0};
  struct iovec piece {
    const_cast<std::uint32_t*>(end), sizeof end
  };
  state_->finished = true;
  state_->output->write(std::span(&piece, 1));
}

void StreamWriter::abandon(std::string_view message) {
  // Behind half a message nothing can be said: the missing rest says it.
  if (state_->finished || state_->torn) return;
  state_->finished = true;
  try {
    State& s = *state_;
    s.fbb.Clear();
    s.body.clear();
    for (std::size_t i = 0; i < s.schema.fields.size(); ++i) {
      const Field& field = s.schema.fields[i];
      static constexpr std::int32_t no_offsets[1] = {0};
      s.body.node(0, 0);
      s.body.buffer(nullptr, 0);
      if (!field.shape.empty()) {
        s.body.node(0, 0);
        s.body.buffer(nullptr, 0);
      }
      if (field.type == DType::utf8) s.body.buffer(no_offsets, sizeof no_offsets);
      s.body.buffer(nullptr, 0);
    }
    Metadata metadata;
    metadata.set("nn.error", std::string(message));
    const auto header = s.record_batch(0);
    s.write_message(arrow::MessageHeader::RecordBatch, header.Union(), metadata);
  } catch (...) {
    // The reader is gone or the disk is full: the missing end marker says the same.
  }
}

}  // namespace nn::format
