#include "repository/standing.hpp"

#include <filesystem>
#include <fstream>

#include "../linear.hpp"
#include "../messages.hpp"
#include "../model/models.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "repository/history.hpp"
#include "repository/labels.hpp"
#include "repository/publish.hpp"

using namespace nn;
using namespace nn::repository;
namespace fs = std::filesystem;

namespace {

using Versions = std::vector<std::uint64_t>;

struct Repository {
  test::Scratch scratch;
  std::string base = scratch / "a/b/digits";
  std::string file = scratch / "m.nn", other = scratch / "other.nn";

  Repository() {
    model::Model model = test::class_model();
    test::fill_parameters(model);
    model::save_model(file, model);
    model.target.classes[0] = "-2";
    model::save_model(other, model);
  }
  std::uint64_t publish(std::optional<std::uint64_t> as = {}) {
    return publish_model(file, base, as, Fit::required);
  }
  std::uint64_t live() const { return read_standing(base).live().value_or(0); }
  Versions there() const { return read_standing(base).versions; }
};

}  // namespace

TEST_CASE("publishing makes the folders, and none where nothing is published") {
  Repository r;
  std::ofstream(r.scratch / "broken.nn") << "x";
  CHECK_THROWS_AS(publish_model(r.scratch / "broken.nn", r.base, {}, Fit::required), Error);
  CHECK_FALSE(fs::exists(r.scratch / "a"));
  CHECK(r.publish() == 1);
  CHECK(fs::exists(r.base + "/1/model.nn"));
}

TEST_CASE("what doesn't fit the live version is published by force only") {
  Repository r;
  r.publish();
  try {
    publish_model(r.other, r.base, {}, Fit::required);
    FAIL("it doesn't fit");
  } catch (const Error& error) {
    CHECK(error.message() ==
          "the model does not fit version 1, the live one: it has other classes, such as '-2'; clients of "
          "the one would "
          "fail with "
          "the other");
  }
  CHECK(r.there() == Versions{1});
  CHECK(publish_model(r.other, r.base, {}, Fit::warned) == 2);
  CHECK_THROWS_AS(r.publish(), Error);  // now the other is live
  roll_back(r.base, {});
  CHECK(r.publish() == 3);
}

TEST_CASE("a version is rolled back, and one that is published later is live again") {
  Repository r;
  for (int i = 0; i < 3; ++i) r.publish();
  CHECK(r.live() == 3);
  const RolledBack done = roll_back(r.base, {});
  CHECK(done.from == 3);
  CHECK(done.to == 2);
  CHECK(r.live() == 2);
  CHECK(roll_back(r.base, {}).to == 1);
  CHECK_THROWS_AS(roll_back(r.base, {}), Error);
  CHECK(r.live() == 1);
  CHECK(roll_back(r.base, 3).to == 3);  // forward
  CHECK(r.live() == 3);
  CHECK(roll_back(r.base, 1).to == 1);
  CHECK(read_standing(r.base).bad == std::set<std::uint64_t>{2, 3});
  CHECK(r.publish() == 4);
  CHECK(r.live() == 4);
  CHECK_THROWS_AS(roll_back(r.base, 9), Error);
  CHECK_THROWS_AS(roll_back(r.base, 4), Error);
  // Broken ones are refused, and nothing changes.
  std::ofstream(r.base + "/1/model.nn") << "x";
  CHECK_THROWS_AS(roll_back(r.base, 1), Error);
  CHECK(r.live() == 4);
}

TEST_CASE("with a label stable it is the label that moves") {
  Repository r;
  for (int i = 0; i < 3; ++i) r.publish();
  set_labels(r.base, {{"stable", 1}, {"canary", 2}});
  CHECK(r.live() == 1);
  promote(r.base, 2, R"({"version":2,"verdict":"promote"})");
  CHECK(read_labels(r.base).versions ==
        std::map<std::string, std::uint64_t, std::less<>>{{"previous", 1}, {"stable", 2}});
  CHECK(roll_back(r.base, {}).to == 1);
  CHECK(read_labels(r.base).versions == std::map<std::string, std::uint64_t, std::less<>>{{"stable", 1}});
  CHECK(read_standing(r.base).bad == std::set<std::uint64_t>{2});
  promote(r.base, 2, R"({"version":2,"verdict":"promote"})");
  CHECK(read_standing(r.base).bad.empty());
  CHECK_THROWS_AS(promote(r.base, 9, "{}"), Error);
}

TEST_CASE("versions are removed but for those that somebody needs, and numbers are given once") {
  Repository r;
  for (int i = 0; i < 8; ++i) r.publish();
  set_labels(r.base, {{"old", 1}});
  change_wants(r.base, [](Wants& wants) { wants.serve(2); });
  roll_back(r.base, 7);
  CHECK(prune(r.base, 2, {3}) == Versions{4, 5, 8});
  CHECK(r.there() == Versions{1, 2, 3, 6, 7});
  CHECK(prune(r.base, 2, {3}).empty());
  CHECK(r.publish() == 9);  // 8 is known as bad
  CHECK_THROWS_AS(r.publish(8), Error);
  change_wants(r.base, [](Wants& wants) { wants.refuse(12); });
  CHECK(r.publish() == 13);
  CHECK(r.publish(12) == 12);  // it is wanted again
  CHECK_FALSE(read_wants(r.base).refused.contains(12));
  for (const auto& entry : fs::directory_iterator(r.base))
    CHECK(entry.path().filename().string().find(".prune") != 0);
}

TEST_CASE("a number is given once, whoever removed its version") {
  Repository r;
  const test::Messages messages;
  CHECK(r.publish() == 1);
  CHECK(r.publish() == 2);
  fs::remove_all(r.base + "/2");
  CHECK(r.publish() == 3);
  fs::remove_all(r.base + "/3");
  CHECK(messages.take().empty());
  CHECK(r.publish(3) == 3);  // somebody wants just this one
  const auto told = messages.take();
  REQUIRE(told.size() == 1);
  CHECK_THAT(told[0], Catch::Contains("/3: a version of this number was there before"));
  // Without a history labels know as well.
  fs::remove(r.base + "/history.jsonl");
  set_labels(r.base, {{"stable", 3}});
  fs::remove_all(r.base + "/3");
  CHECK(r.publish() == 4);
  // A history that can't be written keeps nobody from publishing, but isn't silent.
  fs::remove(r.base + "/history.jsonl");
  fs::create_directory(r.base + "/history.jsonl");
  CHECK(r.publish() == 5);
  CHECK_THAT(messages.next(), Catch::Contains("version 5 is published, but once it is removed"));
}

TEST_CASE("a history is appended to, and torn lines are nobody's") {
  const test::Scratch scratch;
  const std::string base = scratch / "base";
  fs::create_directories(base);
  CHECK(read_history(base).empty());
  append_history(base, R"({"version":3,"verdict":"rollback"})");
  {
    std::ofstream file(base + "/history.jsonl", std::ios::app);
    file << R"({"version":4,"verdict":"roll)";
  }
  CHECK(bad_versions(read_history(base)) == std::set<std::uint64_t>{3});
  BadVersions known;
  CHECK(known.read(base).size() == 1);
  append_history(base, R"({"time":1,"version":5,"verdict":"rollback","errors":{"canary":[1,2]}})");
  CHECK(known.read(base) == std::set<std::uint64_t>{3, 5});
  append_history(base, R"({"version":3,"verdict":"promote"})");
  append_history(base, R"({"version":3,"verdict":"hold"})");
  CHECK(known.read(base) == std::set<std::uint64_t>{5});
  CHECK(highest_named(read_history(base)) == 5);
  CHECK(bad_versions("\n\nnull\n[]\n{}\n{\"version\":1}\n{\"verdict\":\"rollback\"}\n{\"version\":-1,"
                     "\"verdict\":\"rollback\"}\n")
            .empty());
  fs::remove(base + "/history.jsonl");
  CHECK(known.read(base).empty());
  fs::create_directory(base + "/history.jsonl");
  CHECK_THROWS_AS(append_history(base, "{}"), Error);
  CHECK_THROWS_AS(read_history(base), Error);
}

TEST_CASE("a long history takes time in proportion") {
  test::check_linear(
      2000,
      [](std::size_t n) {
        std::string text;
        for (std::size_t i = 1; i <= n; ++i)
          text += "{\"version\":" + std::to_string(i) + ",\"verdict\":\"rollback\"}\n";
        return text;
      },
      [](const std::string& text) { CHECK(!bad_versions(text).empty()); });
}
