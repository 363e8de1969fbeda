#include "repository/labels.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "../model/models.hpp"
#include "catch.hpp"
#include "repository/repository.hpp"
#include "repository/wants.hpp"

using namespace nn;
using namespace nn::repository;
namespace fs = std::filesystem;

namespace {

struct Base {
  test::Scratch scratch;
  std::string path = scratch / "base";
  explicit Base(const std::vector<int>& versions = {1, 2, 3}) {
    for (const int version : versions) {
      const std::string folder = path + "/" + std::to_string(version);
      fs::create_directories(folder);
      std::ofstream(folder + "/model.nn") << "x";
    }
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((path + "/" + name).substr(0, (path + "/" + name).rfind('/')));
    test::write_bytes(path + "/" + name, text);
  }
  // What is in a folder, in order.
  std::vector<std::string> names(const std::string& folder) const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(path + "/" + folder))
      out.push_back(entry.path().filename());
    std::sort(out.begin(), out.end());
    return out;
  }
};

using Versions = std::map<std::string, std::uint64_t, std::less<>>;

}  // namespace

TEST_CASE("labels point to versions, move and go") {
  const Base base;
  CHECK(read_labels(base.path).versions.empty());
  set_labels(base.path, {{"stable", 1}});
  set_labels(base.path, {{"gr\xc3\xbc\xc3\x9f = x", 3}});
  CHECK(test::read_file(base.path + "/labels/stable") == "1\n");
  set_labels(base.path, {{"stable", 2}});
  const Labels labels = read_labels(base.path);
  CHECK(labels.versions == Versions{{"stable", 2}, {"gr\xc3\xbc\xc3\x9f = x", 3}});
  CHECK(labels.wrong.empty());
  CHECK_THROWS_WITH(set_labels(base.path, {{"stable", 4}}),
                    Catch::Contains("there is no version 4 in it for the label 'stable'"));
  CHECK(read_labels(base.path).versions.at("stable") == 2);
  // All or none of them.
  CHECK_THROWS_AS(set_labels(base.path, {{"stable", 1}, {"canary", 4}}), Error);
  CHECK(read_labels(base.path).versions.at("stable") == 2);
  remove_label(base.path, "stable");
  CHECK_THROWS_WITH(remove_label(base.path, "stable"), Catch::Contains("there is no label 'stable' in it"));
  CHECK(base.names("labels") == std::vector<std::string>{"gr\xc3\xbc\xc3\x9f = x"});
  CHECK_THROWS_AS(read_labels(base.path + "/gone"), Error);
  CHECK_THROWS_AS(set_labels(base.path + "/gone", {{"stable", 1}}), Error);
}

TEST_CASE("labels change together or not at all") {
  const Base base;
  set_labels(base.path, {{"stable", 1}, {"old", 1}});
  const Versions before = read_labels(base.path).versions;
  CHECK_THROWS_WITH(change_labels(base.path, {{"stable", 2}}, {"old", "gone"}),
                    Catch::Contains("there is no label 'gone' in it"));
  CHECK_THROWS_WITH(change_labels(base.path, {{"stable", 2}, {"new", 4}}, {"old"}),
                    Catch::Contains("there is no version 4 in it"));
  CHECK_THROWS_WITH(change_labels(base.path, {{"stable", 2}, {"stable", 3}}, {}),
                    "the label 'stable' is named twice");
  CHECK_THROWS_WITH(change_labels(base.path, {{"stable", 2}}, {"stable"}),
                    "the label 'stable' is named twice");
  CHECK(read_labels(base.path).versions == before);
  base.write("labels/wrong", "x");
  change_labels(base.path, {{"stable", 2}}, {"old", "wrong"});
  CHECK(read_labels(base.path).versions == Versions{{"stable", 2}});
  CHECK(read_labels(base.path).wrong.empty());
}

TEST_CASE("neither labels nor what is wanted are versions") {
  const Base base;
  set_labels(base.path, {{"stable", 1}});
  change_wants(base.path, [](Wants& wants) { wants.serve(3); });
  ModelSpec spec;
  spec.path = base.path;
  spec.repository = true;
  CHECK(find_versions(spec).size() == 3);
}

TEST_CASE("names of labels") {
  for (const std::string name :
       {"stable", "v1.2", "a=b", "=", "3rd", "\xe2\x98\x83", "a b", "-x", "wanted"}) {
    INFO(name);
    CHECK_NOTHROW(check_label_name(name));
    CHECK(parse_label(name + "=12").name == name);
    CHECK(parse_label(name + "=12").version == 12);
  }
  for (const std::string& name :
       {std::string(), std::string("/"), std::string("a/b"), std::string("a:b"), std::string("."),
        std::string(".."), std::string(".a"), std::string("7"), std::string("007"), std::string("+3"),
        std::string("-5"), std::string("1.5"), std::string("a\nb"), std::string("\xff"),
        std::string("a\0b", 3), std::string(65, 'x')}) {
    INFO(name);
    CHECK_THROWS_AS(check_label_name(name), Error);
    CHECK_THROWS_AS(parse_label(name + "=1"), Error);
  }
  CHECK_NOTHROW(check_label_name(std::string(64, 'x')));
  for (const char* wrong : {"", "stable", "stable=", "stable=0", "stable=01", "stable=x", "stable=-1",
                            "stable=1 ", "stable=18446744073709551616"}) {
    INFO(wrong);
    CHECK_THROWS_AS(parse_label(wrong), Error);
  }
}

TEST_CASE("a label's file holds a number and a line end, and one that doesn't is told by its name") {
  const Base base;
  base.write("labels/good", "18446744073709551615\n");
  base.write("labels/.draft-1-0", "half");
  const std::pair<std::string, std::string> wrong[] = {
      {"empty", ""},
      {"no-end", "3"},
      {"two-ends", "3\n\n"},
      {"crlf", "3\r\n"},
      {"space", " 3\n"},
      {"zero", "0\n"},
      {"leading", "03\n"},
      {"minus", "-3\n"},
      {"plus", "+3\n"},
      {"hex", "0x3\n"},
      {"word", "three\n"},
      {"large", "18446744073709551616\n"},
      {"longer", std::string(100, '1') + "\n"},
      {"huge", std::string(1 << 20, '\n')},
      {"nul", std::string("3\0\n", 3)},
      {"bytes", "\xff\xfe\n"},
      {"two", "3\n4\n"},
  };
  for (const auto& [name, text] : wrong) base.write("labels/" + name, text);
  // Wrong by their names, or no files.
  base.write("labels/7", "3\n");
  base.write("labels/a:b", "3\n");
  base.write("labels/a\x1b[31m", "3\n");
  base.write("labels/\xff", "3\n");
  fs::create_directories(base.path + "/labels/folder");
  REQUIRE(::mkfifo((base.path + "/labels/fifo").c_str(), 0600) == 0);
  fs::create_symlink("nowhere", base.path + "/labels/dangling");
  const Labels labels = read_labels(base.path);
  CHECK(labels.versions == Versions{{"good", 18446744073709551615u}});
  CHECK(labels.wrong.size() == std::size(wrong) + 7);
  for (const auto& [name, text] : wrong) {
    INFO(name);
    const auto found = labels.wrong.find(name);
    REQUIRE(found != labels.wrong.end());
    CHECK_THAT(found->second.what(), Catch::Contains("labels/" + name));
  }
  for (const char* name : {"7", "a:b", "a\\x1b[31m", "\\xff", "folder", "fifo", "dangling"}) {
    INFO(name);
    CHECK(labels.wrong.contains(name));
  }
  for (const auto& [name, error] : labels.wrong) {
    CHECK(error.kind() != ErrorKind::usage);
    CHECK(std::string_view(error.what()).find('\x1b') == std::string_view::npos);
  }
}

TEST_CASE("a repository has so many labels and no more") {
  const Base base;
  for (std::size_t i = 0; i < most_labels; ++i) base.write("labels/l" + std::to_string(i), "1\n");
  CHECK(read_labels(base.path).versions.size() == most_labels);
  CHECK_NOTHROW(set_labels(base.path, {{"l1", 2}}));
  CHECK_THROWS_WITH(set_labels(base.path, {{"another", 2}}),
                    Catch::Contains("there would be more than 1024 labels"));
  base.write("labels/another", "1\n");
  CHECK_THROWS_WITH(read_labels(base.path), Catch::Contains("there are more than 1024 labels"));
}
