#include <fmt/format.h>
#include <zlib.h>

#include <filesystem>

#include "array_files.hpp"
#include "catch.hpp"
#include "format/readers.hpp"

using namespace nn;
using namespace nn::format;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

std::string idx(int type, std::initializer_list<std::uint32_t> dimensions, std::string_view data) {
  std::string out("\0\0", 2);
  out += static_cast<char>(type);
  out += static_cast<char>(dimensions.size());
  for (const std::uint32_t dimension : dimensions) put_number(out, DType::u32, dimension, true);
  return out.append(data);
}

std::unique_ptr<BatchSource> from_memory(std::string file) {
  return read_idx(piped(std::move(file), "a.idx"), "x");
}

std::string error_in(const std::string& file) {
  return error_of([&] {
    const auto source = from_memory(file);
    read_out(*source);
  });
}

}  // namespace

TEST_CASE("idx: every type, from pipe, mapping and gzip") {
  struct Row {
    int code;
    DType type;
  };
  for (const Row& row : {Row{0x08, DType::u8}, Row{0x09, DType::i8}, Row{0x0B, DType::i16},
                         Row{0x0C, DType::i32}, Row{0x0D, DType::f32}, Row{0x0E, DType::f64}}) {
    INFO(name_of(row.type));
    std::string data;
    Contents expected{{}, 4, {4}};
    for (std::int64_t i = 0; i < 24; ++i) {
      expected.values.push_back(sample_value(row.type, i));
      put_number(data, row.type, expected.values.back(), true);
    }
    const std::string file = idx(row.code, {4, 2, 3}, data);
    const auto source = from_memory(file);
    CHECK(source->schema()->fields[0].name == "x");
    CHECK(source->schema()->fields[0].type == row.type);
    CHECK(source->schema()->fields[0].shape == Shape{2, 3});
    CHECK(source->total_rows() == 4);
    CHECK(read_out(*source) == expected);
    const ScratchFile plain(file);
    const auto mapped = read_idx(open_bytes(plain.path()), "x");
    CHECK(read_out(*mapped) == expected);
    const ScratchFile packed;
    const gzFile gz = gzopen(packed.path().c_str(), "wb");
    gzwrite(gz, file.data(), static_cast<unsigned>(file.size()));
    gzclose(gz);
    const auto unpacked = read_idx(open_bytes(packed.path()), "x");
    CHECK(read_out(*unpacked) == expected);
  }
}

TEST_CASE("idx: bytes of a mapped file are used in place, labels are scalars") {
  const ScratchFile scratch(idx(0x08, {2000}, std::string(2000, '\7')));
  const auto source = read_idx(open_bytes(scratch.path()), "y");
  CHECK(source->schema()->fields[0].shape.empty());
  const auto first = source->next();
  const auto second = source->next();
  REQUIRE((first && second));
  CHECK(first->columns[0].data + 1024 == second->columns[0].data);
  CHECK(second->rows == 976);
}

TEST_CASE("idx: what is wrong with a file is said") {
  struct Row {
    std::string file;
    const char* message;
  };
  const Row table[] = {
      {"", "not an IDX file"},
      {"text", "not an IDX file"},
      {idx(0x0A, {1}, "a"), "unknown IDX type 0x0a"},
      {idx(0x00, {1}, "a"), "unknown IDX type 0x00"},
      {idx(0x08, {}, ""), "0-dimensional"},
      {idx(0x08, {}, "a"), ""},
      {idx(0x08, {3}, "ab"), "cut off: uint8 [3] needs 3 bytes, there are 2"},
      {idx(0x0D, {2, 2}, "abcdefgh"), "cut off: float32 [2,2] needs 16 bytes, there are 8"},
      {idx(0x08, {1}, "ab"), "follow the array of uint8 [1]"},
      {idx(0x08, {2, 0}, ""), "are empty"},
      {idx(0x0E, {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, ""), "larger than any memory"},
      {idx(0x0E, {0, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, ""), "larger than any memory"},
      {idx(0x08, {0xFFFFFFFF, 0xFFFF}, "abc"), "cut off: uint8 [4294967295,65535]"},
      {std::string("\0\0\x08\xFF", 4) + std::string(255 * 4, '\xFF'), "larger than any memory"},
      {std::string("\0\0\x08\xFF", 4) + "abc", "cut off inside the IDX header"},
  };
  for (const Row& row : table) {
    INFO(row.message);
    const std::string error = error_in(row.file);
    CHECK_FALSE(error.empty());
    CHECK_THAT(error, Contains(row.message));
  }
}

TEST_CASE("idx: cut off at every byte") {
  const std::string whole = idx(0x0B, {3, 2}, "abcdefghijkl");
  CHECK(error_in(whole).empty());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    INFO(n);
    CHECK_FALSE(error_in(whole.substr(0, n)).empty());
  }
}

TEST_CASE("idx: no rows is no batch") {
  const auto source = from_memory(idx(0x08, {0, 28, 28}, ""));
  CHECK_FALSE(source->next());
}
