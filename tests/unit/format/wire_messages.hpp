// Messages of a stream that no writer makes: for readers of bytes from outside.
#pragma once

#include <zstd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "Message_generated.h"
#include "format/arrow/messages.hpp"

namespace nn::test {

// Builds a stream message by message. Column k is a dictionary of texts, x a float32, b a boolean.
class WireMessages {
 public:
  using Builder = flatbuffers::FlatBufferBuilder;
  std::string bytes;

  static flatbuffers::Offset<arrow::Field> field(Builder& fbb, const char* name, arrow::Type type,
                                                 flatbuffers::Offset<void> detail, bool dictionary = false) {
    const auto encoding =
        dictionary ? arrow::CreateDictionaryEncoding(fbb, 0, arrow::CreateInt(fbb, 32, true)) : 0;
    const auto text = fbb.CreateString(name);
    return arrow::CreateField(fbb, text, true, type, detail, encoding, 0, 0);
  }
  static flatbuffers::Offset<arrow::Field> texts(Builder& fbb) {
    return field(fbb, "k", arrow::Type::Utf8, arrow::CreateUtf8(fbb).Union(), true);
  }
  static flatbuffers::Offset<arrow::Field> floats(Builder& fbb) {
    return field(fbb, "x", arrow::Type::FloatingPoint,
                 arrow::CreateFloatingPoint(fbb, arrow::Precision::SINGLE).Union());
  }
  static flatbuffers::Offset<arrow::Field> booleans(Builder& fbb) {
    return field(fbb, "b", arrow::Type::Bool, arrow::CreateBool(fbb).Union());
  }
  static flatbuffers::Offset<arrow::Field> nothing(Builder& fbb) {
    return field(fbb, "n", arrow::Type::Null, arrow::CreateNull(fbb).Union());
  }

  // `count` of what make(builder) makes, each a table of its own.
  template <typename Make>
  static std::vector<flatbuffers::Offset<arrow::Field>> many(Builder& fbb, std::size_t count, Make&& make) {
    std::vector<flatbuffers::Offset<arrow::Field>> fields;
    for (std::size_t i = 0; i < count; ++i) fields.push_back(make(fbb));
    return fields;
  }

  // make(builder) gives the fields.
  template <typename Make>
  WireMessages& schema(Make&& make) {
    Builder fbb;
    return schema(fbb, make(fbb));
  }
  // Fields and metadata are in the builder already.
  WireMessages& schema(
      Builder& fbb, const std::vector<flatbuffers::Offset<arrow::Field>>& fields,
      flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<arrow::KeyValue>>> metadata = 0) {
    const auto list = fbb.CreateVector(fields);
    return message(fbb, arrow::MessageHeader::Schema,
                   arrow::CreateSchema(fbb, arrow::Endianness::Little, list, metadata).Union(), "");
  }

  // Rows or entries: of each column its length, and of all the buffers.
  WireMessages& rows(std::int64_t count, const std::vector<std::int64_t>& lengths,
                     const std::vector<std::pair<std::int64_t, std::int64_t>>& buffers,
                     const std::string& body, bool compressed = false) {
    Builder fbb;
    const auto batch = record(fbb, count, lengths, buffers, compressed);
    return message(fbb, arrow::MessageHeader::RecordBatch, batch.Union(), body);
  }
  WireMessages& dictionary(bool delta, std::int64_t count,
                           const std::vector<std::pair<std::int64_t, std::int64_t>>& buffers,
                           const std::string& body, bool compressed = false) {
    Builder fbb;
    const auto batch = record(fbb, count, {count}, buffers, compressed);
    return message(fbb, arrow::MessageHeader::DictionaryBatch,
                   arrow::CreateDictionaryBatch(fbb, 0, batch, delta).Union(), body);
  }
  // `count` empty texts as zstd makes them small.
  WireMessages& empty_texts(bool delta, std::int64_t count) {
    const std::string offsets = zstd_of_zeros(static_cast<std::size_t>(count + 1) * 4);
    const auto size = static_cast<std::int64_t>(offsets.size());
    return dictionary(delta, count, {{0, 0}, {0, size}, {0, 0}}, offsets, true);
  }

  // The buffer of a compressed body that stands for so many zeros.
  static std::string zstd_of_zeros(std::size_t size) {
    const std::string zeros(size, '\0');
    std::string out(8 + ::ZSTD_compressBound(size), '\0');
    const auto promised = static_cast<std::int64_t>(size);
    std::memcpy(out.data(), &promised, sizeof promised);
    out.resize(8 + ::ZSTD_compress(out.data() + 8, out.size() - 8, zeros.data(), size, 1));
    return out;
  }

  template <typename Header>
  WireMessages& message(Builder& fbb, arrow::MessageHeader kind, Header header, std::string body) {
    body.resize((body.size() + 63) / 64 * 64);
    fbb.Finish(arrow::CreateMessage(fbb, arrow::MetadataVersion::V5, kind, header,
                                    static_cast<std::int64_t>(body.size())));
    return raw(std::string(reinterpret_cast<const char*>(fbb.GetBufferPointer()), fbb.GetSize()), body);
  }
  // Metadata as it is.
  WireMessages& raw(std::string metadata, const std::string& body = {}) {
    metadata.resize((metadata.size() + 7) / 8 * 8);
    const std::uint32_t prefix[2] = {0xFFFFFFFF, static_cast<std::uint32_t>(metadata.size())};
    bytes.append(reinterpret_cast<const char*>(prefix), sizeof prefix);
    bytes += metadata;
    bytes += body;
    return *this;
  }

  format::MessageBuffer buffer() const {
    auto memory = std::make_shared<Buffer>(bytes.size());
    std::memcpy(memory->data(), bytes.data(), bytes.size());
    return {std::move(memory), bytes.size()};
  }

 private:
  static flatbuffers::Offset<arrow::RecordBatch> record(
      Builder& fbb, std::int64_t count, const std::vector<std::int64_t>& lengths,
      const std::vector<std::pair<std::int64_t, std::int64_t>>& buffers, bool compressed) {
    std::vector<arrow::FieldNode> nodes;
    for (const std::int64_t length : lengths) nodes.emplace_back(length, 0);
    std::vector<arrow::Buffer> places;
    for (const auto& [offset, length] : buffers) places.emplace_back(offset, length);
    const auto node_list = fbb.CreateVectorOfStructs(nodes);
    const auto buffer_list = fbb.CreateVectorOfStructs(places);
    const auto compression = compressed ? arrow::CreateBodyCompression(fbb, arrow::CompressionType::ZSTD) : 0;
    return arrow::CreateRecordBatch(fbb, count, node_list, buffer_list, compression);
  }
};

}  // namespace nn::test
