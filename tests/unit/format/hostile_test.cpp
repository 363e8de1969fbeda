// Streams from outside that are small and ask for much: work in proportion to their bytes, memory within
// limits.
#include <cstring>

#include "File_generated.h"
#include "allocated.hpp"
#include "array_files.hpp"
#include "base/error.hpp"
#include "format/arrow/messages.hpp"
#include "format/arrow/stream.hpp"
#include "linear.hpp"
#include "wire_messages.hpp"

using namespace nn;
using namespace nn::format;
using test::WireMessages;

namespace {

constexpr StreamLimits limits{.max_frame = 1 << 20};  // 4 MiB decoded

std::string read_error(const WireMessages& messages, StreamLimits within = limits) {
  try {
    MessageReader reader("test", within);
    (void)reader.read(messages.buffer());
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// What may be in memory at once, with what is little and the same for all.
constexpr std::size_t constant = 1 << 20;

WireMessages with_texts() {
  WireMessages messages;
  messages.schema([](auto& fbb) { return std::vector{WireMessages::texts(fbb)}; });
  return messages;
}

std::string four_bytes(std::int32_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

// One delta of one text.
void add_delta(WireMessages& messages) {
  messages.dictionary(true, 1, {{0, 0}, {0, 8}, {8, 1}}, four_bytes(0) + four_bytes(1) + "a");
}
void add_row(WireMessages& messages) { messages.rows(1, {1}, {{0, 0}, {0, 4}}, four_bytes(0)); }

}  // namespace

TEST_CASE("dictionary-deltas: each takes as long as it is, whatever came before") {
  test::check_linear(
      2000,
      [](std::size_t n) {
        WireMessages messages = with_texts();
        messages.empty_texts(false, static_cast<std::int64_t>(10 * n));
        for (std::size_t i = 0; i < n; ++i) add_delta(messages);
        return messages.buffer();
      },
      [](const MessageBuffer& buffer) { (void)MessageReader("test").read(buffer); });
}

TEST_CASE("dictionary-deltas-in-use: batches keep their dictionary at no cost") {
  test::check_linear(
      2000,
      [](std::size_t n) {
        WireMessages messages = with_texts();
        messages.empty_texts(false, static_cast<std::int64_t>(10 * n));
        for (std::size_t i = 0; i < n; ++i) {
          add_delta(messages);
          add_row(messages);
        }
        messages.raw("");  // the end
        return messages.bytes;
      },
      [](const std::string& stream) {
        const auto source = read_stream(bytes_in_memory(std::as_bytes(std::span(stream)), "test"));
        std::vector<Batch> kept;
        while (auto batch = source->next()) kept.push_back(std::move(*batch));
        REQUIRE(kept.front().columns[0].dictionary->size() + kept.size() - 1 ==
                kept.back().columns[0].dictionary->size());
      });
}

TEST_CASE("dictionary-growth-written: a reader and a writer of growing dictionaries") {
  test::check_linear(
      2000,
      [](std::size_t n) {
        WireMessages messages = with_texts();
        messages.empty_texts(false, static_cast<std::int64_t>(10 * n));
        for (std::size_t i = 0; i < n; ++i) {
          add_delta(messages);
          add_row(messages);
        }
        messages.raw("");
        return messages.bytes;
      },
      [](const std::string& stream) {
        class Nowhere final : public ByteOutput {
          void write(std::span<struct iovec>) override {}
        };
        const auto source = read_stream(bytes_in_memory(std::as_bytes(std::span(stream)), "test"));
        StreamWriter writer(std::make_unique<Nowhere>(), *source->schema());
        while (auto batch = source->next()) writer.write(*batch);
        writer.finish();
      });
}

TEST_CASE("metadata-keys: any number of them") {
  test::check_linear(
      20'000,
      [](std::size_t n) {
        WireMessages messages;
        WireMessages::Builder fbb;
        std::vector<flatbuffers::Offset<arrow::KeyValue>> pairs;
        for (std::size_t i = 0; i < n; ++i) {
          const auto key = fbb.CreateString("key " + std::to_string(i));
          pairs.push_back(arrow::CreateKeyValue(fbb, key, fbb.CreateString("v")));
        }
        const auto list = fbb.CreateVector(pairs);
        return messages.schema(fbb, {WireMessages::floats(fbb)}, list).buffer();
      },
      [](const MessageBuffer& buffer) {
        MessageReader reader("test");
        (void)reader.read(buffer);
        REQUIRE(reader.schema()->metadata.find("key 7") != nullptr);
      });
}

TEST_CASE("columns: any number of them") {
  test::check_linear(
      5000,
      [](std::size_t n) {
        WireMessages messages;
        messages.schema([&](auto& fbb) { return WireMessages::many(fbb, n, WireMessages::floats); });
        std::vector<std::pair<std::int64_t, std::int64_t>> buffers;
        for (std::size_t i = 0; i < n; ++i) {
          buffers.emplace_back(0, 0);
          buffers.emplace_back(static_cast<std::int64_t>(4 * i), 4);
        }
        messages.rows(1, std::vector<std::int64_t>(n, 1), buffers, std::string(4 * n, '\0'));
        return messages.buffer();
      },
      [](const MessageBuffer& buffer) { REQUIRE(MessageReader("test").read(buffer)); });
}

TEST_CASE("tensor-metadata-brackets: nested JSON is refused before a tree is built") {
  WireMessages messages;
  WireMessages::Builder fbb;
  const auto key = [&](const char* name, const std::string& value) {
    const auto text = fbb.CreateString(name);
    return arrow::CreateKeyValue(fbb, text, fbb.CreateString(value));
  };
  const auto pairs = fbb.CreateVector(std::vector{key("ARROW:extension:name", "arrow.fixed_shape_tensor"),
                                                  key("ARROW:extension:metadata", std::string(60'000, '['))});
  const auto children = fbb.CreateVector(std::vector{WireMessages::floats(fbb)});
  const auto name = fbb.CreateString("x");
  const auto list = arrow::CreateFixedSizeList(fbb, 1).Union();
  messages.schema(
      fbb, {arrow::CreateField(fbb, name, true, arrow::Type::FixedSizeList, list, 0, children, pairs)});
  const MessageBuffer buffer = messages.buffer();
  const test::AllocatedBytes allocated;
  CHECK_THAT(read_error(messages), Catch::Contains("expected {\"shape\""));
  CHECK(allocated.most() < 8 * buffer.size + constant);
}

TEST_CASE("shared-tables: a schema whose fields share their children") {
  // Twenty levels of ten references to the same field: 10^20 fields, 1 kB.
  WireMessages messages;
  WireMessages::Builder fbb;
  auto field = WireMessages::floats(fbb);
  for (int level = 0; level < 20; ++level) {
    const auto children = fbb.CreateVector(std::vector(10, field));
    const auto name = fbb.CreateString("s");
    field = arrow::CreateField(fbb, name, true, arrow::Type::Struct_, arrow::CreateStruct_(fbb).Union(), 0,
                               children);
  }
  messages.schema(fbb, {field});
  const double begin = test::thread_seconds();
  CHECK_THAT(read_error(messages), Catch::Contains("metadata cannot be read"));
  CHECK(test::thread_seconds() - begin < 0.1);
}

TEST_CASE("shared-texts: fields that share a long name") {
  WireMessages messages;
  WireMessages::Builder fbb;
  const auto name = fbb.CreateString(std::string(100'000, 'x'));
  std::vector<flatbuffers::Offset<arrow::Field>> all;
  const auto type = arrow::CreateFloatingPoint(fbb, arrow::Precision::SINGLE).Union();
  for (int i = 0; i < 2000; ++i) {
    all.push_back(arrow::CreateField(fbb, name, true, arrow::Type::FloatingPoint, type));
  }
  messages.schema(fbb, all);
  const MessageBuffer buffer = messages.buffer();
  const test::AllocatedBytes allocated;
  CHECK_THAT(read_error(messages), Catch::Contains("many times"));
  CHECK(allocated.most() < 8 * buffer.size + constant);
}

TEST_CASE("overlapping-buffers: a body is not given out twice") {
  WireMessages messages;
  messages.schema([](auto& fbb) { return WireMessages::many(fbb, 50, WireMessages::booleans); });
  std::vector<std::pair<std::int64_t, std::int64_t>> buffers;
  for (int i = 0; i < 50; ++i) {
    buffers.emplace_back(0, 0);
    buffers.emplace_back(0, 1000);
  }
  messages.rows(8000, std::vector<std::int64_t>(50, 8000), buffers, std::string(1000, '\0'));
  CHECK_THAT(read_error(messages), Catch::Contains("overlap"));
}

TEST_CASE("compressed-bodies: what they decompress to is limited before memory is taken") {
  struct Row {
    const char* what;
    std::int64_t entries;  // of 4 bytes
    std::string error;
  };
  for (const Row& row :
       {Row{"as large as a frame may be", (1 << 18) - 2, ""},
        Row{"larger than a frame", 1 << 19, "decompressed is over the limit of 1048576 bytes"}}) {
    INFO(row.what);
    WireMessages messages = with_texts();
    messages.empty_texts(false, row.entries);
    const std::size_t size = messages.buffer().size;
    const test::AllocatedBytes allocated;
    CHECK_THAT(read_error(messages, {.max_frame = 1 << 20, .max_decoded = 16 << 20}),
               Catch::Contains(row.error));
    CHECK(allocated.most() < 12 * (std::size_t{1} << 20) + 8 * size + constant);
  }
}

TEST_CASE("dictionaries-together: replacements in one frame share its budget") {
  WireMessages messages = with_texts();
  for (int i = 0; i < 200; ++i) messages.empty_texts(false, 60'000);
  const test::AllocatedBytes allocated;
  CHECK_THAT(read_error(messages), Catch::Contains("limit of 4194304 bytes"));
  CHECK(allocated.most() < 2 * limits.decoded() + constant);
}

TEST_CASE("dictionaries-of-a-stream: deltas of many frames share its budget") {
  MessageReader reader("test", limits);
  (void)reader.read(with_texts().buffer());
  WireMessages delta;
  delta.empty_texts(true, 60'000);  // 16 bytes each
  const test::AllocatedBytes allocated;
  std::string error;
  int frames = 0;
  for (; frames < 1000 && error.empty(); ++frames) {
    try {
      (void)reader.read(delta.buffer());
    } catch (const Error& thrown) {
      error = thrown.what();
    }
  }
  CHECK(frames == 5);
  CHECK_THAT(error,
             Catch::Contains("the stream's dictionaries take more memory than the limit of 4194304 bytes"));
  CHECK(allocated.most() < 4 * limits.decoded() + constant);
}

TEST_CASE("rows-without-bytes: columns of nothing are counted all the same") {
  struct Row {
    const char* what;
    std::int64_t rows;
    std::size_t columns;
  };
  for (const Row& row : {Row{"many rows", 8'000'000, 1}, Row{"many columns", 80'000, 100}}) {
    INFO(row.what);
    WireMessages messages;
    messages.schema([&](auto& fbb) { return WireMessages::many(fbb, row.columns, WireMessages::nothing); });
    messages.rows(row.rows, std::vector<std::int64_t>(row.columns, row.rows), {}, "");
    CHECK_THAT(read_error(messages), Catch::Contains("limit of 4194304 bytes"));
  }
}

TEST_CASE("decoded-size: what messages stand for is known without decoding them") {
  WireMessages plain = with_texts();
  add_delta(plain);
  add_row(plain);
  CHECK(decoded_size(plain.buffer()) > plain.buffer().size / 4);
  CHECK(decoded_size(plain.buffer()) < 2 * plain.buffer().size);

  WireMessages compressed = with_texts();
  compressed.empty_texts(false, 200'000);
  CHECK(compressed.buffer().size < 4096);
  CHECK(decoded_size(compressed.buffer()) > 800'000);
  CHECK(decoded_size(compressed.buffer()) < 810'000);

  WireMessages rows;
  rows.schema([](auto& fbb) { return std::vector{WireMessages::nothing(fbb)}; });
  rows.rows(1'000'000, {1'000'000}, {}, "");
  CHECK(decoded_size(rows.buffer()) > 1'000'000);

  WireMessages outside;
  outside.schema([](auto& fbb) { return std::vector{WireMessages::floats(fbb)}; });
  outside.rows(1, {1}, {{0, 0}, {0, 400}}, std::string(64, '\0'));
  CHECK_THROWS_AS(decoded_size(outside.buffer()), Error);
}

TEST_CASE("repeated-blocks: a file whose footer names the same rows many times") {
  WireMessages messages;
  messages.bytes = std::string("ARROW1\0\0", 8);
  const auto fields = [](auto& fbb) { return std::vector{WireMessages::floats(fbb)}; };
  messages.schema(fields);
  const std::size_t at = messages.bytes.size();
  messages.rows(16, {16}, {{0, 0}, {0, 64}}, std::string(64, '\0'));
  const auto with_footer = [&](int blocks) {
    WireMessages::Builder fbb;
    const auto list = fbb.CreateVector(fields(fbb));
    const auto schema = arrow::CreateSchema(fbb, arrow::Endianness::Little, list);
    std::vector<arrow::Block> places;
    for (int i = 0; i < blocks; ++i)
      places.emplace_back(static_cast<std::int64_t>(at),
                          static_cast<std::int32_t>(messages.bytes.size() - at), 0);
    const auto batches = fbb.CreateVectorOfStructs(places);
    fbb.Finish(arrow::CreateFooter(fbb, arrow::MetadataVersion::V5, schema, 0, batches));
    const auto size = static_cast<std::int32_t>(fbb.GetSize());
    return messages.bytes +
           std::string(reinterpret_cast<const char*>(fbb.GetBufferPointer()), fbb.GetSize()) +
           four_bytes(size) + "ARROW1";
  };
  const auto rows_of = [](const std::string& bytes) {
    const test::ScratchFile file(bytes);
    const auto source = read_stream(open_bytes(file.path()));
    std::int64_t rows = 0;
    while (auto batch = source->next()) rows += batch->rows;
    return rows;
  };
  CHECK(rows_of(with_footer(1)) == 16);
  CHECK_THROWS_AS(rows_of(with_footer(1000)), Error);
  // Its second footer speaks of the first file's places, or of no rows.
  CHECK_THROWS_WITH(rows_of(with_footer(1) + with_footer(1)), Catch::Contains("are to be read one by one"));
  CHECK_THROWS_WITH(rows_of(with_footer(1) + with_footer(0)), Catch::Contains("are to be read one by one"));
}
