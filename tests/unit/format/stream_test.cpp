#include "format/arrow/stream.hpp"

#include <cstring>

#include "base/error.hpp"
#include "base/random.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::format;

namespace {

using Bytes = std::vector<std::byte>;

// A stream in memory.
class MemoryOutput final : public ByteOutput {
 public:
  explicit MemoryOutput(Bytes& bytes) : bytes_(bytes) {}
  void write(std::span<struct iovec> pieces) override {
    for (const auto& piece : pieces) {
      const auto* data = static_cast<const std::byte*>(piece.iov_base);
      bytes_.insert(bytes_.end(), data, data + piece.iov_len);
    }
  }

 private:
  Bytes& bytes_;
};

constexpr std::int64_t row_count = 50;

// A column of every type, with and without missing values.
std::shared_ptr<Schema> every_type() {
  auto schema = std::make_shared<Schema>();
  schema->metadata.set("nn.tool", "test");
  for (int type = 0; type <= static_cast<int>(DType::category); ++type) {
    const auto dtype = static_cast<DType>(type);
    Field field;
    field.name = std::string(name_of(dtype));
    field.type = dtype;
    field.nullable = type % 2 == 0;
    schema->fields.push_back(field);
    if (!is_number(dtype)) continue;
    field.name += " tensor";
    field.shape = {2, 3};
    field.nullable = false;
    schema->fields.push_back(field);
  }
  return schema;
}

Column texts_of(std::int64_t rows) {
  struct Owned {
    Buffer offsets, text;
  };
  auto owned = std::make_shared<Owned>();
  owned->offsets = Buffer(static_cast<std::size_t>(rows + 1) * 4);
  owned->text = Buffer(static_cast<std::size_t>(rows * rows));
  std::int32_t at = 0;
  for (std::int64_t r = 0; r <= rows; ++r) {
    owned->offsets.as<std::int32_t>()[r] = at;
    for (std::int64_t i = 0; r < rows && i < r % 5; ++i)
      owned->text.as<char>()[at++] = static_cast<char>('a' + r % 26);
  }
  Column column;
  column.data = owned->text.data();
  column.offsets = owned->offsets.as<std::int32_t>();
  column.owner = owned;
  return column;
}

std::shared_ptr<Dictionary> dictionary_of(int size) {
  auto dictionary = std::make_shared<Dictionary>();
  for (int i = 0; i < size; ++i) dictionary->append("text " + std::to_string(i));
  return dictionary;
}

Batch batch_of(const std::shared_ptr<Schema>& schema, std::int64_t first, int categories) {
  static const std::uint8_t bits[] = {0xA5, 0xFF, 0x7E, 0x11, 0xC3, 0x0F, 0x3C};
  Batch batch{schema, first, row_count, {}};
  for (const Field& field : schema->fields) {
    Column column;
    if (field.type == DType::utf8) {
      column = texts_of(row_count);
    } else {
      const auto elements = static_cast<std::size_t>(row_count * element_count(field.shape));
      Buffer values(elements * size_of(field.type));
      for (std::size_t i = 0; i < values.size(); ++i) values.data()[i] = static_cast<std::byte>(i * 7 % 120);
      for (std::size_t i = 0; i < elements; ++i) {
        if (field.type == DType::boolean) values.as<std::uint8_t>()[i] = i % 3 == 0;
        if (field.type == DType::category)
          values.as<std::int32_t>()[i] = static_cast<std::int32_t>(i) % categories;
      }
      column = make_column(std::move(values));
    }
    if (field.type == DType::category) column.dictionary = dictionary_of(categories);
    if (field.nullable) column.validity = bits;
    batch.columns.push_back(column);
  }
  return batch;
}

Bytes written(const std::vector<Batch>& batches, StreamLimits limits = {}) {
  Bytes bytes;
  StreamWriter writer(std::make_unique<MemoryOutput>(bytes), *batches.at(0).schema, limits);
  for (const Batch& batch : batches) writer.write(batch);
  writer.finish();
  return bytes;
}

std::vector<Batch> read_back(const Bytes& bytes, StreamLimits limits = {}) {
  const auto source = read_stream(bytes_in_memory(bytes, "test"), limits);
  std::vector<Batch> batches;
  while (auto batch = source->next()) batches.push_back(std::move(*batch));
  return batches;
}

void require_same(const Batch& a, const Batch& b) {
  REQUIRE(a.rows == b.rows);
  REQUIRE(a.first_row == b.first_row);
  REQUIRE(a.columns.size() == b.columns.size());
  for (std::size_t c = 0; c < a.columns.size(); ++c) {
    const Field& field = a.schema->fields[c];
    INFO(field.name);
    REQUIRE(b.schema->fields[c].type == field.type);
    REQUIRE(b.schema->fields[c].shape == field.shape);
    for (std::int64_t r = 0; r < a.rows; ++r) {
      REQUIRE(a.columns[c].valid(r) == b.columns[c].valid(r));
      if (!a.columns[c].valid(r)) continue;
      if (!field.shape.empty()) {
        const std::size_t width = static_cast<std::size_t>(element_count(field.shape)) * size_of(field.type);
        REQUIRE(std::memcmp(a.columns[c].data + static_cast<std::size_t>(r) * width,
                            b.columns[c].data + static_cast<std::size_t>(r) * width, width) == 0);
      } else {
        REQUIRE(value_text(field, a.columns[c], r) == value_text(field, b.columns[c], r));
      }
    }
  }
}

std::string error_of(const Bytes& bytes, StreamLimits limits = {}) {
  try {
    read_back(bytes, limits);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("every type comes back, whole and sliced") {
  const auto schema = every_type();
  const Batch batch = batch_of(schema, 100, 4);
  const auto back = read_back(written({batch, slice(batch, 3, 20), slice(batch, 8, 1)}));
  REQUIRE(back.size() == 3);
  require_same(batch, back[0]);
  require_same(slice(batch, 3, 20), back[1]);
  require_same(slice(batch, 8, 1), back[2]);
  CHECK(*back[0].schema->metadata.find("nn.tool") == "test");
}

TEST_CASE("dictionaries grow and change between batches") {
  const auto schema = every_type();
  const std::vector<Batch> batches = {batch_of(schema, 0, 2), batch_of(schema, 50, 7),
                                      batch_of(schema, 100, 3)};
  const auto back = read_back(written(batches));
  REQUIRE(back.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) require_same(batches[i], back[i]);
}

TEST_CASE("dictionaries that grow take each other's place, and never more than a share of the stream") {
  const auto schema = std::make_shared<Schema>();
  schema->fields = {{"c", DType::category, {}, true, {}, {}}};
  constexpr std::int64_t rows = 100, count = 2000;
  Dictionary texts;
  Bytes bytes;
  StreamWriter writer(std::make_unique<MemoryOutput>(bytes), *schema);
  std::vector<std::size_t> sizes;
  for (std::int64_t b = 0; b < count; ++b) {
    for (int i = 0; i < 10; ++i) texts.append("text " + std::to_string(texts.size()));
    Buffer indices(rows * sizeof(std::int32_t));
    for (std::int64_t r = 0; r < rows; ++r)
      indices.as<std::int32_t>()[r] = static_cast<std::int32_t>(b * 10 + r % 10);
    Batch batch{schema, b * rows, rows, {make_column(std::move(indices))}};
    batch.columns[0].dictionary = std::make_shared<Dictionary>(texts);
    writer.write(batch);
    sizes.push_back(bytes.size());
  }
  writer.finish();
  CHECK(sizes[count - 1] < 3 * sizes[count / 2 - 1]);  // linear
  const auto back = read_back(bytes);
  REQUIRE(back.size() == count);
  for (std::int64_t b = 0; b < count; ++b) {
    const Column& column = back[static_cast<std::size_t>(b)].columns[0];
    for (std::int64_t r = 0; r < rows; ++r) {
      REQUIRE((*column.dictionary)[static_cast<std::size_t>(column.as<std::int32_t>()[r])] ==
              "text " + std::to_string(b * 10 + r % 10));
    }
  }
}

TEST_CASE("bodies are aligned to 64 bytes and rows keep their number") {
  const auto schema = every_type();
  const Bytes bytes = written({batch_of(schema, 7, 3)});
  CHECK(bytes.size() % 8 == 0);
  CHECK(read_back(bytes)[0].first_row == 7);
}

TEST_CASE("a batch over the limit is split, a row over it is refused") {
  const auto schema = every_type();
  const Batch batch = batch_of(schema, 0, 3);
  const auto back = read_back(written({batch}, {9000}));
  REQUIRE(back.size() > 1);
  std::int64_t rows = 0;
  for (const Batch& part : back) {
    CHECK(part.first_row == rows);
    require_same(slice(batch, rows, part.rows), part);
    rows += part.rows;
  }
  CHECK(rows == row_count);
  CHECK_THROWS_AS(written({batch}, {100}), Error);
}

TEST_CASE("broken streams each say what is wrong") {
  const auto schema = every_type();
  const Bytes good = written({batch_of(schema, 0, 3)});
  CHECK_THAT(error_of(Bytes{}), Catch::Contains("empty"));
  CHECK_THAT(error_of(Bytes(good.begin(), good.end() - 8)), Catch::Contains("end-of-stream"));
  CHECK_THAT(error_of(Bytes(good.begin(), good.begin() + 100)), Catch::Contains("end-of-stream"));
  CHECK_THAT(error_of(good, {1024}), Catch::Contains("--max-frame"));
  Bytes flipped = good;
  flipped[flipped.size() - 200] ^= std::byte{1};
  CHECK_THAT(error_of(flipped), Catch::Contains("checksum"));
  Bytes text(64, std::byte{'x'});
  CHECK_THAT(error_of(text), Catch::Contains("not a stream"));

  Bytes abandoned;
  StreamWriter writer(std::make_unique<MemoryOutput>(abandoned), *schema);
  writer.write(batch_of(schema, 0, 3));
  writer.abandon("x.csv:17: too bad");
  CHECK_THAT(error_of(abandoned), Catch::Contains("x.csv:17: too bad"));
}

// Found by fuzzing: the type of a message's header was there, and the header was not.
TEST_CASE("a message without a header is an error") {
  Bytes stream = written({batch_of(every_type(), 0, 3)});
  stream.resize(stream.size() - 8);           // without its end
  for (const char type : {'\x02', '\x03'}) {  // dictionary, rows
    std::string message("\xff\xff\xff\xff\x14\0\0\0\x0c\0\0\0\x08\0\x08\0\x06\0\x05\0\x08\0\0\0\0?\x04\0",
                        28);
    message[25] = type;
    Bytes bytes = stream;
    const auto* data = reinterpret_cast<const std::byte*>(message.data());
    bytes.insert(bytes.end(), data, data + message.size());
    CHECK_THAT(error_of(bytes), Catch::Contains("no header"));
  }
}

TEST_CASE("a stream cut anywhere is an error") {
  const auto schema = every_type();
  const Bytes good = written({batch_of(schema, 0, 3)});
  for (std::size_t length = 0; length < good.size(); length += length < 600 ? 1 : 37) {
    INFO(length);
    REQUIRE(!error_of(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length))).empty());
  }
}

TEST_CASE("streams behind each other are one table") {
  const auto schema = every_type();
  const Batch first = batch_of(schema, 0, 3), other = batch_of(schema, 7, 5);
  const auto joined = [](std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  };
  const Bytes one = written({first, batch_of(schema, row_count, 4)}), two = written({other});
  const Bytes padding(12), garbage(5, std::byte{'x'});
  for (const Bytes& bytes : {joined({one, two, one}), joined({one, padding, two, one, padding})}) {
    const auto back = read_back(bytes);
    REQUIRE(back.size() == 5);
    // What a row's number says of its place in its own stream is kept.
    const std::int64_t numbers[] = {0, 50, 107, 157, 207};
    for (std::size_t i = 0; i < back.size(); ++i) {
      INFO(i);
      CHECK(back[i].schema == back[0].schema);
      CHECK(back[i].first_row == numbers[i]);
    }
    Batch moved = other;
    moved.first_row = 107;
    require_same(moved, back[2]);
    moved = first;
    moved.first_row = 157;
    require_same(moved, back[3]);
  }
  CHECK_THAT(error_of(joined({one, garbage})), Catch::Contains("5 bytes follow its end-of-stream marker"));
  CHECK_THAT(error_of(joined({one, padding, garbage, garbage})), Catch::Contains("10 bytes follow"));
  CHECK_THAT(error_of(joined({one, Bytes(two.begin(), two.begin() + 90)})),
             Catch::Contains("stream 2 of several"));

  auto renamed = std::make_shared<Schema>(*schema);
  renamed->fields[0].name = "other";
  CHECK_THAT(error_of(joined({one, written({batch_of(renamed, 0, 3)})})), Catch::Contains("'other'"));
  auto of_model = std::make_shared<Schema>(*schema);
  of_model->metadata.set("nn.model", "a");
  const Bytes by_a = written({batch_of(of_model, 0, 3)});
  of_model = std::make_shared<Schema>(*schema);
  of_model->metadata.set("nn.model", "b");
  const Bytes by_b = written({batch_of(of_model, 0, 3)});
  CHECK(read_back(joined({by_a, by_a})).size() == 2);
  CHECK_THAT(error_of(joined({by_a, by_b})), Catch::Contains("another model"));
  // The first stream said that none of its values is missing, and the schema is for all.
  auto complete = std::make_shared<Schema>(*schema);
  for (Field& field : complete->fields) field.nullable = false;
  CHECK_THAT(error_of(joined({written({batch_of(complete, 0, 3)}), one})), Catch::Contains("missing values"));
}

TEST_CASE("damaged streams give an error or valid batches") {
  const auto schema = every_type();
  const Bytes good = written({batch_of(schema, 0, 3), batch_of(schema, 50, 5)});
  RandomStream random(1, RandomUse::split);
  int errors = 0;
  for (int i = 0; i < 4000; ++i) {
    Bytes bytes = good;
    for (int n = 0; n <= i % 3; ++n) {
      // Mostly in the metadata, where lengths and offsets are.
      const std::uint64_t limit = i % 2 == 0 ? bytes.size() : std::min<std::uint64_t>(bytes.size(), 4096);
      bytes[random.below(limit)] = static_cast<std::byte>(random.next_u32());
    }
    try {
      for (const Batch& batch : read_back(bytes)) {
        for (std::size_t c = 0; c < batch.columns.size(); ++c) {
          const Field& field = batch.schema->fields[c];
          for (std::int64_t r = 0; r < batch.rows; ++r) {
            if (field.shape.empty() && batch.columns[c].valid(r)) value_text(field, batch.columns[c], r);
          }
        }
      }
    } catch (const Error&) {
      ++errors;
    }
  }
  CHECK(errors > 1000);
}
