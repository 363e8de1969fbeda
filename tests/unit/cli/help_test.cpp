#include "cli/help.hpp"

#include <sstream>

#include "catch.hpp"
#include "cli/markup.hpp"
#include "tool.hpp"

using namespace nn;
using test::Things;

namespace {

std::string help(bool all, std::size_t width) {
  Things things;
  cli::General general;
  return help_text(thing_tool(things), nullptr, option_list(general), {all, width});
}

std::size_t widest(const std::string& text) {
  std::size_t most = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) most = std::max(most, cli::columns_of(line));
  return most;
}

std::string plain(std::string_view text) {
  return cli::wrapped(cli::parse_markup(text).at(0).words, 0, 1000);
}

}  // namespace

TEST_CASE("-h has a line for each option, by groups") {
  const std::string text = help(false, 80);
  CHECK(text.starts_with("do a thing\n\nUsage: nn-thing [OPTION]... [INPUT...]\n\nArguments:\n"));
  CHECK(text.find("\nRun (in this order):\n"
                  "  -r, --rows N|Nepochs        How many rows (default: 20)\n"
                  "  -f, --fast                  Don't wait: it's fast\n"
                  "\nFiles:\n"
                  "  -o, --output FILE           Where to write\n"
                  "      --log FILE              What happens\n"
                  "\nGeneral:\n") != std::string::npos);
}

TEST_CASE("--help has the texts") {
  CHECK(help(true, 80).find("  -r, --rows N|Nepochs\n"
                            "        How many rows of INPUT; 20 by default:\n"
                            "\n"
                            "          all\n"
                            "              every one\n"
                            "          few:N\n"
                            "              some of them\n"
                            "\n"
                            "        See nn-read(1), and 'a b' with --fast.\n"
                            "\n"
                            "  -f, --fast\n"
                            "        Don't wait: it's fast.\n") != std::string::npos);
}

TEST_CASE("help fills the width that there is") {
  for (const bool all : {false, true}) {
    CHECK(widest(help(all, 60)) <= 60);
    CHECK(widest(help(all, 45)) <= 45);
    CHECK(help(all, 60) != help(all, 45));
  }
}

TEST_CASE("markup is taken away, and only where it is markup") {
  CHECK(plain("`a b`, *n*th; 'x y' (--at) -m.") == "a b, Nth; 'x y' (--at) -m.");
  CHECK(plain("others' don't, 2 * 3, MODEL[@DEVICE][*WEIGHT] I/N-1") ==
        "others' don't, 2 * 3, MODEL[@DEVICE][*WEIGHT] I/N-1");
  CHECK(cli::parse_markup("a\nb\n- `x` :: y\n- z :: w\n\nc").size() == 4);
  CHECK(cli::parse_markup("").empty());
}
