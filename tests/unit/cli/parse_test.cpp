#include "cli/parse.hpp"

#include "base/error.hpp"
#include "catch.hpp"
#include "tool.hpp"

using namespace nn;
using test::Things;

namespace {

struct Run {
  Things things;
  cli::General general;
  cli::Command tool;
  options::List general_options = option_list(general);
  cli::ParseResult result;
  std::string error;

  explicit Run(const std::vector<const char*>& words, bool commands = false) {
    tool = commands ? tool_with_commands(things) : thing_tool(things);
    try {
      result = cli::parse(words, tool, general_options);
    } catch (const Error& thrown) {
      error = thrown.what();
    }
  }
};

std::string error_of(const std::vector<const char*>& words, bool commands = false) {
  const std::string error = Run(words, commands).error;
  return error.substr(0, error.find(" (try 'nn-thing"));
}

}  // namespace

TEST_CASE("options and arguments may be mixed, in all of GNU's spellings") {
  const Run a({"nn-thing", "a.csv", "--rows", "3", "-fq", "b.csv", "--output=x.nn", "--", "-r"});
  CHECK(a.error.empty());
  CHECK(a.things.rows == 3);
  CHECK(a.things.fast);
  CHECK(a.general.quiet);
  CHECK(a.things.path == "x.nn");
  CHECK(a.things.inputs == std::vector<std::string>{"a.csv", "b.csv", "-r"});
  const Run b({"nn-thing", "-r7", "-fo", "-", "-", "-5"});
  CHECK(b.things.rows == 7);
  CHECK(b.things.path == "-");
  CHECK(b.things.inputs == std::vector<std::string>{"-", "-5"});
  CHECK(Run({"nn-thing", "--log", "--rows"}).things.log == "--rows");
  // An empty value is one: the next word is not taken for it.
  const Run c({"nn-thing", "--log=", "a.csv"});
  CHECK(c.result.parsed.has("log"));
  CHECK(c.things.log.empty());
  CHECK(c.things.inputs == std::vector<std::string>{"a.csv"});
}

TEST_CASE("errors of the command line") {
  const std::pair<std::vector<const char*>, std::string_view> table[] = {
      {{"nn-thing", "--rwos", "3"}, "unknown option '--rwos'; did you mean --rows?"},
      {{"nn-thing", "--row=3"}, "unknown option '--row=3'; did you mean --rows?"},
      {{"nn-thing", "-x"}, "unknown option '-x'"},
      {{"nn-thing", "-fx"}, "unknown option '-fx'"},
      {{"nn-thing", "--rows"}, "--rows: N|Nepochs is missing"},
      {{"nn-thing", "-o"}, "--output: FILE is missing"},
      {{"nn-thing", "--fast=1"}, "--fast takes no value"},
      {{"nn-thing", "--rows=0"}, "--rows: '0': must be at least 1"},
      {{"nn-thing", "-o", "a", "--output=b"}, "--output is given twice, 'a' and 'b'; it takes one value"},
  };
  for (const auto& [words, message] : table) CHECK(error_of(words) == message);
  CHECK(error_of({"nn-things", "shwo"}, true) == "'shwo' is not a command; did you mean show?");
  CHECK(error_of({"nn-things", "move", "a", "b", "c"}, true) == "unexpected argument 'c'");
  CHECK(error_of({"nn-things", "--rows", "1"}, true) == "unknown option '--rows'");
  CHECK(error_of({"nn-things", "show", "--rosw"}, true) == "unknown option '--rosw'; did you mean --rows?");
}

TEST_CASE("subcommands have arguments and options of their own, and all tools' options") {
  const Run run({"nn-things", "-q", "move", "a", "--verbose", "b"}, true);
  CHECK(run.error.empty());
  CHECK(run.result.parsed.subcommand()->name == "move");
  CHECK(run.things.path == "a");
  CHECK(run.things.last == "b");
  CHECK(run.general.quiet);
  CHECK(run.general.verbose);
  CHECK(Run({"nn-things"}, true).result.parsed.subcommand() == nullptr);
}

TEST_CASE("help is given whatever else is wrong") {
  CHECK(Run({"nn-thing", "--nothing", "-h", "--rows=0"}).result.question == cli::Question::short_help);
  CHECK(Run({"nn-thing", "--help"}).result.question == cli::Question::help);
  CHECK(Run({"nn-thing", "--version"}).result.question == cli::Question::version);
}

TEST_CASE("a command line lasts without what doesn't change the result") {
  const auto lasting = [](const std::vector<const char*>& words) {
    return Run(words).result.parsed.lasting_command_line();
  };
  CHECK(lasting({"./bin/nn-thing", "x.csv", "--log", "l", "-q", "--rows", "1", "-o", "a b.nn"}) ==
        "nn-thing x.csv --rows 1 -o 'a b.nn'");
  CHECK(lasting({"nn-thing", "--log=l", "--", "x'y.csv"}) == "nn-thing -- 'x'\\''y.csv'");
  CHECK(lasting({"nn-thing", "-qv", "-fq", "-q", "-r3"}) == "nn-thing -qv -fq -r3");
}

TEST_CASE("what was given can be told again, to another process") {
  const Run run({"nn-thing", "x.csv", "-f", "--log", "l", "-r", "3"});
  const auto all = run.result.parsed.arguments([](const options::Option&) { return true; });
  CHECK(all == std::vector<std::string>{"--fast", "--log=l", "--rows=3"});
  CHECK(run.result.parsed.arguments(options::may_travel) == std::vector<std::string>{"--fast", "--rows=3"});
}
