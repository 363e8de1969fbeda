// Commands with placeholders.
#include "sweep/template.hpp"

#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "catch.hpp"

namespace nn::sweep {
namespace {

using Words = std::vector<std::string>;

Template::Values values(std::map<std::string, std::string, std::less<>> known) {
  return [known = std::move(known)](std::string_view name) -> std::optional<std::string> {
    const auto found = known.find(name);
    return found == known.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST_CASE("placeholders are names in braces, and other braces are text") {
  struct Case {
    Words words, filled, names;
  };
  const Case cases[] = {
      {{"--lr", "{lr}"}, {"--lr", "0.1"}, {"lr"}},
      {{"--lr={lr},{lr}"}, {"--lr=0.1,0.1"}, {"lr"}},
      {{"BEGIN{x={lr};y={ lr };print x}"}, {"BEGIN{x=0.1;y={ lr };print x}"}, {"lr"}},
      {{"{\"lr\":{lr},\"deep\":{\"a\":{}}}"}, {"{\"lr\":0.1,\"deep\":{\"a\":{}}}"}, {"lr"}},
      {{"{{lr}}", "{", "}", "{1a}", "{a-b}"}, {"{0.1}", "{", "}", "{1a}", "{a-b}"}, {"lr"}},
      {{"{?m:--m {m}}", "end"}, {"--m", "two words", "end"}, {"m"}},
      {{"{?none:--none {none}}", "end"}, {"end"}, {"none"}},
      {{"a{?m:,{m}}{?none:,{none}}"}, {"a,two words"}, {"m", "none"}},
      {{"{?m:--m {m}{?lr: --lr {lr}}}"}, {"--m", "two words --lr 0.1"}, {"m", "lr"}},
      {{"{?m:awk {print {lr}}}"}, {"awk", "{print", "0.1}"}, {"m", "lr"}},
      {{"{?m:}"}, {}, {"m"}},
      {{"{none}"}, {""}, {"none"}},
      {{"{?:x}", "{?1:x}"}, {"{?:x}", "{?1:x}"}, {}},
  };
  const auto known = values({{"lr", "0.1"}, {"m", "two words"}});
  for (const Case& c : cases) {
    const Template made(c.words);
    CHECK(made.fill(known) == c.filled);
    CHECK(made.names() == c.names);
  }
  CHECK(Template({"{a}", "{?a:{a}{?b:{c}}}", "{?d:{d}}"}).plain_names() == Words{"a", "c"});
}

TEST_CASE("an optional part has an end, and isn't endlessly deep") {
  CHECK_THROWS_WITH(Template({"{?m:--m {m}"}), "'{?m:--m {m}': the part {?m:… has no end }");
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{?a:";
  CHECK_THROWS_AS(Template({deep}), Error);
}

TEST_CASE("in a text for a shell values are quoted where they must be") {
  const Template made = Template::of_shell("train {a} {b} '{c}' > {d}");
  CHECK(made.fill(values({{"a", "1e-3"}, {"b", "x; rm -rf $HOME"}, {"c", "64,32"}, {"d", "it's"}})) ==
        Words{R"(train 1e-3 'x; rm -rf $HOME' '64,32' > 'it'\''s')"});
  CHECK(shell_line({"a", "", "b c"}) == "a '' 'b c'");
}

}  // namespace
}  // namespace nn::sweep
