#include "base/error.hpp"

#include <cerrno>
#include <string>

#include "catch.hpp"

using namespace nn;

TEST_CASE("an error has its parts, and all of them in what()") {
  const Error plain = data_error("the table has no column '{}'", "a");
  CHECK(plain.kind() == ErrorKind::data);
  CHECK(std::string(plain.what()) == "the table has no column 'a'");
  CHECK(plain.message() == plain.what());
  CHECK(plain.where().empty());
  CHECK(plain.advice().empty());

  const Error full = plain.advise("; is --{} missing?", "no-header")
                         .within("row 3")
                         .within_file("x.csv", 17)
                         .within("unix:w.sock")
                         .advise(" (-v says more)");
  CHECK(std::string(full.what()) ==
        "unix:w.sock: x.csv:17: row 3: the table has no column 'a'; is --no-header missing? (-v says more)");
  CHECK(full.message() == plain.message());
  CHECK(full.advice() == "is --no-header missing? (-v says more)");
  CHECK(full.joined_advice() == "; is --no-header missing? (-v says more)");
  REQUIRE(full.where().size() == 3);
  CHECK(full.where()[0].text == "unix:w.sock");
  CHECK(full.where()[1].text == "x.csv:17");
  CHECK(full.where()[1].local);
  CHECK_FALSE(full.where()[2].local);
  CHECK(full.statement() == "unix:w.sock: x.csv:17: row 3: the table has no column 'a'");
  CHECK(full.public_statement() == "unix:w.sock: row 3: the table has no column 'a'");
  CHECK(std::string(plain.what()) == "the table has no column 'a'");  // copies are apart
}

TEST_CASE("advice is a sentence, apart from what joins it to the message") {
  struct Case {
    const char* joined;
    const char* sentence;
  };
  for (const Case& c : {Case{"; --resume goes on", "--resume goes on"},
                        {" (--missing names it)", "--missing names it"},
                        {" (see (1))", "(see (1))"},
                        {" (1) or (2)", "(1) or (2)"},
                        {": name it with --label A,B", "name it with --label A,B"},
                        {", for example --split", "for example --split"},
                        {"; ./m.nn has the rest", "./m.nn has the rest"},
                        {" within --deadline", "within --deadline"},
                        {"; ", ""},
                        {"", ""}}) {
    INFO(c.joined);
    const Error error = data_error("cut off").advise("{}", c.joined);
    CHECK(error.advice() == c.sentence);
    CHECK(error.joined_advice() == c.joined);
    CHECK(std::string(error.what()) == std::string("cut off") + c.joined);
  }
  const Error error = data_error("no column 9").advise_after(" for --label", ": the last one is {}", 4);
  CHECK(error.advice() == "the last one is 4");
  CHECK(std::string(error.what()) == "no column 9 for --label: the last one is 4");
  const Error two = error.advise_after(", and", " (a) b").advise("; c");
  CHECK(two.advice() == "the last one is 4, and (a) b; c");
  CHECK(std::string(two.what()) == "no column 9 for --label: the last one is 4, and (a) b; c");
}

TEST_CASE("the outermost place of an error can be told, and taken off") {
  const Error error = data_error("cut off").within("row 3").within_file("a.arrows");
  CHECK(error.is_within("a.arrows"));
  CHECK_FALSE(error.is_within("row 3"));
  CHECK_FALSE(error.is_within("a"));
  CHECK(std::string(error.without("a.arrows").what()) == "row 3: cut off");
  CHECK(std::string(error.without("row 3").what()) == error.what());
  CHECK_FALSE(data_error("a: b").is_within("a"));
}

TEST_CASE("an error of another kind is the same otherwise") {
  const Error error = data_error("cut off").advise("; try again").within("row 3").as(ErrorKind::unavailable);
  CHECK(error.kind() == ErrorKind::unavailable);
  CHECK(std::string(error.what()) == "row 3: cut off; try again");
}

TEST_CASE("errors of the system are within what was tried") {
  try {
    fail_errno("/no/such/file", ENOENT);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::io);
    CHECK(std::string(error.what()) == "/no/such/file: No such file or directory");
    CHECK(error.public_statement() == "No such file or directory");
  }
}

TEST_CASE("each kind has a name, and an exit status by what to do about it") {
  struct Case {
    ErrorKind kind;
    const char* name;
    int status;
  };
  for (const Case& c : {Case{ErrorKind::usage, "usage", 2},
                        {ErrorKind::data, "data", 1},
                        {ErrorKind::io, "io", 1},
                        {ErrorKind::unavailable, "unavailable", 75},
                        {ErrorKind::unsupported, "unsupported", 1},
                        {ErrorKind::device, "device", 71},
                        {ErrorKind::internal, "internal", 1}}) {
    INFO(c.name);
    CHECK(name_of(c.kind) == c.name);
    CHECK(find_error_kind(c.name) == c.kind);
    CHECK(exit_status(c.kind) == c.status);
  }
  CHECK_FALSE(find_error_kind("devices"));
}
