#include "repository/wants.hpp"

#include <sys/file.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "../model/models.hpp"
#include "base/error.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::repository;
namespace fs = std::filesystem;

TEST_CASE("what is wanted is a line for each version") {
  Wants wants;
  for (const std::uint64_t version : {5, 3}) wants.serve(version);
  wants.refuse(4);
  wants.refuse(5);
  CHECK(to_text(wants) == "+3\n-4\n-5\n");
  CHECK(parse_wants(to_text(wants)) == wants);
  CHECK(parse_wants("").empty());
  CHECK(parse_wants("-5\n+3\n-4\n") == wants);
  CHECK(parse_wants("+18446744073709551615\n").served.size() == 1);
}

TEST_CASE("whatever else a file of wishes says is an error with its line") {
  const std::pair<std::string, std::string> table[] = {
      {"+3", "line 1: '+3' has no line end"},
      {"+3\n-5", "line 2: '-5' has no line end"},
      {"\n", "line 1: '' is neither"},
      {"+3\n\n-5\n", "line 2: '' is neither"},
      {"3\n", "line 1: '3' is neither"},
      {"+\n", "line 1: '+' is neither"},
      {"+0\n", "line 1: '+0' is neither"},
      {"+03\n", "line 1: '+03' is neither"},
      {"+-3\n", "line 1: '+-3' is neither"},
      {"+ 3\n", "line 1: '+ 3' is neither"},
      {" +3\n", "line 1: ' +3' is neither"},
      {"+3 \n", "line 1: '+3 ' is neither"},
      {"+3\r\n", "line 1: '+3\\x0d' is neither"},
      {"+3\n*5\n", "line 2: '*5' is neither"},
      {"+18446744073709551616\n", "line 1: '+18446744073709551616' is neither"},
      {"+3\n+3\n", "line 2: version 3 for the second time"},
      {"+3\n-3\n", "line 2: version 3 for the second time"},
      {std::string("+3\0\n", 4), "line 1: '+3\\x00' is neither"},
      {"\xff\xfe\n", "line 1: '\\xff\\xfe' is neither"},
      {std::string(1 << 20, '+') + "\n", "is neither"},
  };
  for (const auto& [text, message] : table) {
    INFO(message);
    CHECK_THROWS_WITH(parse_wants(text), Catch::Contains(message));
  }
}

TEST_CASE("what is wanted stays in the repository, whole") {
  const test::Scratch scratch;
  const std::string base = scratch / "base", path = base + "/wanted";
  CHECK_THROWS_AS(read_wants(base), Error);
  fs::create_directories(base);
  CHECK(read_wants(base).empty());
  change_wants(base, [](Wants& wants) { wants.serve(3); });
  const Wants now = change_wants(base, [](Wants& wants) { wants.refuse(5); });
  CHECK(to_text(now) == "+3\n-5\n");
  CHECK(read_wants(base) == now);
  CHECK(std::distance(fs::directory_iterator(base), fs::directory_iterator()) == 1);  // no drafts
  test::write_bytes(path, "+3\n-");
  CHECK_THROWS_WITH(read_wants(base), Catch::Contains(path + ": line 2: '-' has no line end"));
  CHECK_THROWS_AS(change_wants(base, [](Wants& wants) { wants.serve(1); }), Error);
  CHECK(test::read_file(path) == "+3\n-");
  clear_wants(base);
  CHECK_FALSE(fs::exists(path));
  clear_wants(base);
  change_wants(base, [](Wants& wants) { wants.serve(1); });
  change_wants(base, [](Wants& wants) { wants = {}; });
  CHECK_FALSE(fs::exists(path));
  test::write_bytes(path, std::string((1 << 20) + 1, '\n'));
  CHECK_THROWS_WITH(read_wants(base), Catch::Contains("longer than 1048576 bytes"));
  fs::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK_THROWS_WITH(read_wants(base), Catch::Contains("not a regular file"));
}

TEST_CASE("changes of what is wanted that several make at once all count") {
  const test::Scratch scratch;
  const std::string base = scratch / "base";
  fs::create_directories(base);
  std::vector<std::thread> threads;
  for (const std::uint64_t first : {1, 101, 201}) {
    threads.emplace_back([&base, first] {
      for (std::uint64_t version = first; version < first + 4; ++version)
        change_wants(base, [version](Wants& wants) { wants.serve(version); });
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(read_wants(base).served.size() == 12);
}
