// Files of safetensors: what is read, and what is refused. The table is that of files which the library's own
// reader was tried with; where ours is another one, the line says so.
#include "format/safetensors.hpp"

#include <fmt/format.h>

#include <cstring>
#include <limits>

#include "array_files.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "linear.hpp"

using namespace nn;
using namespace nn::format;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

std::string with_length(std::uint64_t length, const std::string& rest) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + rest;
}

std::string file_of(const std::string& header, std::size_t data) {
  return with_length(header.size(), header + std::string(data, '\0'));
}

std::string entry(const std::string& name, int begin, int end, const std::string& shape = "[1]",
                  const std::string& type = "F32") {
  return fmt::format("\"{}\":{{\"dtype\":\"{}\",\"shape\":{},\"data_offsets\":[{},{}]}}", name, type, shape,
                     begin, end);
}

// "[1,1,…]"
std::string ones(std::size_t n) {
  std::string shape = "[1";
  for (std::size_t i = 1; i < n; ++i) shape += ",1";
  return shape + "]";
}

SafetensorsFile open(const ScratchFile& file) { return SafetensorsFile(file.path()); }

}  // namespace

TEST_CASE("files that the library's reader takes are taken") {
  const std::string a = entry("a", 0, 4);
  const std::pair<std::string, std::size_t> files[] = {
      {"{" + a + "}", 4},
      {" {" + a + "}", 4},                                                      // a space in front
      {"{" + a + "}  \n", 4},                                                   // behind it, too
      {"{" + entry("a", 0, 1, "[1]", "U8") + "," + entry("b", 1, 5) + "}", 5},  // not aligned
      {"{" + entry("b", 4, 8) + "," + a + "}", 8},  // the order of the header is nobody's business
      {"{" + entry("a", 0, 4, "[2]", "BF16") + "}", 4},
      {"{" + entry("a", 0, 4, "[]") + "}", 4},
      {"{" + entry("a", 0, 0, "[0,4]") + "," + entry("b", 0, 4) + "}", 4},
      {"{" + entry("a", 0, 2, "[4]", "F4") + "}", 2},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":[{\"y\":[1,null,-2.5]}],\"z\":"
       "true}}",
       4},
      {"{\"__metadata__\":{\"k\":\"v\"}," + a + "}", 4},
      {"{}", 0},
  };
  for (const auto& [header, data] : files) {
    INFO(header);
    const ScratchFile bytes(file_of(header, data));
    CHECK_NOTHROW(open(bytes));
  }
}

TEST_CASE("files that contradict themselves are refused, with what is wrong") {
  const std::string a = entry("a", 0, 4), plain = "{" + a + "}";
  struct Refused {
    std::string bytes, message;
  };
  const auto bad = [](const std::string& header, std::size_t data, const std::string& message) {
    return Refused{file_of(header, data), message};
  };
  const Refused files[] = {
      bad(plain, 8, "4 bytes follow its last tensor"),
      bad("{" + a + "," + entry("b", 8, 12) + "}", 12,
          "tensor 'b': no tensor has the bytes 4 to 8 before it"),
      bad("{" + entry("a", 4, 8) + "}", 8, "tensor 'a': no tensor has the bytes 0 to 4"),
      bad("{" + a + "," + entry("b", 0, 4) + "}", 4, "tensor 'b': it has bytes that another one has as well"),
      bad("{" + entry("a", 0, 8, "[2]") + "," + entry("b", 4, 12, "[2]") + "}", 12,
          "tensor 'b': it has bytes"),
      bad("{" + entry("a", 0, 8, "[2]") + "}", 4,
          "tensor 'a': cut off: it ends at byte 8 of the data, which has 4"),
      bad("{" + entry("a", 0, 4, "[2]") + "}", 4, "tensor 'a': has 4 bytes, but F32 [2] needs 8"),
      bad("{" + entry("a", 0, 4, "[4611686018427387904,4]") + "}", 4, "more bytes than can be"),
      bad("{" + entry("a", 0, 0, "[9223372036854775807,9223372036854775807,0]") + "}", 0,
          "more bytes than can be"),
      bad("{" + entry("a", 0, 4, "[18446744073709551615]") + "}", 4, "too large a dimension"),
      bad("{" + entry("a", 0, 4, "[18446744073709551616]") + "}", 4, "no whole number where shape stands"),
      bad("{" + entry("a", 0, 4, "[1.0]") + "}", 4, "no whole number where shape stands"),
      bad("{" + entry("a", 0, 4, "[-1]") + "}", 4, "a negative number where shape stands"),
      bad("{" + entry("a", 4, 0) + "}", 4, "begins at 4 and ends before, at 0"),
      bad("{" + a + "," + entry("a", 4, 8) + "}", 8, "two tensors called 'a'"),
      // The library takes these, and the last one wins.
      bad("{" + entry("a", 0, 0, "[0]") + "," + entry("a", 0, 0, "[0]") + "}", 0, "two tensors called 'a'"),
      bad("{\"__metadata__\":{\"k\":\"v\",\"k\":\"w\"}," + a + "}", 4, "two metadata called 'k'"),
      bad("{\"__metadata__\":{},\"__metadata__\":{}," + a + "}", 4, "'__metadata__' twice"),
      bad("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
          "'dtype' twice"),
      bad("{" + entry("a", 0, 4, "[1]", "F31") + "}", 4, "tensor 'a': has the unknown dtype 'F31'"),
      bad("{" + entry("a", 0, 1, "[1]", "F4") + "}", 1, "fill no whole bytes"),
      bad("{\"__metadata__\":{\"a\":1}," + a + "}", 4, "its metadata 'a' is a number instead of a text"),
      bad("{\"__metadata__\":{\"a\":{\"b\":\"c\"}}," + a + "}", 4,
          "its metadata 'a' is an object instead of a text"),
      bad("{\"__metadata__\":[]," + a + "}", 4,
          "'__metadata__' in its header is an array instead of an object"),
      bad("{\"a\":4}", 4, "'a' in its header is a number instead of an object"),
      bad("{\"a\":{}}", 0, "tensor 'a': has no 'dtype'"),
      bad("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "tensor 'a': has no 'shape'"),
      bad("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "tensor 'a': has no 'data_offsets'"),
      bad("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
          "1 instead of two data_offsets"),
      bad("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4,
          "more than two data_offsets"),
      bad("{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a number where dtype stands"),
      bad("{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, "a number where shape stands"),
      bad("{\"a\":{\"dtype\":\"F32\",\"shape\":[[1]],\"data_offsets\":[0,4]}}", 4,
          "an array where shape stands"),
      bad("{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4,
          "a text where shape stands"),
      bad("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":{}}}", 4,
          "an object where data_offsets stands"),
      bad("", 0, "its header is no object of JSON"),
      bad("[]", 0, "its header is no object of JSON"),
      bad("\xEF\xBB\xBF" + plain, 4, "its header is no object of JSON"),
      bad(plain + "}", 4, "its header is not JSON"),
      bad("{" + a, 4, "its header is not JSON"),
      bad(plain + std::string(2, '\0'), 4, "its header has a byte of 0"),
      bad("{" + entry("\xFF", 0, 4) + "}", 4, "its header is not JSON"),
      bad("{\"a\":{\"x\":" + std::string(100, '[') + std::string(100, ']') + "}}", 0, "nests too deep"),
      bad("{" + entry("a", 0, 4, ones(65)) + "}", 4, "more than 64 dimensions"),
      {with_length(100'000'001, plain + "0000"), "its header would have 100000001 bytes"},
      {with_length(1000, plain + "0000"), "cut off: "},
      {with_length(std::numeric_limits<std::uint64_t>::max(), plain), "not safetensors"},
      {"", "not safetensors: 0 bytes"},
      {"1234567", "not safetensors: 7 bytes"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a pointer of Git LFS"},
  };
  for (const Refused& file : files) {
    INFO(file.bytes);
    const ScratchFile scratch(file.bytes);
    CHECK_THROWS_WITH(open(scratch), Contains(scratch.path() + ": ") && Contains(file.message));
    CHECK_THROWS_AS(open(scratch), Error);
  }
}

TEST_CASE("every cut of a file is refused") {
  const std::string whole = file_of("{" + entry("a", 0, 4) + "," + entry("b", 4, 12, "[2]") + "}", 12);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const ScratchFile bytes(whole.substr(0, size));
    CHECK_THROWS_AS(open(bytes), Error);
  }
}

TEST_CASE("values of all types of numbers are read, at any address") {
  struct Typed {
    std::string type, bytes;
    double first, second;
  };
  const auto raw = [](auto a, auto b) {
    std::string bytes(sizeof a * 2, '\0');
    std::memcpy(bytes.data(), &a, sizeof a);
    std::memcpy(bytes.data() + sizeof a, &b, sizeof b);
    return bytes;
  };
  const Typed types[] = {
      {"BOOL", raw(std::uint8_t{1}, std::uint8_t{0}), 1, 0},
      {"U8", raw(std::uint8_t{200}, std::uint8_t{7}), 200, 7},
      {"I8", raw(std::int8_t{-100}, std::int8_t{7}), -100, 7},
      {"U16", raw(std::uint16_t{60000}, std::uint16_t{7}), 60000, 7},
      {"I16", raw(std::int16_t{-30000}, std::int16_t{7}), -30000, 7},
      {"U32", raw(std::uint32_t{4000000000}, std::uint32_t{7}), 4e9, 7},
      {"I32", raw(std::int32_t{-2000000000}, std::int32_t{7}), -2e9, 7},
      {"U64", raw(std::uint64_t{1} << 60, std::uint64_t{7}), 0x1p60, 7},
      {"I64", raw(-(std::int64_t{1} << 60), std::int64_t{7}), -0x1p60, 7},
      {"F16", raw(std::uint16_t{0x3E00}, std::uint16_t{0xC000}), 1.5, -2},
      {"BF16", raw(std::uint16_t{0x3FC0}, std::uint16_t{0xC000}), 1.5, -2},
      {"F32", raw(1.5f, -2.0f), 1.5, -2},
      {"F64", raw(1.5, -2.0), 1.5, -2},
  };
  for (const Typed& typed : types) {
    for (const std::size_t gap : {0, 1, 3}) {
      INFO(typed.type << " behind " << gap << " bytes");
      std::string header = fmt::format(
          "{{{},{}}}", entry("gap", 0, static_cast<int>(gap), fmt::format("[{}]", gap), "U8"),
          entry("a", static_cast<int>(gap), static_cast<int>(gap + typed.bytes.size()), "[2]", typed.type));
      header.resize((header.size() + 7) / 8 * 8, ' ');
      const ScratchFile bytes(with_length(header.size(), header + std::string(gap, '\0') + typed.bytes));
      const SafetensorsFile file = open(bytes);
      const SafeTensor& tensor = *file.find("a");
      REQUIRE(SafetensorsFile::type_of(tensor));
      const SafeValues values = file.values(tensor);
      CHECK(number_at(values.type, values.data.data(), 0) == typed.first);
      CHECK(number_at(values.type, values.data.data(), 1) == typed.second);
    }
  }
  const ScratchFile small(file_of("{" + entry("a", 0, 1, "[1]", "F8_E4M3") + "}", 1));
  const SafetensorsFile file = open(small);
  CHECK_FALSE(SafetensorsFile::type_of(*file.find("a")));
  CHECK(file.find("b") == nullptr);
}

TEST_CASE("what is written is read again, with data at a multiple of 64 bytes") {
  const ScratchFile scratch;
  const std::vector<float> kernel{1, 2, 3, 4, 5, 6}, bias{-1, -2};
  const std::vector<WrittenTensor> tensors{
      {"dense_0/kernel", {3, 2}, kernel}, {"\"\n\xC3\xA9", {2}, bias}, {"none", {0}, {}}};
  const std::pair<std::string, std::string> metadata[] = {{"format", "np"}, {"a \"b\"", "c\nd\\"}};
  {
    OutputFile file(scratch.path());
    write_safetensors(file, tensors, metadata);
    file.commit();
  }
  const SafetensorsFile file(scratch.path());
  CHECK(file.metadata() == std::vector(std::begin(metadata), std::end(metadata)));
  REQUIRE(file.tensors().size() == 3);
  for (const WrittenTensor& written : tensors) {
    const SafeTensor* tensor = file.find(written.name);
    REQUIRE(tensor != nullptr);
    CHECK(tensor->shape == written.shape);
    const SafeValues values = file.values(*tensor);
    REQUIRE(values.data.size() == written.values.size_bytes());
    CHECK(std::equal(values.data.begin(), values.data.end(), std::as_bytes(written.values).begin()));
  }
  const std::string bytes = scratch.contents();
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  CHECK((length + 8) % 64 == 0);
  CHECK(bytes.substr(8, 1) == "{");
}

TEST_CASE("a header takes time in proportion to its length") {
  const auto tensors = [](std::size_t n) {
    std::string header = "{";
    for (std::size_t i = 0; i < n; ++i) header += (i == 0 ? "" : ",") + entry(std::to_string(i), 0, 0, "[0]");
    return std::make_unique<ScratchFile>(file_of(header + "}", 0));
  };
  const auto metadata = [](std::size_t n) {
    std::string header = "{\"__metadata__\":{";
    for (std::size_t i = 0; i < n; ++i) header += fmt::format("{}\"{}\":\"\"", i == 0 ? "" : ",", i);
    return std::make_unique<ScratchFile>(file_of(header + "}}", 0));
  };
  const auto read = [](const auto& file) { open(*file); };
  test::check_linear(2000, tensors, read);
  test::check_linear(5000, metadata, read);
}
