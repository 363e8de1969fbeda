#include "cli/generate/generate.hpp"

#include "base/error.hpp"
#include "catch.hpp"
#include "tool.hpp"

using namespace nn;
using test::Things;

namespace {

std::string of(std::string_view what, std::string_view section = {}) {
  Things things;
  cli::General general;
  return cli::generated(thing_tool(things), option_list(general), what, section);
}

}  // namespace

TEST_CASE("a section of the manual") {
  CHECK(of("man", "Run") ==
        ".Bl -tag -width Ds\n"
        ".It Fl r , Fl Fl rows Ar n | Ar n Ns Li epochs\n"
        "How many rows of\n"
        ".Ar input ;\n"
        "20 by default:\n"
        ".Bl -tag -width Ds -compact\n"
        ".It Cm all\n"
        "every one\n"
        ".It Cm few Ns No \\&: Ns Ar n\n"
        "some of them\n"
        ".El\n"
        ".Pp\n"
        "See\n"
        ".Xr nn-read 1 ,\n"
        "and\n"
        ".Ql \"a b\"\n"
        "with\n"
        ".Fl Fl fast .\n"
        ".It Fl f , Fl Fl fast\n"
        "Don't wait:\n"
        "it's fast.\n"
        ".El\n");
  CHECK_THROWS_AS(of("man", "Walk"), Error);
  CHECK_THROWS_AS(of("csh"), Error);
}

TEST_CASE("completions say what a value is") {
  CHECK(of("bash").find("    -o | --output) echo 'files .nn .npz' ;;\n") != std::string::npos);
  CHECK(of("bash").find("    argument-*) echo 'files .csv' ;;\n") != std::string::npos);
  CHECK(of("fish").find("complete -c nn-thing -s f -l fast -d 'Don\\'t wait: it\\'s fast'\n") !=
        std::string::npos);
  CHECK(of("zsh").find("    '(-o --output)'{-o,--output=}'[Where to write]:file:_nn_files -- .nn .npz'\n") !=
        std::string::npos);
  CHECK(of("zsh").find("[Don'\\''t wait\\: it'\\''s fast]") != std::string::npos);
}
