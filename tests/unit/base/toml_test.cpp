#include "base/toml.hpp"

#include "base/error.hpp"
#include "catch.hpp"

using namespace nn;

namespace {

constexpr std::size_t most_bytes = 1000;

// Reads a file of two keys and a table of names, as whoever uses it does.
std::string read(std::string_view text) {
  std::string out;
  try {
    const TomlFile file(text, "f", most_bytes);
    file.take(file.root(), "a key",
              {{"count", [&](const TomlValue& value) { out += std::to_string(value.whole(1, 9)); }},
               {"share", [&](const TomlValue& value) { out += std::to_string(value.number({.most = 1})); }},
               {"name", [&](const TomlValue& value) { out += value.text(); }},
               {"on", [&](const TomlValue& value) { out += value.flag() ? "on" : "off"; }},
               {"list",
                [&](const TomlValue& value) {
                  for (const TomlValue& one : value.list()) {
                    file.at(one.line(), "one", [&] { out += one.text(); });
                  }
                }},
               {"inner", [&](const TomlValue& value) {
                  file.each(value.table(), [&](const TomlEntry& entry) {
                    out += entry.key + "=" + std::to_string(entry.value.whole(1, 9)) + " ";
                  });
                }}});
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    return error.what();
  }
  return out;
}

}  // namespace

TEST_CASE("values come in the order of a file of TOML") {
  CHECK(read("") == "");
  CHECK(read("name = 'a'\ncount = 3\non = true\n") == "a3on");
  CHECK(read("on = false\ncount = 9") == "off9");
  CHECK(read("[inner]\nz = 1\na = 2\n\"b c\" = 3") == "z=1 a=2 b c=3 ");
  CHECK(read("inner.z = 1\ninner.a = 2") == "z=1 a=2 ");
  CHECK(read("inner = {z = 1, a = 2}") == "z=1 a=2 ");
  CHECK(read("list = ['a',\n'b']") == "ab");
  CHECK(read("share = 1") == read("share = 1.0"));
}

TEST_CASE("what is wrong in a file of TOML is told once, with its line and key") {
  const std::pair<std::string, std::string> table[] = {
      {"\ncuont = 3", "f:2: cuont: 'cuont' is not a key; did you mean count?"},
      {"count = 10", "f:1: count: '10': must be from 1 to 9"},
      {"count = 1.5", "f:1: count: must be a whole number"},
      {"share = 2", "f:1: share: '2': must be from 0 to 1"},
      {"share = nan", "f:1: share: "},
      {"share = 'a'", "f:1: share: must be a number"},
      {"name = 7", "f:1: name: must be a text in quotes"},
      {"name = 1979-05-27", "f:1: name: must be a text in quotes"},
      {"on = 1", "f:1: on: must be true or false"},
      {"list = 1", "f:1: list: must be a list"},
      {"list = ['a',\n7]", "f:2: one: must be a text in quotes"},
      {"inner = 1", "f:1: inner: must be a table"},
      {"[inner]\na = 1\nb = 0", "f:3: b: '0': must be from 1 to 9"},
      {"name = 'a'\nname = 'b'", "f:2: "},
      {"name = ", "f:1: "},
      {"name = '" + std::string(most_bytes, 'a') + "'", "f: it is longer than 1000 bytes"},
  };
  for (const auto& [text, expected] : table) {
    INFO(text);
    CHECK(read(text).substr(0, expected.size()) == expected);
  }
}

// Each level took some stack, of which a long key had more than there is.
TEST_CASE("tables that are nested too deep are refused, and nothing else for its dots or brackets") {
  const auto repeated = [](std::string_view what, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += what;
    return out;
  };
  const auto fault = [](const std::string& text) -> std::string {
    try {
      TomlFile(text, "f", 1 << 20);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  const std::string deep = "tables are nested too deep";
  constexpr int many = 100'000;
  for (const std::string& text : {
           "[a" + repeated(".a", many) + "]",
           "a" + repeated(".a", many) + " = 1",
           "a" + repeated(" . \"=\"", many) + " = 1",
           "a" + repeated(".'['", many) + " = 1",
           "a = " + repeated("[", many),
           "a = " + repeated("{a=", many),
           "b = {x = \"\"\"q\"\"\"\", a" + repeated(".a", many) + " = 1}",
           "b = {x = '''q''''', a" + repeated(".a", many) + " = 1}",
       }) {
    INFO(text.substr(0, 40));
    CHECK(fault(text) == "f:1: " + deep);
    CHECK(fault("x = 1\ny = \"\"\"\n\n\"\"\"\n" + text) == "f:5: " + deep);
  }
  for (const std::string& text : {
           "a = \"" + repeated(".[{", 100) + "\"",
           "a = \"\\\"" + repeated(".[{", 100) + "\"",
           "a = '\\'# " + repeated(".[{", 100),
           "a = '''\n" + repeated(".[{\n", 100) + "'''",
           "a = [" + repeated("1.5, ", 100) + "]",
           repeated("[[a.b]]\nc = 1.5\n", 100),
           std::string("a.b.c.d.e.f.g.h = [[[[1]]]]"),
       }) {
    INFO(text.substr(0, 40));
    CHECK(fault(text) == "");
  }
}
