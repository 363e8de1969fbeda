#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "File_generated.h"
#include "Message_generated.h"
#include "base/checksum.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "format/agreement.hpp"
#include "format/arrow/batch.hpp"
#include "format/arrow/frames.hpp"
#include "format/arrow/messages.hpp"
#include "format/arrow/schema.hpp"
#include "format/arrow/stream.hpp"

namespace nn::format {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::string_view file_magic = "ARROW1";

const flatbuffers::String* metadata_value(const arrow::Message& message, std::string_view key) {
  if (message.custom_metadata() == nullptr) return nullptr;
  for (const auto* pair : *message.custom_metadata()) {
    if (pair->key() != nullptr && pair->key()->string_view() == key) return pair->value();
  }
  return nullptr;
}

template <typename T>
T metadata_number(const flatbuffers::String& text, int base, std::string_view key) {
  T value{};
  const std::string_view view = text.string_view();
  const auto result = std::from_chars(view.data(), view.data() + view.size(), value, base);
  if (result.ec != std::errc() || result.ptr != view.data() + view.size()) {
    fail_data("{} is '{}'", key, printable(view));
  }
  return value;
}

// The part that streams and files share: messages in, batches out.
class ArrowSource : public BatchSource {
 public:
  const std::shared_ptr<const Schema>& schema() const final { return wire_.schema; }

  std::optional<Batch> next() final {
    try {
      for (;;) {
        const std::optional<Frame> frame = next_frame();
        if (!frame) return std::nullopt;
        check(*frame);
        if (auto batch = take(*frame)) return batch;
      }
    } catch (const Error& error) {
      throw error.within_file(frames_.name());
    }
  }

  // What is kept for the messages to come, roughly.
  std::uint64_t kept_bytes() const { return schema_bytes_ + dictionary_bytes_; }

 protected:
  ArrowSource(std::unique_ptr<ByteInput> input, const StreamLimits& limits, StreamUse use)
      : frames_(std::move(input), limits), limits_(limits), use_(std::move(use)), budget_(limits) {}
  ArrowSource(std::string name, const StreamLimits& limits)
      : frames_(std::move(name), limits), limits_(limits), budget_(limits) {}
  virtual std::optional<Frame> next_frame() = 0;
  // The messages that come next have all of the budget.
  void refill() { budget_.refill(); }

  // Dictionaries are kept; a batch with rows is given out.
  std::optional<Batch> take(const Frame& frame) {
    switch (frame.message->header_type()) {
      case arrow::MessageHeader::DictionaryBatch: {
        take_dictionary(*frame.message->header_as_DictionaryBatch(), frame.body);
        return std::nullopt;
      }
      case arrow::MessageHeader::RecordBatch: return take_batch(frame);
      default:
        fail_data("message {}: {} is not expected here", frames_.count() - 1,
                  arrow::EnumNameMessageHeader(frame.message->header_type()));
    }
  }

  void check(const Frame& frame) const {
    if (const auto* text = metadata_value(*frame.message, "nn.error")) {
      fail_data("upstream failed: {}", printable(text->string_view(), 1000));
    }
    if (const auto* text = metadata_value(*frame.message, "nn.xxh3")) {
      const auto expected = metadata_number<std::uint64_t>(*text, 16, "nn.xxh3");
      if (checksum_of(frame.body.bytes) != expected) {
        fail_data("message {} is corrupt: the checksum of its body is wrong", frames_.count() - 1);
      }
    }
  }

  // The bytes that follow are a stream of their own.
  void begin(const Frame& frame) {
    const arrow::Schema* schema = frame.message->header_as_Schema();
    if (schema == nullptr) fail_data("the stream does not begin with a schema");
    wire_ = read_schema(*schema, frame.message->version() < arrow::MetadataVersion::V5, frame.metadata_bytes,
                        limits_.keep_metadata);
    apply_use();
    dictionaries_.clear();
    dictionary_bytes_ = 0;
    constexpr std::uint64_t as_objects = 6;  // of a schema's bytes
    schema_bytes_ = as_objects * frame.metadata_bytes;
    next_row_ = base_row_ = end_row_ = 0;
  }

  // The same, of a stream that follows another one of the same table: its rows are the rows behind those.
  void go_on(const Frame& frame) {
    const std::shared_ptr<const Schema> first = wire_.schema;
    const std::int64_t rows = end_row_;
    begin(frame);
    check_agreement(*first, "the stream in front of it", *wire_.schema);
    wire_.schema = first;
    next_row_ = base_row_ = end_row_ = rows;
  }

  // Once there is a schema.
  void apply_use() {
    for (WireColumn& column : wire_.columns) {
      const bool decimal = column.layout == WireColumn::Layout::quantities && column.quantity.is_decimal;
      if (use_.says_rounded && decimal) column.quantity.rounded = std::make_shared<std::string>();
    }
    const auto id = use_.id ? use_.id(*wire_.schema) : std::nullopt;
    if (!id || wire_.columns[*id].layout != WireColumn::Layout::quantities ||
        wire_.columns[*id].quantity.is_whole)
      return;
    auto schema = std::make_shared<Schema>(*wire_.schema);
    schema->fields[*id].type = DType::utf8;
    wire_.schema = std::move(schema);
    wire_.columns[*id].layout = WireColumn::Layout::quantity_texts;
  }

  FrameReader frames_;
  WireSchema wire_;

 private:
  void say_what_was_rounded() {
    for (std::size_t i = 0; i < wire_.columns.size(); ++i) {
      auto& rounded = wire_.columns[i].quantity.rounded;
      if (!rounded || rounded->empty()) continue;
      const std::string name = printable(wire_.schema->fields[i].name);
      warn("{}: column '{}': {} is rounded to the nearest 64-bit float; --id keeps its digits",
           frames_.name(), name, *rounded);
      rounded = nullptr;
    }
  }

  void take_dictionary(const arrow::DictionaryBatch& batch, const WireBody& body) {
    const auto values = wire_.dictionaries.find(batch.id());
    if (values == wire_.dictionaries.end()) return;  // of a column that is stepped over
    if (batch.data() == nullptr)
      fail_data("message {} is corrupt: a dictionary without values", frames_.count() - 1);
    try {
      WireDictionary& dictionary = dictionaries_[batch.id()];
      dictionary_bytes_ -= dictionary.bytes;
      decode_dictionary(*batch.data(), body, values->second, batch.is_delta(), dictionary_bytes_, dictionary,
                        limits_, budget_);
      dictionary_bytes_ += dictionary.bytes;
    } catch (const Error& error) {
      throw error.within(
          fmt::format("message {}: {}", frames_.count() - 1, printable(values->second.field.name)));
    }
  }

  std::optional<Batch> take_batch(const Frame& frame) {
    const arrow::RecordBatch& record = *frame.message->header_as_RecordBatch();
    Batch batch;
    batch.schema = wire_.schema;
    batch.first_row = next_row_;
    if (const auto* text = metadata_value(*frame.message, "nn.first_row")) {
      batch.first_row = metadata_number<std::int64_t>(*text, 10, "nn.first_row");
      if (batch.first_row < 0 || batch.first_row > last_first_row - base_row_)
        fail_data("nn.first_row is {}", batch.first_row);
      batch.first_row += base_row_;
    }
    batch.rows = record.length();
    try {
      batch.columns =
          decode_batch(record, batch.first_row, frame.body, wire_, dictionaries_, limits_, budget_);
    } catch (const Error& error) {
      throw error.within(fmt::format("message {}", frames_.count() - 1));
    }
    if (use_.says_rounded) say_what_was_rounded();
    next_row_ = batch.first_row + batch.rows;
    end_row_ = std::max(end_row_, next_row_);
    if (end_row_ > last_first_row) fail_data("more than {} rows", last_first_row);
    if (batch.rows == 0) return std::nullopt;
    return batch;
  }

  StreamLimits limits_;
  StreamUse use_;
  DecodedBudget budget_;
  WireDictionaries dictionaries_;
  std::uint64_t schema_bytes_ = 0, dictionary_bytes_ = 0;
  static constexpr std::int64_t last_first_row = std::int64_t{1} << 60;
  std::int64_t next_row_ = 0, end_row_ = 0;  // that follows the last batch, and all batches
  std::int64_t base_row_ = 0;                // of the first row of this stream
};

class StreamSource final : public ArrowSource {
 public:
  StreamSource(std::unique_ptr<ByteInput> input, const StreamLimits& limits, StreamUse use)
      : ArrowSource(std::move(input), limits, std::move(use)) {
    try {
      const std::optional<Frame> frame = frames_.next();
      if (!frame) fail_data("a stream without a schema");
      begin(*frame);
    } catch (const Error& error) {
      throw error.within_file(frames_.name());
    }
  }

 private:
  std::optional<Frame> next_frame() override {
    for (;;) {
      refill();
      if (auto frame = frames_.next()) return frame;
      if (!frames_.find_next_stream()) return std::nullopt;
      ++streams_;
      follow();
    }
  }

  void follow() {
    try {
      refill();
      const std::optional<Frame> frame = frames_.next();
      if (!frame) fail_data("a stream without a schema");
      go_on(*frame);
    } catch (const Error& error) {
      throw error.within(fmt::format("stream {} of several", streams_));
    }
  }

  int streams_ = 1;
};

// Pieces of whole messages; next() ends with each.
class PieceSource final : public ArrowSource {
 public:
  PieceSource(std::string name, const StreamLimits& limits) : ArrowSource(std::move(name), limits) {}
  void look_at(const MessageBuffer& piece) {
    refill();
    frames_.look_at(piece.bytes(), piece.memory);
  }

 private:
  std::optional<Frame> next_frame() override {
    for (;;) {
      if (frames_.at_end()) return std::nullopt;
      std::optional<Frame> frame = frames_.next();
      if (!frame) fail_data("an end-of-stream marker where messages are expected");
      const bool is_schema = frame->message->header_type() == arrow::MessageHeader::Schema;
      if (!is_schema && wire_.schema) return frame;
      begin(*frame);
    }
  }
};

// The random-access variant: the footer says where the batches are.
class ArrowFileSource final : public ArrowSource {
 public:
  ArrowFileSource(std::unique_ptr<ByteInput> input, const StreamLimits& limits, StreamUse use)
      : ArrowSource(std::move(input), limits, std::move(use)) {
    try {
      open();
    } catch (const Error& error) {
      throw error.within_file(frames_.name());
    }
  }

 private:
  void open() {
    const Bytes file = frames_.mapped()->bytes();
    const std::size_t tail = sizeof(std::int32_t) + file_magic.size();
    if (file.size() < 8 + tail || std::memcmp(file.data() + file.size() - file_magic.size(),
                                              file_magic.data(), file_magic.size()) != 0) {
      fail_data("an Arrow file that is cut off: its footer is missing");
    }
    std::int32_t length = 0;
    std::memcpy(&length, file.data() + file.size() - tail, sizeof length);
    if (length < 8 || static_cast<std::size_t>(length) > file.size() - tail - 8)
      fail_data("an Arrow file with a footer of {} bytes", length);
    const Bytes bytes =
        file.subspan(file.size() - tail - static_cast<std::size_t>(length), static_cast<std::size_t>(length));
    footer_ = Buffer(bytes.size());
    std::memcpy(footer_.data(), bytes.data(), bytes.size());
    const auto* footer = verified<arrow::Footer>(Bytes(footer_.bytes()).first(bytes.size()));
    if (footer == nullptr || footer->schema() == nullptr) fail_data("an Arrow file with a corrupt footer");
    wire_ =
        read_schema(*footer->schema(), footer->version() < arrow::MetadataVersion::V5, bytes.size(), true);
    apply_use();
    dictionaries_ = footer->dictionaries();
    batches_ = footer->record_batches();
    check_extent(file, file.size() - tail - bytes.size());
  }

  // A file behind a file has the last one's footer: what that doesn't speak of would be lost.
  void check_extent(Bytes file, std::size_t footer_at) const {
    constexpr std::uint64_t most_padding = 128;  // end-of-stream marker included
    std::uint64_t end = first_message_end(file, footer_.size());
    for (const auto* blocks : {dictionaries_, batches_}) {
      for (flatbuffers::uoffset_t i = 0; blocks != nullptr && i < blocks->size(); ++i) {
        const auto block = element_of<arrow::Block>(*blocks, i);
        if (block.offset() < 0 || block.metadata_length() < 0 || block.body_length() < 0)
          continue;  // told later
        end = std::max(end, static_cast<std::uint64_t>(block.offset()) +
                                static_cast<std::uint64_t>(block.metadata_length()) +
                                static_cast<std::uint64_t>(block.body_length()));
      }
    }
    if (footer_at > end && footer_at - end > most_padding) {
      fail_data(
          "{} bytes between its last batch and its footer: files that were joined are to be read one by one",
          footer_at - end);
    }
  }

  // Of the schema's message. Where its writer gave it no prefix, it isn't longer than the footer, which has
  // it.
  static std::uint64_t first_message_end(Bytes file, std::size_t footer_size) {
    constexpr std::size_t at = 8;
    std::uint32_t words[2] = {};
    if (file.size() >= at + sizeof words) std::memcpy(words, file.data() + at, sizeof words);
    return at + (words[0] == continuation ? sizeof words + words[1] : footer_size);
  }

  std::optional<Frame> next_frame() override {
    refill();
    if (dictionaries_ != nullptr && dictionary_ < dictionaries_->size()) {
      return frames_.at(element_of<arrow::Block>(*dictionaries_, dictionary_++).offset());
    }
    if (batches_ != nullptr && batch_ < batches_->size())
      return frames_.at(element_of<arrow::Block>(*batches_, batch_++).offset());
    return std::nullopt;
  }

  Buffer footer_;
  const flatbuffers::Vector<const arrow::Block*>* dictionaries_ = nullptr;
  const flatbuffers::Vector<const arrow::Block*>* batches_ = nullptr;
  flatbuffers::uoffset_t dictionary_ = 0, batch_ = 0;
};

}  // namespace

struct MessageReader::State {
  PieceSource source;
};

MessageReader::MessageReader(std::string name, StreamLimits limits)
    : state_(new State{PieceSource(std::move(name), limits)}) {}
MessageReader::~MessageReader() = default;
const std::shared_ptr<const Schema>& MessageReader::schema() const { return state_->source.schema(); }
std::uint64_t MessageReader::kept_bytes() const { return state_->source.kept_bytes(); }

std::optional<Batch> MessageReader::read(const MessageBuffer& piece) {
  PieceSource& source = state_->source;
  source.look_at(piece);
  std::optional<Batch> batch = source.next();
  if (batch && source.next()) fail_data("more than one batch of rows where one is expected");
  source.look_at({});
  return batch;
}

bool looks_like_stream(std::span<const std::byte> head) {
  std::uint32_t words[2];
  if (head.size() < sizeof words) return false;
  std::memcpy(words, head.data(), sizeof words);
  return words[0] == continuation;
}

bool looks_like_arrow_file(std::span<const std::byte> head) {
  return head.size() >= file_magic.size() &&
         std::memcmp(head.data(), file_magic.data(), file_magic.size()) == 0;
}

std::unique_ptr<BatchSource> read_stream(std::unique_ptr<ByteInput> input, StreamLimits limits,
                                         StreamUse use) {
  const auto mapped = input->mapped();
  std::vector<std::byte> head(file_magic.size());
  if (!mapped) {
    head.resize(read_full(*input, head));
    input = with_head(head, std::move(input));
  }
  // Between its magic and its footer most files are a stream; only the footer says so, and where it ends.
  if (looks_like_arrow_file(mapped ? mapped->bytes() : Bytes(head)))
    return std::make_unique<ArrowFileSource>(spooled(std::move(input)), limits, std::move(use));
  return std::make_unique<StreamSource>(std::move(input), limits, std::move(use));
}

}  // namespace nn::format
