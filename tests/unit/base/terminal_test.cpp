// How wide texts are, what fits, and what the environment says.
#include "base/terminal.hpp"

#include <cstdlib>

#include "catch.hpp"

using namespace nn;

TEST_CASE("columns of texts") {
  struct Row {
    std::string_view text;
    std::size_t columns;
  };
  constexpr Row rows[] = {{"", 0},
                          {"loss", 4},
                          {"é", 1},
                          {"e\u0301", 1},
                          {"損失", 4},
                          {"val_損失", 8},
                          {"▁▂█", 3},
                          {"…", 1},
                          {"ｱ", 1},
                          {"ＡＢ", 4},
                          {"한글", 4},
                          {"\U0001F600", 2},
                          {"\xFF\xFE", 2},
                          {"a\u200Bb", 2},
                          {"𠀀", 2},
                          {"नमस्ते", 4},
                          {"שָׁלוֹם", 4},
                          {"ไม้", 2},
                          {"\u1112\u1161\u11AB", 2}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(display_columns(row.text) == row.columns);
  }
}

TEST_CASE("texts are cut between characters") {
  CHECK(cut_to_columns("validation", 10) == "validation");
  CHECK(cut_to_columns("validation", 9) == "validati…");
  CHECK(cut_to_columns("損失損失", 8) == "損失損失");
  CHECK(cut_to_columns("損失損失", 7) == "損失損…");
  CHECK(cut_to_columns("損失損失", 6) == "損失…");  // half a character is none
  CHECK(cut_to_columns("ab", 1) == "…");
  CHECK(cut_to_columns("ab", 0).empty());
}

TEST_CASE("parts that don't fit are left out") {
  LineOfParts line(20, false);
  CHECK(line.add("epoch 1/20"));
  CHECK(line.left() == 8);
  CHECK_FALSE(line.add("123456789", LineOfParts::bold));
  CHECK(line.add("12345678", LineOfParts::bold));
  CHECK(line.left() == 0);
  CHECK_FALSE(line.add(""));
  CHECK(line.text() == "epoch 1/20  12345678");
  LineOfParts coloured(4, true);
  CHECK(coloured.add("best", LineOfParts::green));
  CHECK(coloured.text() == "\x1b[32mbest\x1b[0m");
}

TEST_CASE("what the environment says of a terminal") {
  const auto with = [](const char* name, const char* value) { ::setenv(name, value, 1); };
  with("COLUMNS", "57");
  with("LINES", "9");
  CHECK(terminal_size(-1).columns == 57);
  CHECK(terminal_size(-1).rows == 9);
  for (const char* wrong : {"", "0", "-3", "wide", "57x"}) {
    with("COLUMNS", wrong);
    CHECK(terminal_size(-1).columns == 80);
  }
  with("NO_COLOR", "");
  CHECK(wants_colours());
  with("NO_COLOR", "1");
  CHECK_FALSE(wants_colours());
  with("LC_ALL", "C");
  with("LANG", "de_DE.UTF-8");
  CHECK_FALSE(shows_utf8());
  with("LC_ALL", "C.utf8");
  CHECK(shows_utf8());
}
