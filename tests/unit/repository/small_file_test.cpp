#include "repository/small_file.hpp"

#include <cstdint>

#include "../model/models.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::repository;

TEST_CASE("reading a small file takes memory for the file, not for the longest that it may be") {
  constexpr std::size_t huge = std::size_t{1} << 62;
  const test::Scratch scratch;
  const std::string path = scratch / "file";
  for (const std::size_t bytes : {0, 1, 2, 3, 100, 5000}) {
    const std::string text(bytes, 'x');
    write_file(path, text);
    CHECK(read_small_file(path, huge) == text);
    CHECK(read_small_file(path, bytes) == text);
    if (bytes > 0) CHECK_THROWS_AS(read_small_file(path, bytes - 1), Error);
  }
  CHECK(read_small_file("/proc/self/status", huge)->size() > 100);  // such a file says that it has 0 bytes
  CHECK_THROWS_AS(read_small_file("/proc/self/status", 99), Error);
}
