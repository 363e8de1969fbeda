#include "serve/config.hpp"

#include "base/error.hpp"
#include "catch.hpp"
#include "options/fields.hpp"

using namespace nn;
using serve::Config;

namespace {

struct Values {
  std::string name;
  bool flag = false;
  std::int64_t count = 1;
  std::vector<std::string> lists;
  std::string cert;
  options::List list() {
    options::List out;
    options::Group group(out, "G", options::Effect::local);
    group.add({.name = "name", .value = "X"}, options::text(name));
    group.add({.name = "flag"}, options::flag(flag));
    group.add({.name = "count", .value = "N"}, options::count(count, 1, 9));
    group.add({.name = "list", .value = "X"}, options::texts(lists));
    group.add({.name = "tls-cert", .value = "X", .excludes = "name"}, options::file(cert));
    return out;
  }
};

void apply(std::string_view text, Values& values, std::string_view given = "") {
  Config::parse(text, "f").apply(values.list(), [&](std::string_view name) { return name == given; });
}
std::string fault(std::string_view text) {
  Values values;
  try {
    apply(text, values);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("options come from a file by their names", "[config]") {
  Values values;
  apply("flag = true\ncount = 7\nlist = ['a', \"b\", 3]\n[tls]\ncert = 'c'\n", values);
  CHECK(values.flag);
  CHECK(values.count == 7);
  CHECK(values.lists == std::vector<std::string>{"a", "b", "3"});
  CHECK(values.cert == "c");
  apply("flag = false\nlist = 'c'\n", values);
  CHECK(values.lists.back() == "c");
}

TEST_CASE("the command line counts more", "[config]") {
  Values values;
  values.lists = {"mine"};
  apply("list = ['a']\ncount = 2\n", values, "list");
  CHECK(values.lists == std::vector<std::string>{"mine"});
  CHECK(values.count == 2);
}

TEST_CASE("what is wrong in a file has a line", "[config]") {
  CHECK(fault("\ncuont = 3") == "f:2: unknown option '--cuont'; did you mean --count?");
  CHECK(fault("count = 10") == "f:1: --count: '10': must be from 1 to 9");
  CHECK(fault("count = [1, 2]") == "f:1: --count takes one value, not a list");
  CHECK(fault("flag = 'yes'") == "f:1: --flag takes true or false");
  CHECK(fault("list = [\n'a',\n['b']]") ==
        "f:3: list: expected a text, a number, true, false, or a list of them");
  CHECK(fault("name = 'a'\ntls-cert = 'b'") == "f:2: --name and --tls-cert can't be given together");
  CHECK_THAT(fault("name = "), Catch::StartsWith("f:1: "));
  CHECK_THAT(fault("name = 'a'\nname = 'b'"), Catch::StartsWith("f:2: "));
  CHECK_THAT(fault("[[list]]\nx = 1"), Catch::Contains("expected a text"));
  CHECK_THAT(fault(std::string(100000, '[')), Catch::StartsWith("f:1: "));
}

TEST_CASE("words of a file tell whether something has changed", "[config]") {
  const auto words = [](std::string_view text) {
    return Config::parse(text, "f").words([](std::string_view) { return false; });
  };
  CHECK(words("a = 1\nb = ['x','y']") == words("# so\nb = ['x',\n'y']\na = 1"));
  CHECK(words("a = 1") != words("a = 2"));
}
