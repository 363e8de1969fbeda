#include "serving/snapshot_map.hpp"

#include "catch.hpp"

using nn::serving::SnapshotMap;

namespace {

SnapshotMap<int> numbers(int count) {
  std::map<std::string, int, std::less<>> values;
  for (int i = 0; i < count; ++i) values["m" + std::to_string(i)] = i;
  return SnapshotMap<int>(std::move(values));
}

}  // namespace

TEST_CASE("a map has its values by name, in the names' order") {
  for (const int count : {0, 1, 2, 3, 10, 1000}) {
    const auto map = numbers(count);
    CHECK(map.size() == static_cast<std::size_t>(count));
    CHECK(map.empty() == (count == 0));
    std::map<std::string, int> seen;
    std::string before;
    for (const auto& [name, value] : map) {
      CHECK(before < name);
      before = name;
      seen[name] = value;
    }
    CHECK(seen.size() == map.size());
    for (const auto& [name, value] : seen) CHECK(map.at(name) == value);
    for (const char* name : {"", "m", "m1000", "n"}) {
      CHECK(map.find(name) == nullptr);
      CHECK_THROWS_AS(map.at(name), std::out_of_range);
      CHECK_THROWS_AS(map.with(name, 1), std::out_of_range);
    }
  }
}

TEST_CASE("a map with another value shares all others with the one before, which stays as it was") {
  const auto before = numbers(1000);
  const auto after = before.with("m500", -1);
  CHECK(before.at("m500") == 500);
  CHECK(after.at("m500") == -1);
  CHECK(after.size() == 1000);
  std::size_t shared = 0;
  for (const auto& entry : before) shared += after.find(entry.name) == &entry ? 1 : 0;
  CHECK(shared == 999);
}
