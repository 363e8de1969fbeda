#include "base/text.hpp"

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "catch.hpp"

using namespace nn;

TEST_CASE("sizes and durations") {
  CHECK(parse_bytes("64") == 64);
  CHECK(parse_bytes("64K") == 65536);
  CHECK(parse_bytes("1.5G") == 3u << 29);
  CHECK(parse_duration_s("50ms") == Approx(0.05));
  CHECK(parse_duration_s("10m") == 600);
  CHECK(parse_duration_s("1.5h") == 5400);
  for (const auto* bad : {"", "M", "-1", "1X", "1 M", "nan", "1e300"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_bytes(bad), Error);
  }
}

TEST_CASE("outside text is printed harmlessly") {
  CHECK(printable("a\nb") == "a\\nb");
  CHECK(printable("\x1b[31m") == "\\x1b[31m");
  CHECK(printable("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
  CHECK(printable("\xff") == "\\xff");
  CHECK(printable(std::string(100, 'x'), 5) == "xxxxx…");
}

TEST_CASE("misspellings find what was meant") {
  const std::vector<std::string> names{"relu", "leaky_relu", "sigmoid"};
  CHECK(closest("rleu", names) == "relu");
  CHECK(closest("sigmoyd", names) == "sigmoid");
  CHECK_FALSE(closest("conv2d", names));
}
