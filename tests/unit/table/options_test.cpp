#include "table/options.hpp"

#include "base/error.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::table;

TEST_CASE("row ranges and shards") {
  CHECK(parse_row_range("0:1437") == RowRange{0, 1437});
  CHECK(parse_row_range("1437:") == RowRange{1437, INT64_MAX});
  CHECK(parse_row_range(":10") == RowRange{0, 10});
  for (const auto* bad : {":", "", "3", "5:4", "-1:4", "a:b", "1:2:3"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_row_range(bad), Error);
  }
  CHECK(parse_shard("1/4") == Shard{1, 4});
  for (const auto* bad : {"4/4", "-1/4", "1/0", "1", "1/"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_shard(bad), Error);
  }
}

TEST_CASE("samples and new names") {
  CHECK(parse_sample("1000") == Sample{1000, 0});
  CHECK(parse_sample("10%") == Sample{0, 0.1});
  CHECK(parse_sample("100%") == Sample{0, 1});
  for (const auto* bad : {"", "0", "-1", "0%", "101%", "%", "1.5", "x"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_sample(bad), Error);
  }
  CHECK(parse_renaming("a b=c=d").from == "a b");
  CHECK(parse_renaming("a b=c=d").to == "c=d");
  for (const auto* bad : {"", "a", "=a", "a="}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_renaming(bad), Error);
  }
}
