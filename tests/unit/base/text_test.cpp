#include "base/text.hpp"

#include <nlohmann/json.hpp>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "base/json_text.hpp"
#include "base/numbers.hpp"
#include "base/split_names.hpp"
#include "catch.hpp"
#include "linear.hpp"

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

TEST_CASE("what a string of JSON has as it is ends at the first byte that it hasn't") {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool plain = byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
    for (std::size_t at = 0; at < 20; ++at) {
      std::string text(20, '!');
      text[at] = c;
      CHECK(plain_in_json(text) == (plain ? text.size() : at));
      text[(at + 7) % text.size()] = '\n';
      if (!plain) CHECK(plain_in_json(text) == std::min(at, (at + 7) % text.size()));
    }
  }
  CHECK(plain_in_json("") == 0);
}

TEST_CASE("misspellings find what was meant") {
  const std::vector<std::string> names{"relu", "leaky_relu", "sigmoid"};
  CHECK(closest("rleu", names) == "relu");
  CHECK(closest("sigmoyd", names) == "sigmoid");
  CHECK_FALSE(closest("conv2d", names));
}

TEST_CASE("a beginning finds what was meant, and a short word is no misspelling of any other") {
  const std::vector<std::string> names{"--net", "--epochs", "--early-stopping", "--help",
                                       "--lr",  "--label",  "--label-smoothing"};
  struct Case {
    const char* word;
    const char* meant;
  };
  for (const Case& c : {Case{"--ep", "--epochs"},
                        {"--label-", "--label-smoothing"},
                        {"--lab", "--label"},
                        {"--hlep", "--help"},
                        {"-epochs", "--epochs"},
                        {"--Epochs", "--epochs"},
                        {"--ne", "--net"},
                        {"--keep", nullptr},
                        {"--ly", nullptr},
                        {"--", nullptr},
                        {"-l", nullptr},
                        {"", nullptr}}) {
    INFO(c.word);
    CHECK(closest(c.word, names).value_or("nothing") == (c.meant == nullptr ? "nothing" : c.meant));
  }
  CHECK(closest("Y", {"a", "y"}) == "y");
  CHECK_FALSE(closest("z", {"a", "y"}));
}

TEST_CASE("UTF-8 or not") {
  for (const char* good :
       {"", "plain", "Grüße", "日本", "\xEE\x80\x80", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
    CHECK(is_utf8(good));
  }
  for (const char* bad :
       {"\x80", "\xC3", "caf\xE9", "\xC0\xAF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xE2\x82"}) {
    CHECK_FALSE(is_utf8(bad));
    // What is printed or quoted for JSON is UTF-8 whatever came.
    CHECK(is_utf8(printable(bad)));
    CHECK(is_utf8(json_quoted(bad)));
  }
}

TEST_CASE("how deep JSON nests") {
  struct Row {
    const char* text;
    std::size_t depth;
  };
  for (const Row& row : {Row{"", 0}, Row{"1", 0}, Row{"[]", 1}, Row{R"({"a":[{}],"b":[]})", 3}, Row{"[[]", 2},
                         Row{"]][", 1}, Row{R"(["[[[","\"[[",{}])", 2}}) {
    INFO(row.text);
    CHECK_FALSE(json_nests_deeper(row.text, row.depth));
    if (row.depth > 0) CHECK(json_nests_deeper(row.text, row.depth - 1));
  }
}

TEST_CASE("JSON is written whatever bytes its texts have") {
  CHECK(json_dump(nlohmann::json{{"\xff", {"a\xc3", "gr\xc3\xbc\xc3\x9f"}}}) ==
        "{\"\xEF\xBF\xBD\":[\"a\xEF\xBF\xBD\",\"gr\xc3\xbc\xc3\x9f\"]}");
}

TEST_CASE("misspelling-of-many: advice takes a moment at most") {
  const std::vector<std::string> many(1'000'000, "candidates");
  const double begin = test::thread_seconds();
  CHECK_FALSE(closest("an option that is longer", many));
  CHECK_FALSE(closest("undecided", many));
  CHECK_FALSE(closest("x", {std::string(50'000'000, 'x')}));
  CHECK(test::thread_seconds() - begin < 3);  // also under a sanitizer
}

TEST_CASE("lines end with LF or CR LF") {
  CHECK(nn::split_lines("a\r\nb\n\r\nc\rd") == std::vector<std::string>{"a", "b", "", "c\rd"});
  CHECK(nn::split_lines("") == std::vector<std::string>{""});
}

TEST_CASE("names in a list may stand in quotes") {
  struct Row {
    const char* text;
    std::vector<std::string> names;
  };
  const Row table[] = {
      {"a,b", {"a", "b"}},
      {"", {""}},
      {"a,,b,", {"a", "", "b", ""}},
      {"\"a,b\",c", {"a,b", "c"}},
      {"c,\"a,b\"", {"c", "a,b"}},
      {"\"say \"\"x\"\"\",c", {"say \"x\"", "c"}},
      {"\"\",c", {"", "c"}},
      {"\"a", {"\"a"}},               // never closed
      {"\"a\"b,c", {"\"a\"b", "c"}},  // quotes within
      {"5\" pipe,c", {"5\" pipe", "c"}},
  };
  for (const Row& row : table) {
    INFO(row.text);
    CHECK(split_names(row.text) == row.names);
  }
}

TEST_CASE("letters and digits of ASCII are compared whatever their case, and others aren't letters") {
  CHECK(nn::equal_ignoring_case("GZip", "gzIP"));
  CHECK_FALSE(nn::equal_ignoring_case("gzip ", "gzip"));
  CHECK_FALSE(nn::equal_ignoring_case("gzi", "gzip"));
  CHECK_FALSE(nn::equal_ignoring_case("@[", "`{"));  // 32 apart, as letters are
  for (int value = 0; value < 16; ++value) {
    CHECK(nn::find_hex_digit("0123456789abcdef"[value]) == value);
    CHECK(nn::find_hex_digit("0123456789ABCDEF"[value]) == value);
  }
  for (const char c : {'g', 'G', '/', ':', '@', '`', ' ', '\0'}) CHECK_FALSE(nn::find_hex_digit(c));
}
