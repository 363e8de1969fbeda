#include "repository/repository.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "../model/models.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "repository/expand.hpp"
#include "repository/model_name.hpp"

using namespace nn;
using namespace nn::repository;

namespace {

std::vector<std::uint64_t> versions(const std::vector<FoundVersion>& found) {
  std::vector<std::uint64_t> out;
  for (const FoundVersion& version : found) out.push_back(version.version);
  return out;
}

}  // namespace

TEST_CASE("versions are folders of digits with a model in them") {
  const test::Scratch scratch;
  const std::string base = scratch / "digits";
  for (const char* name : {"1", "2", "10", "007", "0", "new", ".3", "4", "-5", "99999999999999999999999"}) {
    std::filesystem::create_directories(base + "/" + name);
    if (std::string(name) != "4") std::ofstream(base + "/" + name + "/model.nn") << "x";
  }
  std::ofstream(base + "/6") << "a file";
  const ModelSpec spec = parse_repository_spec(base);
  CHECK(spec.name == "digits");
  const auto found = find_versions(spec);
  CHECK(versions(found) == std::vector<std::uint64_t>{1, 2, 10});
  using V = std::vector<std::uint64_t>;
  CHECK(versions(choose_versions(found, parse_version_policy("latest"))) == V{10});
  CHECK(versions(choose_versions(found, parse_version_policy("latest:2"))) == V{2, 10});
  CHECK(versions(choose_versions(found, parse_version_policy("latest:9"))) == V{1, 2, 10});
  CHECK(versions(choose_versions(found, parse_version_policy("all"))) == V{1, 2, 10});
  CHECK(versions(choose_versions(found, parse_version_policy("specific:1,7"))) == V{1});
  CHECK_THROWS_AS(find_versions(parse_repository_spec(scratch / "gone")), Error);
}

TEST_CASE("what looks like a version and is none has a reason, and nobody waits for a FIFO") {
  namespace fs = std::filesystem;
  const test::Scratch scratch;
  const std::string base = scratch / "digits";
  for (const char* name : {"1", "2", "3/model.nn", "4", "5", "006", "foo", "own", "labels", ".7", "8"})
    fs::create_directories(base + "/" + name);
  std::ofstream(base + "/1/model.nn") << "x";
  fs::create_symlink("gone.nn", base + "/2/model.nn");
  REQUIRE(::mkfifo((base + "/4/model.nn").c_str(), 0600) == 0);
  std::ofstream(base + "/9") << "a file";
  fs::create_symlink("nowhere", base + "/10");
  std::ofstream(base + "/foo/model.nn") << "x";
  std::ofstream(base + "/own/notes") << "x";
  fs::create_directories(base + "/8/model.nn");
  std::ofstream(base + "/8/ensemble.toml") << "x";  // this one could be loaded
  const Contents contents = look_into(parse_repository_spec(base));
  CHECK(versions(contents.versions) == std::vector<std::uint64_t>{1, 8});
  CHECK(versions(contents.all()) == std::vector<std::uint64_t>{1, 2, 3, 4, 5, 8, 9, 10});
  std::string odd;
  for (const OddVersion& one : contents.odd)
    odd += one.version.path.substr(base.size() + 1) + " " + one.reason + (one.empty ? " (empty)\n" : "\n");
  CHECK(odd ==
        "2/model.nn is a link to what isn't there\n3/model.nn is a folder, not a file\n"
        "4/model.nn is a FIFO, not a regular file\n5 has no model.nn in it (empty)\n"
        "9 is no folder, as a version is\n10 is a link to what isn't there\n");
  std::string left_out;
  for (const LeftOut& one : contents.left_out)
    left_out += one.path.substr(base.size() + 1) + ": " + one.reason + "\n";
  CHECK(left_out ==
        "006: a version's number is a whole one from 1, without zeros in front\n"
        "foo: a version's folder has a number as its name\n");
  CHECK_THROWS_WITH(find_versions(parse_model_spec(base + "/2/model.nn")),
                    Catch::Contains("is a link to what isn't there"));
}

TEST_CASE("a file that takes another's place has another stamp") {
  const test::Scratch scratch;
  const std::string path = scratch / "m.nn";
  std::ofstream(path) << "a";
  const ModelSpec spec = parse_model_spec("digits=" + path);
  CHECK(spec.name == "digits");
  const auto before = find_versions(spec);
  std::ofstream(scratch / "new") << "b";
  std::filesystem::rename(scratch / "new", path);
  const auto after = find_versions(spec);
  CHECK(versions(after) == std::vector<std::uint64_t>{1});
  CHECK_FALSE(before[0].stamp == after[0].stamp);
}

TEST_CASE("names of models") {
  CHECK(parse_model_spec("/a/b/net.nn").name == "net");
  CHECK(parse_model_spec("net").name == "net");
  CHECK(parse_model_spec("a=b=c.nn").path == "b=c.nn");
  CHECK(parse_model_spec("/x=y/m.nn").name == "m");
  CHECK(parse_repository_spec("/srv/digits/").name == "digits");
  for (const char* text : {"", "=m.nn", "a=", "a:b=m.nn", "a:b.nn"})
    CHECK_THROWS_AS(parse_model_spec(text), Error);
  for (const char* text : {"", "newest", "latest:0", "latest:x", "specific:", "specific:0", "specific:1,b"}) {
    INFO(text);
    CHECK_THROWS_AS(parse_version_policy(text), Error);
  }
}

TEST_CASE("models are named with a version or a label") {
  CHECK(parse_model_name("digits").name == "digits");
  CHECK_FALSE(parse_model_name("digits").version);
  CHECK(parse_model_name("digits/12").version == 12);
  CHECK(parse_model_name("digits:stable").label == "stable");
  CHECK(parse_model_name("digits:stable").name == "digits");
  for (const char* wrong : {"", "/1", ":a", "digits/", "digits/0", "digits/-1", "digits/01", "digits/1x",
                            "digits/ 1", "digits/18446744073709551616", "digits:", "digits:a/1", "digits/1:a",
                            "digits:3", "digits:.a", "digits/1/2"}) {
    INFO(wrong);
    CHECK_THROWS_AS(parse_model_name(wrong), Error);
  }
  CHECK_THROWS_AS(parse_unlabelled_name("digits:stable"), Error);
  CHECK(parse_unlabelled_name("digits/3").version == 3);
  CHECK(parse_version("7") == 7);
  CHECK_THROWS_AS(parse_version("-1"), Error);
}

TEST_CASE("names-not-utf8: names of models and labels are printable UTF-8") {
  for (const std::string name : {"\xff", "a\xc3", "a\nb", "\x1b[31m", "\xed\xa0\x80"}) {
    INFO(name);
    CHECK_THROWS_AS(parse_model_spec(name + "=m.nn"), Error);
    CHECK_THROWS_AS(parse_model_spec("folder/" + name + ".nn"), Error);
    CHECK_THROWS_AS(parse_repository_spec(name + "=folder"), Error);
    CHECK_THROWS_AS(parse_model_name(name), Error);
    CHECK_THROWS_AS(parse_model_name("digits:" + name), Error);
  }
  CHECK(parse_model_spec("gr\xc3\xbc\xc3\x9f=m.nn").name == "gr\xc3\xbc\xc3\x9f");
  CHECK(parse_model_spec("m=folder/\xff.nn").name == "m");  // a path is what it is
}

TEST_CASE("a folder is one model, or many, and never both") {
  const test::Scratch scratch;
  const std::string base = scratch / "models";
  const auto names = [&] {
    std::string out;
    for (const ModelSpec& spec : expand_repository(parse_repository_spec(base))) {
      out += spec.name + " ";
      CHECK(spec.repository);
    }
    return out;
  };
  CHECK(names() == "models ");  // it isn't there
  std::filesystem::create_directories(base + "/labels");
  CHECK(names() == "models ");  // nothing is in it
  std::filesystem::create_directories(base + "/digits/1");
  std::filesystem::create_directories(base + "/iris/12");
  std::filesystem::create_directories(base + "/empty/new");
  std::filesystem::create_directories(base + "/.hidden/1");
  std::filesystem::create_directories(base + "/a:b/1");
  std::ofstream(base + "/7") << "a file";
  CHECK(names() == "digits iris ");
  CHECK(expand_repository(parse_repository_spec(base))[0].path == base + "/digits");
  std::filesystem::remove_all(base + "/digits");
  CHECK(names() == "iris ");
  std::filesystem::create_directories(base + "/3");
  try {
    names();
    FAIL("it is both");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) ==
          base +
              ": it has the version 3 and the model 'iris': a folder holds versions of one model, or models");
  }
  std::filesystem::remove_all(base + "/iris");
  CHECK(names() == "models ");
  std::filesystem::remove_all(base + "/3");
  std::filesystem::create_directories(base + "/iris/1");
  CHECK_THROWS_AS(expand_repository(parse_repository_spec("m=" + base)), Error);
  CHECK(expand_repository(parse_model_spec("/x/m.nn"))[0].path == "/x/m.nn");
}

TEST_CASE("folders that are no models have a reason, but for those that nobody means to be one") {
  const test::Scratch scratch;
  const std::string base = scratch / "models";
  const auto left_out = [&] {
    std::vector<LeftOut> found;
    expand_repository(parse_repository_spec(base), &found);
    std::map<std::string, std::string> out;
    for (const LeftOut& one : found) out[one.path.substr(base.size() + 1)] = one.reason;
    return out;
  };
  for (const char* folder :
       {"iris/007", "empty", "a:b/1", "\xff/1", ".hidden/1", "lost+found", "new/.publish-x", "labels", "002"})
    std::filesystem::create_directories(base + "/" + folder);
  const std::map<std::string, std::string> expected = {
      {"iris", "it has no version, and '007' is none; the first is a folder 1"},
      {"empty", "it has no version; the first is a folder 1"},
      {"a:b", "its name holds ':', which begins a label"},
      {"\xff", "its name is not plain UTF-8 text"},
      {"002", "a version's number is a whole one from 1, without zeros in front"}};
  CHECK(left_out() == expected);
  std::filesystem::create_directories(base + "/digits/1");  // models beside them change nothing
  CHECK(left_out() == expected);
  std::filesystem::remove_all(base + "/digits");
  std::filesystem::create_directories(base + "/1");  // and beside versions there are other folders
  CHECK(left_out().empty());
}
