#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "File_generated.h"
#include "Message_generated.h"
#include "base/error.hpp"
#include "base/text.hpp"
#include "format/arrow/batch.hpp"
#include "format/arrow/messages.hpp"
#include "format/arrow/schema.hpp"
#include "format/arrow/stream.hpp"
#include "format/buffer_pool.hpp"

namespace nn::format {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::string_view file_magic = "ARROW1";
constexpr std::uint32_t continuation = 0xFFFFFFFF;
// A FlatBuffer of many small tables costs time to verify, not memory: a generous bound.
constexpr flatbuffers::uoffset_t deepest_tables = 64, most_tables = 4'000'000;

template <typename Root>
const Root* verified(Bytes bytes) {
  flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
                                 deepest_tables, most_tables);
  return verifier.VerifyBuffer<Root>(nullptr) ? flatbuffers::GetRoot<Root>(bytes.data()) : nullptr;
}

// One message: its metadata, good until the next one is read, and its body.
struct Frame {
  const arrow::Message* message = nullptr;
  WireBody body;
};

// Takes messages off an input, one after the other.
class FrameReader {
 public:
  FrameReader(std::unique_ptr<ByteInput> input, const StreamLimits& limits)
      : input_(std::move(input)), limits_(limits), mapped_(input_->mapped()) {
    if (mapped_) look_at(mapped_->bytes(), mapped_);
  }
  // A reader of memory only, which look_at() says.
  FrameReader(std::string name, const StreamLimits& limits)
      : FrameReader(bytes_in_memory({}, std::move(name)), limits) {}

  // The bytes that come next are in memory, which `owner` keeps.
  void look_at(Bytes bytes, std::shared_ptr<const void> owner) {
    rest_ = bytes;
    owner_ = std::move(owner);
  }
  bool at_end() const { return rest_.empty(); }

  const std::string& name() const { return input_->name(); }
  std::int64_t count() const { return count_; }
  const std::shared_ptr<const MappedFile>& mapped() const { return mapped_; }

  // The next message, or nothing at the end-of-stream marker.
  std::optional<Frame> next() {
    const std::uint32_t length = metadata_length();
    if (length == 0) return std::nullopt;
    return body_of(length);
  }

  // The message at `offset` of a mapped file.
  Frame at(std::int64_t offset) {
    const Bytes whole = mapped_->bytes();
    if (offset < 0 || static_cast<std::uint64_t>(offset) >= whole.size())
      fail_data("a message at {} of {} bytes", offset, whole.size());
    rest_ = whole.subspan(static_cast<std::size_t>(offset));
    const std::uint32_t length = metadata_length();
    if (length == 0) fail_data("an empty message at {}", offset);
    return body_of(length);
  }

 private:
  std::uint32_t metadata_length() {
    std::uint32_t word = 0;
    const std::size_t n = read({reinterpret_cast<std::byte*>(&word), sizeof word});
    if (n == 0 && count_ == 0) fail_data("empty, not a stream; the program in front of it wrote nothing");
    if (n < sizeof word) fail_cut();
    if (word == continuation) {
      if (read({reinterpret_cast<std::byte*>(&word), sizeof word}) < sizeof word) fail_cut();
    } else if (count_ == 0 && word > limits_.max_frame) {
      fail_data("not a stream of Arrow messages (it begins with '{}')",
                printable({reinterpret_cast<const char*>(&word), sizeof word}));
    }
    if (word > limits_.max_frame || word >= FLATBUFFERS_MAX_BUFFER_SIZE) {
      throw data_error("message {}: metadata of {} bytes is over the limit of {} bytes", count_, word,
                       limits_.max_frame)
          .advise(max_frame_advice);
    }
    return word;
  }

  Frame body_of(std::uint32_t length) {
    Frame frame;
    frame.message = verified<arrow::Message>(metadata(length));
    if (frame.message == nullptr) fail_data("message {} is corrupt: its metadata cannot be read", count_);
    // A verified union may say what it holds and hold nothing.
    if (frame.message->header() == nullptr) fail_data("message {} is corrupt: it has no header", count_);
    const arrow::MetadataVersion version = frame.message->version();
    if (version > arrow::MetadataVersion::V5) {
      fail(ErrorKind::unsupported, "message {}: metadata version {} is newer than what can be read (5)",
           count_, static_cast<int>(version) + 1);
    }
    if (version < arrow::MetadataVersion::V4) {
      fail(ErrorKind::unsupported, "message {}: metadata version {} is older than what can be read (4)",
           count_, static_cast<int>(version) + 1);
    }
    const std::int64_t body = frame.message->body_length();
    if (body < 0) fail_data("message {} is corrupt: a body of {} bytes", count_, body);
    if (static_cast<std::uint64_t>(body) > limits_.max_frame) {
      throw data_error("message {}: a body of {} bytes is over the limit of {} bytes", count_, body,
                       limits_.max_frame)
          .advise(max_frame_advice);
    }
    frame.body = body_bytes(static_cast<std::size_t>(body));
    ++count_;
    return frame;
  }

  // Aligned to 8 bytes; good until the next call.
  Bytes metadata(std::size_t size) {
    metadata_.reserve_discarding(size);
    const auto bytes = metadata_.bytes().first(size);
    if (read(bytes) < size) fail_cut();
    return bytes;
  }

  WireBody body_bytes(std::size_t size) {
    if (owner_) {
      if (rest_.size() < size) fail_cut();
      const Bytes bytes = rest_.first(size);
      rest_ = rest_.subspan(size);
      return {bytes, owner_};
    }
    const auto buffer = pool_.get(size);
    if (read_full(*input_, buffer->bytes().first(size)) < size) fail_cut();
    return {buffer->bytes().first(size), buffer};
  }

  std::size_t read(std::span<std::byte> out) {
    if (!owner_) return read_full(*input_, out);
    const std::size_t n = std::min(out.size(), rest_.size());
    if (n > 0) std::memcpy(out.data(), rest_.data(), n);  // of nothing there is no address
    rest_ = rest_.subspan(n);
    return n;
  }

  [[noreturn]] void fail_cut() const {
    fail_data(
        "ends without its end-of-stream marker after {} messages: the program that wrote it did not finish",
        count_);
  }

  std::unique_ptr<ByteInput> input_;
  StreamLimits limits_;
  std::shared_ptr<const MappedFile> mapped_;
  std::shared_ptr<const void> owner_;  // of the rest, where it is in memory
  Bytes rest_;
  Buffer metadata_;
  BufferPool pool_;
  std::int64_t count_ = 0;
};

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

 protected:
  ArrowSource(std::unique_ptr<ByteInput> input, const StreamLimits& limits)
      : frames_(std::move(input), limits), limits_(limits) {}
  ArrowSource(std::string name, const StreamLimits& limits)
      : frames_(std::move(name), limits), limits_(limits) {}
  virtual std::optional<Frame> next_frame() = 0;

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
      if (XXH3_64bits(frame.body.bytes.data(), frame.body.bytes.size()) != expected) {
        fail_data("message {} is corrupt: the checksum of its body is wrong", frames_.count() - 1);
      }
    }
  }

  // The bytes that follow are a stream of their own.
  void begin(const Frame& frame) {
    const arrow::Schema* schema = frame.message->header_as_Schema();
    if (schema == nullptr) fail_data("the stream does not begin with a schema");
    wire_ = read_schema(*schema, frame.message->version() < arrow::MetadataVersion::V5);
    dictionaries_.clear();
    next_row_ = 0;
  }

  FrameReader frames_;
  WireSchema wire_;

 private:
  void take_dictionary(const arrow::DictionaryBatch& batch, const WireBody& body) {
    const auto values = wire_.dictionaries.find(batch.id());
    if (values == wire_.dictionaries.end()) return;  // of a column that is stepped over
    if (batch.data() == nullptr)
      fail_data("message {} is corrupt: a dictionary without values", frames_.count() - 1);
    try {
      decode_dictionary(*batch.data(), body, values->second, batch.is_delta(), dictionaries_[batch.id()],
                        limits_);
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
      if (batch.first_row < 0 || batch.first_row > std::int64_t{1} << 60)
        fail_data("nn.first_row is {}", batch.first_row);
    }
    batch.rows = record.length();
    try {
      batch.columns = decode_batch(record, batch.first_row, frame.body, wire_, dictionaries_, limits_);
    } catch (const Error& error) {
      throw error.within(fmt::format("message {}", frames_.count() - 1));
    }
    next_row_ = batch.first_row + batch.rows;
    if (batch.rows == 0) return std::nullopt;
    return batch;
  }

  StreamLimits limits_;
  WireDictionaries dictionaries_;
  std::int64_t next_row_ = 0;
};

class StreamSource final : public ArrowSource {
 public:
  StreamSource(std::unique_ptr<ByteInput> input, const StreamLimits& limits)
      : ArrowSource(std::move(input), limits) {
    try {
      const std::optional<Frame> frame = frames_.next();
      if (!frame) fail_data("a stream without a schema");
      begin(*frame);
    } catch (const Error& error) {
      throw error.within_file(frames_.name());
    }
  }

 private:
  std::optional<Frame> next_frame() override { return frames_.next(); }
};

// Pieces of whole messages; next() ends with each.
class PieceSource final : public ArrowSource {
 public:
  PieceSource(std::string name, const StreamLimits& limits) : ArrowSource(std::move(name), limits) {}
  void look_at(const MessageBuffer& piece) { frames_.look_at(piece.bytes(), piece.memory); }

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
  ArrowFileSource(std::unique_ptr<ByteInput> input, const StreamLimits& limits)
      : ArrowSource(std::move(input), limits) {
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
    wire_ = read_schema(*footer->schema(), footer->version() < arrow::MetadataVersion::V5);
    dictionaries_ = footer->dictionaries();
    batches_ = footer->record_batches();
  }

  std::optional<Frame> next_frame() override {
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

std::unique_ptr<BatchSource> read_stream(std::unique_ptr<ByteInput> input, StreamLimits limits) {
  const auto mapped = input->mapped();
  if (mapped && looks_like_arrow_file(mapped->bytes())) {
    return std::make_unique<ArrowFileSource>(std::move(input), limits);
  }
  if (mapped) return std::make_unique<StreamSource>(std::move(input), limits);
  // On a pipe the two are told apart by the first bytes. Between its magic and its footer, a file
  // is a stream, with an end-of-stream marker as well.
  std::vector<std::byte> head(8);
  head.resize(read_full(*input, head));
  if (looks_like_arrow_file(head)) return std::make_unique<StreamSource>(std::move(input), limits);
  return std::make_unique<StreamSource>(with_head(std::move(head), std::move(input)), limits);
}

}  // namespace nn::format
