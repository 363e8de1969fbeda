#include "format/numpy/npy.hpp"

#include <fmt/format.h>

#include "array_files.hpp"
#include "base/random.hpp"
#include "catch.hpp"
#include "format/readers.hpp"
#include "linear.hpp"
#include "npy_files.hpp"

using namespace nn;
using namespace nn::format;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

std::unique_ptr<BatchSource> from_memory(std::string file) {
  return read_npy(piped(std::move(file), "a.npy"), "x");
}

std::string error_in(const std::string& file) {
  return error_of([&] {
    const auto source = from_memory(file);
    read_out(*source);
  });
}

struct TypeRow {
  DType type;
  const char* code;
};
constexpr TypeRow types[] = {{DType::boolean, "b1"}, {DType::i8, "i1"},  {DType::i16, "i2"},
                             {DType::i32, "i4"},     {DType::i64, "i8"}, {DType::u8, "u1"},
                             {DType::u16, "u2"},     {DType::u32, "u4"}, {DType::u64, "u8"},
                             {DType::f16, "f2"},     {DType::f32, "f4"}, {DType::f64, "f8"}};

}  // namespace

TEST_CASE("npy: every type, byte order, element order and version reads the same from pipe and mapping") {
  constexpr std::int64_t rows = 5, height = 3, width = 2;
  for (const TypeRow& row : types) {
    for (const bool big : {false, true}) {
      for (const bool fortran : {false, true}) {
        for (const char version : {'\1', '\2', '\3'}) {
          std::string data;
          Contents expected;
          for (std::int64_t i = 0; i < rows * height * width; ++i)
            expected.values.push_back(sample_value(row.type, i));
          expected.rows = rows;
          expected.batches = {rows};
          for (std::int64_t i = 0; i < rows * height * width; ++i) {
            std::int64_t element = i;
            if (fortran) element = (i % rows * height + i / rows % height) * width + i / (rows * height);
            put_number(data, row.type, expected.values[static_cast<std::size_t>(element)], big);
          }
          const std::string descr = fmt::format("{}{}",
                                                size_of(row.type) == 1 ? '|'
                                                : big                  ? '>'
                                                                       : '<',
                                                row.code);
          const std::string file = npy(dictionary(descr, fortran, "(5, 3, 2)"), data, version);
          INFO(descr << " fortran " << fortran << " version " << int{version});
          const auto source = from_memory(file);
          CHECK(source->schema()->fields[0].type == row.type);
          CHECK(source->schema()->fields[0].shape == Shape{3, 2});
          CHECK(source->total_rows() == rows);
          CHECK(read_out(*source) == expected);
          const ScratchFile scratch(file);
          const auto mapped = read_npy(open_bytes(scratch.path()), "x");
          CHECK(read_out(*mapped) == expected);
        }
      }
    }
  }
}

TEST_CASE("npy: a mapped little-endian array in C order is used in place") {
  std::string data;
  for (int i = 0; i < 3000; ++i) put_number(data, DType::f32, i, false);
  const ScratchFile scratch(npy_header(DType::f32, {1500, 2}) + data);
  const auto source = read_npy(open_bytes(scratch.path()), "x");
  const auto first = source->next();
  const auto second = source->next();
  REQUIRE((first && second));
  CHECK(first->rows == usual_batch_rows);
  CHECK(first->columns[0].owner == second->columns[0].owner);
  CHECK(first->columns[0].data + 1024 * 8 == second->columns[0].data);
  CHECK(reinterpret_cast<std::uintptr_t>(first->columns[0].data) % alignment == 0);
  CHECK(second->columns[0].as<float>()[0] == 2048.0f);
  CHECK_FALSE(source->next());
}

TEST_CASE("npy: large arrays come in batches from a pipe, in both orders") {
  constexpr std::int64_t rows = 2500;
  for (const bool fortran : {false, true}) {
    std::string data;
    Contents expected;
    for (std::int64_t i = 0; i < rows * 2; ++i) expected.values.push_back(static_cast<double>(i));
    for (std::int64_t i = 0; i < rows * 2; ++i) {
      put_number(data, DType::f64, static_cast<double>(fortran ? i % rows * 2 + i / rows : i), true);
    }
    expected.rows = rows;
    expected.batches = {1024, 1024, 452};
    const std::string file = npy(dictionary(">f8", fortran, "(2500, 2)"), data);
    const auto source = from_memory(file);
    CHECK(read_out(*source) == expected);
  }
}

TEST_CASE("npy: rows of many bytes make smaller batches") {
  const std::string file = npy(dictionary("|u1", false, "(3, 12582912)"), std::string(3 * 12582912, '\1'));
  const auto source = from_memory(file);
  const auto batch = source->next();
  REQUIRE(batch);
  CHECK(batch->rows == 1);
}

TEST_CASE("npy: bytes of a boolean array other than 0 and 1 are true") {
  const auto source = from_memory(npy(dictionary("|b1", false, "(3,)"), std::string("\x02\0\xFF", 3)));
  const auto batch = source->next();
  REQUIRE(batch);
  CHECK(std::memcmp(batch->columns[0].data, "\1\0\1", 3) == 0);
}

TEST_CASE("npy: dictionaries as other versions of Python and NumPy write them") {
  const std::string data("\x01\0\x02\0", 4);
  for (const std::string_view text : {
           "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }          \n",
           "{'shape': (2L,), 'fortran_order': False, 'descr': '<i2'}",
           "{\"descr\":\"<i2\",\"fortran_order\":False,\"shape\":(2,)}\n",
           "{'descr': '<i2', 'fortran_order': True, 'shape': (2,)}",
           " { 'descr' : '<i2' ,\t'fortran_order' : False , 'shape' : ( 2 , ) , } \n",
       }) {
    INFO(text);
    const auto source = from_memory(npy(text, data));
    CHECK(read_out(*source).values == std::vector<double>{1, 2});
  }
}

TEST_CASE("npy: no rows is no batch") {
  const auto source = from_memory(npy(dictionary("<f4", false, "(0, 7)"), ""));
  CHECK(source->total_rows() == 0);
  CHECK_FALSE(source->next());
}

TEST_CASE("npy: what is wrong with a file is said") {
  struct Row {
    std::string file;
    const char* message;
  };
  const std::string two("\x01\0\x02\0", 4);
  const auto with = [&](std::string_view text) { return npy(text, two); };
  const auto typed = [&](std::string_view descr) { return with(dictionary(descr, false, "(2,)")); };
  const auto shaped = [&](std::string_view shape) { return with(dictionary("<i2", false, shape)); };
  const Row table[] = {
      {"", "empty"},
      {"not an array", "not a .npy file"},
      {"PK\x03\x04 something", "not a .npy file"},
      {npy(dictionary("<i2", false, "(2,)"), two, 4), "npy version 4.0"},
      {npy(dictionary("<i2", false, "(2,)"), two, 0), "npy version 0.0"},
      {npy("", two), "header ends where '{'"},
      {with("{"), "header ends where a string"},
      {with("[]"), "expected '{'"},
      {with("{'descr': '<i2', 'fortran_order': False, 'shape': (2,)"), "header ends where '}'"},
      {with("{'descr': '<i2', 'fortran_order': False, 'shape': (2,)} x"), "expected the end of the header"},
      {with("{'descr: '<i2', 'fortran_order': False, 'shape': (2,)}"), "expected ':'"},
      {with("{'descr': '<i2}"), "closed string"},
      {with("{'descr': '<i2', 'shape': (2,)}"), "no 'fortran_order'"},
      {with("{'descr': '<i2', 'fortran_order': False}"), "no 'shape'"},
      {with("{'fortran_order': False, 'shape': (2,)}"), "no 'descr'"},
      {with("{'descr': '<i2', 'descr': '<i2', 'fortran_order': False, 'shape': (2,)}"),
       "repeated key 'descr'"},
      {with("{'descr': '<i2', 'fortran_order': False, 'shape': (2,), 'evil': 1}"),
       "unexpected or repeated key 'evil'"},
      {with("{'descr': '<i2', 'fortran_order': Maybe, 'shape': (2,)}"), "expected True or False"},
      {with("{'descr': '<i2', 'fortran_order': 0, 'shape': (2,)}"), "expected True or False"},
      {with("{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (2,)}"),
       "expected a string"},
      {with("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (2,)}"), "records with named fields"},
      {typed("|O"), "holds Python objects"},
      {typed("<U5"), "holds strings"},
      {typed("|S5"), "holds byte strings"},
      {typed("<c8"), "holds complex numbers"},
      {typed("<M8[ns]"), "holds dates"},
      {typed("<f16"), "extended precision"},
      {typed("|V2"), "raw records"},
      {typed("|i2"), "unknown type '|i2'"},
      {typed("<i3"), "unknown type '<i3'"},
      {typed("i2"), "unknown type 'i2'"},
      {typed(""), "unknown type ''"},
      {typed("\x01\x02\x03"), "unknown type '\\x01\\x02\\x03'"},
      {npy(dictionary("<i2", false, "()"), "ab"), "0-dimensional"},
      {shaped("(-2,)"), "expected a dimension"},
      {shaped("(2.0,)"), "expected ')'"},
      {shaped("(99999999999999999999,)"), "expected a dimension"},
      {shaped("[2]"), "expected '('"},
      {shaped("(2, 3"), "expected a dimension"},
      {shaped("(4611686018427387904, 4, 4)"), "larger than any memory"},
      {shaped("(0, 4611686018427387904, 4)"), "larger than any memory"},
      {shaped("(9223372036854775807,)"), "larger than any memory"},
      {shaped("(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"),
       "more than 32 dimensions"},
      {npy(dictionary("<i2", false, "(2, 0)"), ""), "the rows of int16 [2,0] are empty"},
      {shaped("(3,)"), "cut off: int16 [3] needs 6 bytes, there are 4"},
      {shaped("(1099511627776,)"), "cut off: int16 [1099511627776] needs 2199023255552 bytes, there are 4"},
      {shaped("(1, 1099511627776)"),
       "cut off: int16 [1,1099511627776] needs 2199023255552 bytes, there are 4"},
      {with(dictionary("<i2", true, "(2, 1099511627776)")), "cut off: int16 [2,1099511627776]"},
      {shaped("(1,)"), "follow the array of int16 [1]"},
      {std::string("\x93NUMPY\x02\0\xFF\xFF\xFF\x7F", 12) + "{", "header of 2147483647 bytes"},
      {npy(std::string(60000, '{'), ""), "expected a string"},
  };
  for (const Row& row : table) {
    INFO(row.file.substr(0, 200));
    CHECK_THAT(error_in(row.file), Contains(row.message));
    const ScratchFile scratch(row.file);
    const std::string mapped = error_of([&] {
      const auto source = read_npy(open_bytes(scratch.path()), "x");
      read_out(*source);
    });
    CHECK_THAT(mapped, Contains(row.message));
    CHECK_THAT(mapped, Contains(scratch.path()));
  }
}

TEST_CASE("npy: cut off at every byte") {
  for (const bool fortran : {false, true}) {
    const std::string whole = npy(dictionary("<i2", fortran, "(2, 2)"), std::string("\1\0\2\0\3\0\4\0", 8));
    CHECK(error_in(whole).empty());
    for (std::size_t n = 0; n < whole.size(); ++n) {
      INFO(n);
      CHECK_FALSE(error_in(whole.substr(0, n)).empty());
    }
    CHECK_FALSE(error_in(whole + "x").empty());
  }
}

TEST_CASE("npy: the header that is written is the one that is read, and data start at 64 bytes") {
  for (const TypeRow& row : types) {
    for (const Shape& shape : {Shape{4}, Shape{2, 3}, Shape{1, 2, 3, 4}, Shape{1234567, 1}}) {
      const std::string header = npy_header(row.type, shape);
      CHECK(header.size() % 64 == 0);
      CHECK(header.back() == '\n');
      std::string file = header;
      file.resize(header.size() + static_cast<std::size_t>(element_count(shape)) * size_of(row.type));
      const auto source = from_memory(file);
      CHECK(source->schema()->fields[0].type == row.type);
      CHECK(source->total_rows() == shape[0]);
    }
  }
  CHECK_THAT(npy_header(DType::f32, {3}),
             Contains("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"));
  CHECK_THAT(npy_header(DType::u8, {}), Contains("'descr': '|u1', 'fortran_order': False, 'shape': (), }"));
}

TEST_CASE("npy: changed headers neither crash nor take much memory") {
  const std::string whole = npy(dictionary("<i2", true, "(2, 2)"), std::string("\1\0\2\0\3\0\4\0", 8), 2);
  RandomStream random(1, RandomUse::shuffle);
  for (int round = 0; round < 5000; ++round) {
    std::string changed = whole;
    for (int n = 0; n < 3; ++n)
      changed[random.below(changed.size())] = "0123456789(),'{}: <>|iufb\xFF"[random.below(27)];
    error_in(changed);
  }
}

TEST_CASE("npz-members: finding each of many") {
  test::check_linear(
      400,
      [](std::size_t n) {
        auto scratch = std::make_unique<ScratchFile>();
        OutputFile file(scratch->path());
        NpzWriter writer(file);
        for (std::size_t i = 0; i < n; ++i) writer.add_text("member " + std::to_string(i), "");
        writer.finish();
        file.commit();
        return std::pair(std::move(scratch), n);
      },
      [](const auto& input) {
        const NpzArchive archive(input.first->path());
        for (std::size_t i = 0; i < input.second; ++i)
          REQUIRE(archive.read_text("member " + std::to_string(i)).empty());
      });
}
