#include <catch2/catch.hpp>
#include <limits>

#include "format/csv/styled_number.hpp"

using namespace nn::format;

TEST_CASE("Numbers with groups and decimal commas") {
  constexpr double none = std::numeric_limits<double>::infinity();
  struct Case {
    const char* text;
    double point, comma;  // `none`: it is no number of the style
  };
  for (const Case& k : {
           Case{"1", 1, 1},
           {"-1", -1, -1},
           {"1.5", 1.5, none},
           {"1,5", none, 1.5},
           {"1,234", 1234, 1.234},
           {"1.234", 1.234, 1234},
           {"1,234.5", 1234.5, none},
           {"1.234,5", none, 1234.5},
           {"+12,345,678", 12345678, none},
           {"12.345.678", none, 12345678},
           {"1,2345", none, 1.2345},
           {"1234,567", none, 1234.567},
           {"0,123", none, 0.123},
           {"01,234", none, 1.234},
           {"1'234'567", 1234567, 1234567},
           {"1 234", 1234, 1234},
           {"1\u00A0234", 1234, 1234},
           {"1'234 567", none, none},
           {",5", none, 0.5},
           {"5,", none, 5},
           {"1,5e3", none, 1500},
           {"1,234e2", 123400, 123.4},
           {"1,,234", none, none},
           {"1,234,", none, none},
           {"", none, none},
           {"-", none, none},
           {"--1", none, none},
           {"1,234x", none, none},
       }) {
    INFO(k.text);
    for (const auto& [style, expected] :
         {std::pair(NumberStyle::point, k.point), {NumberStyle::comma, k.comma}}) {
      double value = 0;
      const bool number = parse_styled_number(k.text, style, value);
      CHECK(number == (expected != none));
      if (number && expected != none) CHECK(value == expected);
    }
  }
}

TEST_CASE("Whole numbers that a double doesn't have, and labels that are more than their value") {
  struct Case {
    const char* text;
    double value;
    bool rounded, label;
  };
  for (const Case& k : {
           Case{"7", 7, false, false},
           {"7.0", 7, false, false},
           {"007", 7, false, true},
           {"-07", -7, false, true},
           {"0", 0, false, false},
           {"0.0", 0, false, false},
           {"1.10", 1.1, false, true},
           {"9007199254740992", 0x1p53, false, false},
           {"9007199254740993", 0x1p53, true, true},
           {"-9007199254740993", -0x1p53, true, true},
           {"1152921504606846976", 0x1p60, false, false},
           {"1e300", 1e300, false, false},
       }) {
    INFO(k.text);
    CHECK(is_rounded(k.text, k.value) == k.rounded);
    CHECK(differs_as_label(k.text, k.value) == k.label);
  }
}
