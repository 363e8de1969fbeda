#include "options/option.hpp"

#include "base/error.hpp"
#include "catch.hpp"
#include "options/fields.hpp"

using namespace nn;
using options::Effect;

namespace {

enum class Colour { red, green };
const EnumNames<Colour>& enum_names(Colour) {
  static constexpr EnumName<Colour> table[] = {{Colour::red, "red"}, {Colour::green, "green"}};
  static constexpr EnumNames<Colour> names{"a colour", table};
  return names;
}

struct Things {
  std::int64_t count = 3;
  std::optional<int> maybe;
  double rate = 0.5, wait_s = 90, one = 0.25;
  std::vector<double> list;
  std::uint64_t bytes = 64u << 20;
  bool flag = false;
  Colour colour = Colour::red;
  std::string text, file;
  std::vector<std::string> names;
  std::int64_t again = 1;
};

options::List list_of(Things& t) {
  options::List list;
  options::Group group(list, "Things", Effect::model);
  group.add({.name = "count", .letter = 'c', .value = "N", .excludes = "maybe"},
            options::count(t.count, 1, 10));
  group.add({.name = "maybe", .value = "N"}, options::count(t.maybe, 0));
  group.add({.name = "rate", .value = "R"}, options::number(t.rate, interval::rate));
  group.add({.name = "wait", .value = "TIME"}, options::seconds(t.wait_s));
  group.add({.name = "list", .value = "R"},
            options::numbers(
                t.list, [&t] { return options::show_number(t.one); }, interval::positive));
  group.add({.name = "bytes", .value = "BYTES"}, options::bytes(t.bytes));
  group.add({.name = "flag"}, options::flag(t.flag));
  group.add({.name = "colour", .value = "NAME"}, options::choice(t.colour));
  group.add({.name = "text", .value = "TEXT", .effect = Effect::report}, options::text(t.text));
  group.add({.name = "file", .value = "FILE"}, options::file(t.file));
  group.add({.name = "names", .value = "NAME"}, options::columns(t.names));
  group.add({.name = "again", .value = "N", .effect = Effect::input},
            options::optional_count(t.again, 0, 1, 9));
  return list;
}

std::string message_of(const std::vector<std::string>& arguments) {
  Things things;
  try {
    apply_arguments(list_of(things), arguments);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("arguments get into their variables, and are shown as they were given") {
  Things t;
  const options::List list = list_of(t);
  apply_arguments(list, {"--count=7", "--rate=0.125", "--wait=1.5h", "--list=1, 0.5", "--bytes=3K", "--flag",
                         "--colour=green", "--text=a=b", "--names=x,y", "--names=z", "--again"});
  CHECK(t.count == 7);
  CHECK(t.rate == 0.125);
  CHECK(t.wait_s == 5400);
  CHECK(t.list == std::vector<double>{1, 0.5});
  CHECK(t.bytes == 3072);
  CHECK(t.flag);
  CHECK(t.colour == Colour::green);
  CHECK(t.text == "a=b");
  CHECK(t.names == std::vector<std::string>{"x", "y", "z"});
  CHECK(t.again == 0);
  const auto shown = [&](std::string_view name) { return options::find(list, name)->field.show(); };
  CHECK(shown("count") == "7");
  CHECK(shown("maybe").empty());
  CHECK(shown("wait") == "5400s");
  CHECK(shown("list") == "1,0.5");
  CHECK(shown("bytes") == "3K");
  CHECK(shown("flag") == "on");
  CHECK(shown("colour") == "green");
  t = {};
  CHECK(shown("list") == "0.25");
  CHECK(shown("bytes") == "64M");
  CHECK(shown("flag").empty());
}

TEST_CASE("what is wrong with an argument is told with its name") {
  const std::pair<std::vector<std::string>, std::string_view> table[] = {
      {{"--count=0"}, "--count: '0': must be from 1 to 10"},
      {{"--count=x"}, "--count: 'x' is not an integer"},
      {{"--maybe=-1"}, "--maybe: '-1': must be at least 0"},
      {{"--rate=1"}, "--rate: '1': must be from 0 to below 1"},
      {{"--list=1,0"}, "--list: '0': must be over 0"},
      {{"--colour=gren"}, "--colour: 'gren' is not a colour; did you mean green?"},
      {{"--colour=blue"}, "--colour: 'blue' is not a colour; there are red, green"},
      {{"--cuont=1"}, "unknown option '--cuont=1'; did you mean --count?"},
      {{"--"}, "unknown option '--'"},
      {{""}, "unknown option ''"},
      {{"-c"}, "unknown option '-c'"},
      {{"--=1"}, "unknown option '--=1'"},
      {{"--flag=yes"}, "--flag takes no value"},
      {{"--count"}, "--count without a value"},
      {{"--file=a", "--file=b"}, "--file is given twice, 'a' and 'b'; it takes one value"},
      {{"--maybe=1", "--count=2"}, "--maybe and --count can't be given together"},
      {{"--count=1", "--maybe=2"}, "--count and --maybe can't be given together"},
  };
  for (const auto& [arguments, message] : table) CHECK(message_of(arguments) == message);
  CHECK(message_of({"--flag", "--flag", "--names=a", "--names=b"}).empty());
}

TEST_CASE("of settings the last one counts") {
  Things t;
  apply_arguments(list_of(t),
                  {"--count=1", "--count=2", "--colour=green", "--colour=red", "--list=1,2", "--list=3"});
  CHECK(t.count == 2);
  CHECK(t.colour == Colour::red);
  CHECK(t.list == std::vector<double>{3});
}

TEST_CASE("an option's effect says where it matters") {
  Things things;
  const options::List list = list_of(things);
  const auto option = [&](std::string_view name) { return *options::find(list, name); };
  CHECK(is_lasting(option("count")));
  CHECK(is_lasting(option("file")));
  CHECK(is_lasting(option("again")));
  CHECK_FALSE(is_lasting(option("text")));
  CHECK(may_travel(option("count")));
  CHECK(may_travel(option("text")));
  CHECK_FALSE(may_travel(option("file")));
  CHECK_FALSE(may_travel(option("again")));
}
