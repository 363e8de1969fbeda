// Versions that are ensembles: published, taken back and kept like models.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "../messages.hpp"
#include "../model/models.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "repository/ensemble_text.hpp"
#include "repository/ensemble_version.hpp"
#include "repository/labels.hpp"
#include "repository/misfit.hpp"
#include "repository/publish.hpp"
#include "repository/repository.hpp"
#include "repository/standing.hpp"

using namespace nn;
using namespace nn::repository;
namespace fs = std::filesystem;

namespace {

using Versions = std::vector<std::uint64_t>;

std::vector<FoundVersion> versions_of(const std::string& base) {
  return find_versions(parse_repository_spec("m=" + base));
}

// A folder of models, with the files of two that don't go together and of an ensemble beside it.
struct Models {
  test::Scratch scratch;
  std::string file = scratch / "in/m.nn", other = scratch / "in/other.nn", toml = scratch / "in/e.toml";
  std::string digits = scratch / "all/digits", forest = scratch / "all/forest";

  Models() {
    fs::create_directories(scratch / "in");
    model::Model model = test::class_model();
    model::save_model(file, model);
    model.target.classes[0] = "-2";
    model::save_model(other, model);
  }
  std::uint64_t publish(const std::string& what, const std::string& base, Fit fit = Fit::required) {
    return publish_model(what, base, {}, fit);
  }
  std::uint64_t publish_ensemble(const std::string& members, const std::string& base,
                                 Fit fit = Fit::required) {
    test::write_bytes(toml, "member = [" + members + "]\n");
    return publish(toml, base, fit);
  }
  std::string why_not(const std::string& members, const std::string& base) {
    try {
      publish_ensemble(members, base);
    } catch (const Error& error) {
      return error.what();
    }
    return "it was published";
  }
  FileStamp stamp(const std::string& base, std::uint64_t version) const {
    for (const auto& found : versions_of(base))
      if (found.version == version) return found.stamp;
    return {};
  }
};

const std::string digits_1 = "{model = \"digits\", version = 1}", file_m = "{file = \"m.nn\"}";

}  // namespace

TEST_CASE("an ensemble is published with the files that it has beside it, complete or not at all") {
  Models r;
  r.publish(r.file, r.digits);
  CHECK(r.publish_ensemble(digits_1 + ", " + file_m, r.forest) == 1);
  CHECK(fs::exists(r.forest + "/1/ensemble.toml"));
  CHECK(test::read_file(r.forest + "/1/m.nn") == test::read_file(r.file));
  CHECK_FALSE(fs::exists(r.forest + "/1/model.nn"));
  const auto found = versions_of(r.forest);
  REQUIRE(found.size() == 1);
  CHECK(found[0].ensemble);
  CHECK_THAT(ensemble_text(r.forest + "/1/ensemble.toml"), Catch::Contains("ensemble of 2 members") &&
                                                               Catch::Contains("digits/1  ") &&
                                                               Catch::Contains("mean"));
  CHECK_THAT(ensemble_json(r.forest + "/1/ensemble.toml"),
             Catch::Contains(R"("model":"digits","version":1)") && Catch::Contains(R"("quorum":2)"));
  // Members at workers aren't looked at.
  CHECK(r.publish_ensemble(R"({model = "far", version = 3, at = "tcp://h:1"})", r.forest) == 2);

  const std::string none = r.scratch / "all/none";
  CHECK_THAT(r.why_not(R"({model = "digits", version = 9})", none),
             Catch::Contains("member digits/9") && Catch::Contains("no such version"));
  CHECK_THAT(r.why_not(R"({model = "forest", version = 1})", none),
             Catch::Contains("member forest/1") && Catch::Contains("is an ensemble"));
  CHECK_THAT(r.why_not(R"({model = "none", version = 1})", none), Catch::Contains("member none/1"));
  CHECK_THAT(r.why_not(R"({file = "gone.nn"})", none), Catch::Contains("gone.nn"));
  CHECK_THAT(r.why_not(digits_1 + R"(, {file = "other.nn"})", none),
             Catch::Contains("e.toml") && Catch::Contains("members must answer the same") &&
                 Catch::Contains("other.nn"));
  test::write_bytes(r.scratch / "in/broken.nn", test::read_file(r.file).substr(0, 500));
  CHECK_THAT(r.why_not(R"({file = "broken.nn"})", none), Catch::Contains("broken.nn"));
  test::write_bytes(r.toml, "rule = \"trimmed\"\nmember = [{file = \"m.nn\"}]\n");
  CHECK_THROWS_WITH(r.publish(r.toml, none), Catch::Contains("rule trimmed doesn't fit"));
  test::write_bytes(r.toml, "rule = \"stack:m.nn\"\nmember = [{file = \"m.nn\"}]\n");
  CHECK_THROWS_WITH(r.publish(r.toml, none), Catch::Contains("stacking model m.nn"));
  test::write_bytes(r.toml, "x = 1\n");
  CHECK_THROWS_WITH(r.publish(r.toml, none), Catch::Contains("e.toml:1"));
  CHECK_FALSE(fs::exists(none));
}

TEST_CASE(
    "an ensemble that doesn't fit the live model is refused, and a model that doesn't fit an ensemble") {
  Models r;
  r.publish(r.file, r.digits);
  const std::string others = R"({file = "other.nn"}, {file = "other.nn"})";
  CHECK_THAT(r.why_not(others, r.digits),
             Catch::Contains("does not fit version 1") && Catch::Contains("it has other classes"));
  CHECK(r.publish_ensemble(digits_1 + ", " + file_m, r.digits) == 2);  // of its own older version
  CHECK_THAT(r.why_not(others, r.digits), Catch::Contains("does not fit version 2"));
  CHECK_THROWS_WITH(r.publish(r.other, r.digits), Catch::Contains("does not fit version 2"));
  const test::Messages messages;
  CHECK(r.publish(r.other, r.digits, Fit::warned) == 3);
  CHECK_THAT(r.why_not(file_m, r.digits), Catch::Contains("does not fit version 3"));
  CHECK(r.publish_ensemble(others, r.digits) == 4);
  CHECK(r.publish(r.other, r.digits) == 5);
  CHECK_FALSE(misfit(r.digits, 2, 4).empty());
  CHECK(misfit(r.digits, 1, 2).empty());
}

TEST_CASE("an ensemble is rolled back to where its members are, and not where one is missing") {
  Models r;
  r.publish(r.file, r.digits);
  r.publish_ensemble(digits_1, r.forest);
  r.publish(r.file, r.forest);
  CHECK(roll_back(r.forest, {}).to == 1);
  CHECK(roll_back(r.forest, 2).to == 2);
  fs::remove_all(r.digits + "/1");
  CHECK_THROWS_WITH(roll_back(r.forest, 1), Catch::Contains("member digits/1"));
  CHECK(read_standing(r.forest).live() == 2);
}

TEST_CASE("prune keeps versions that an ensemble names, of this model or of one beside it, and says so") {
  Models r;
  for (int i = 0; i < 5; ++i) r.publish(r.file, r.digits);
  r.publish_ensemble(digits_1 + ", " + file_m, r.forest);
  r.publish_ensemble(R"({model = "digits", version = 3})", r.digits);  // version 6
  {
    const test::Messages messages;
    CHECK(prune(r.digits, 1, {}) == Versions{2, 4, 5});
    const auto lines = messages.take();
    REQUIRE(lines.size() == 2);
    CHECK_THAT(lines[0], Catch::Contains("digits/1 stays: it is a part of forest/1"));
    CHECK_THAT(lines[1], Catch::Contains("digits/3 stays: it is a part of digits/6"));
  }
  CHECK(read_standing(r.digits).versions == Versions{1, 3, 6});
  // Those that only an ensemble names which goes itself go with it.
  r.publish(r.file, r.digits);
  fs::remove_all(r.forest);
  CHECK(prune(r.digits, 1, {}) == Versions{1, 3, 6});
}

TEST_CASE("an ensemble is another one when a member comes, changes or goes") {
  Models r;
  r.publish(r.file, r.digits);
  r.publish_ensemble(digits_1, r.forest);
  std::vector<FileStamp> stamps{r.stamp(r.forest, 1)};
  const auto note = [&] { stamps.push_back(r.stamp(r.forest, 1)); };
  fs::rename(r.digits + "/1/model.nn", r.scratch / "aside");
  note();
  fs::copy(r.other, r.digits + "/1/model.nn");
  note();
  for (std::size_t i = 0; i < stamps.size(); ++i)
    CHECK(std::count(stamps.begin(), stamps.end(), stamps[i]) == 1);
  fs::remove(r.digits + "/1/model.nn");
  fs::rename(r.scratch / "aside", r.digits + "/1/model.nn");
  CHECK(r.stamp(r.forest, 1) == stamps[0]);
}
