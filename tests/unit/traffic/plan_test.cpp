#include "traffic/plan.hpp"

#include <fstream>

#include "../model/models.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "traffic/options.hpp"

using namespace nn;
using namespace nn::traffic;

namespace {

std::string error_of_plan(const std::string& text) {
  try {
    parse_plan(text, "traffic.toml");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("a plan is read, and written so that it is read as the same") {
  const std::string text = R"(sticky = "header:X-User-Id"
salt = "spring"
shadow = "version:7=0.5%"

[split]
stable = 90
"version:7" = 5.5
canary = 4
"model:forest/2" = 1
"model:forest:stable" = 0
)";
  const TrafficPlan plan = parse_plan(text, "t");
  CHECK(plan.key == Key{Key::From::header, "x-user-id"});
  CHECK(plan.salt == "spring");
  CHECK(plan.shadow->target.version == 7);
  CHECK(plan.shadow->percent == 0.5);
  REQUIRE(plan.arms.size() == 5);
  CHECK(plan.arms[0] == Arm{{"", 0, "stable"}, 90});
  CHECK(plan.arms[1] == Arm{{"", 7, ""}, 5.5});
  CHECK(plan.arms[3] == Arm{{"forest", 2, ""}, 1});
  CHECK(plan.arms[4] == Arm{{"forest", 0, "stable"}, 0});
  CHECK(parse_plan(to_toml(plan), "t") == plan);

  const TrafficPlan judged = parse_plan(R"([canary]
auto = true
shadow = "20% for 500 requests"
steps = [1, 5.5, 100]
min_requests = 200
min_time = "1.5m"
max_error_increase = 0.01
max_p95_ratio = 1.5
min_agreement = 0.9
max_nonfinite = 0.001
min_capacity_ratio = 0.8
confidence = 0.95
inconclusive = "rollback"
on_verdict = "/usr/bin/tell \"me\""
)",
                                        "t");
  CHECK(judged.canary.automatic);
  CHECK(judged.canary.shadow_percent == 20);
  CHECK(judged.canary.shadow_requests == 500);
  CHECK(judged.canary.steps == std::vector<double>{1, 5.5, 100});
  CHECK(judged.canary.min_time == std::chrono::seconds(90));
  CHECK(judged.canary.inconclusive == CanaryPolicy::Inconclusive::rollback);
  CHECK(parse_plan(to_toml(judged), "t") == judged);
  CHECK(parse_plan("", "t") == TrafficPlan{});
  CHECK(to_toml(TrafficPlan{}).empty());
}

TEST_CASE("what is wrong with a plan is told with its line") {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"stiky = \"id\"", "traffic.toml:1: stiky: 'stiky' is not a key; did you mean sticky?"},
      {"\nsticky = 7", "traffic.toml:2: sticky: must be a text in quotes"},
      {"sticky = \"header:a b\"", "traffic.toml:1: sticky: 'header:a b': 'a b' is no name of a field"},
      {"[split]\nstable = 1\ncanary = -1", "traffic.toml:3: canary: '-1': must be from 0 to 1000000000"},
      {"[split]\ncanary = \"5\"", "traffic.toml:2: canary: must be a number"},
      {"[split]\n\"a/b\" = 5", "traffic.toml:2: a/b: 'a/b': a label's name holds no '/' and no ':'"},
      {"[split]\na = 0\nb = 0", "traffic.toml:1: split: all arms have the weight 0"},
      {"split = 5", "traffic.toml:1: split: must be a table"},
      {"[split]\na = nan", "traffic.toml:2: a: "},
      {"[canary]\nsteps = [5, 5]", "traffic.toml:2: steps: steps must rise"},
      {"[canary]\nsteps = [0]", "traffic.toml:2: steps: "},
      {"[canary]\nauto = 1", "traffic.toml:2: auto: must be true or false"},
      {"[canary]\nshadow = \"20%\"", "traffic.toml:2: shadow: '20%' is no shadow"},
      {"[canary]\nmin_requests = 1.5", "traffic.toml:2: min_requests: must be a whole number"},
      {"[canary]\ninconclusive = \"wait\"", "traffic.toml:2: inconclusive: 'wait' is not"},
      {"[canary]\nauto = true\n[split]\na = 1", "traffic.toml:1: canary: auto = true decides about split"},
      {"a = ", "traffic.toml:1: "},
      {"[canary]\nauto = true\nmin_requests = 50",
       "traffic.toml:1: canary: no version could pass a step: the last look is after 1600 requests of each, "
       "too "
       "few to say with confidence 0.99 that failures are up by less than max_error_increase = 0.005, even "
       "where "
       "none fails; it takes min_requests = 62 or more, or a larger max_error_increase"},
      {"[canary]\nauto = true\nmax_error_increase = 0",
       "traffic.toml:1: canary: no version could pass a step: the last look is after 9600 requests of each, "
       "too "
       "few to say with confidence 0.99 that failures are up by less than max_error_increase = 0, even where "
       "none fails; it takes a larger max_error_increase, such as 0.005"},
      {"[split]\na = 1\na = 2", "traffic.toml:3: "},
  };
  for (const auto& [text, expected] : table) {
    INFO(text);
    CHECK(error_of_plan(text).substr(0, expected.size()) == expected);
  }
}

TEST_CASE("a plan that no version can pass is accepted where that changes nothing") {
  for (const char* text : {"[canary]\nauto = true\nmin_requests = 62", "[canary]\nmin_requests = 50",
                           "[canary]\nauto = true\nsteps = [100]\nmin_requests = 50",
                           "[canary]\nauto = true\nmin_requests = 50\ninconclusive = \"promote\"",
                           "[canary]\nauto = true\nmin_requests = 20\nmax_error_increase = 0.05"}) {
    INFO(text);
    CHECK(error_of_plan(text).empty());
  }
}

TEST_CASE("what command lines say of traffic") {
  const auto [model, arms] = parse_split("iris:stable=95,canary=5");
  CHECK(model == "iris");
  CHECK(arms.size() == 2);
  CHECK(arms[1] == Arm{{"", 0, "canary"}, 5});
  CHECK(parse_split("iris:stable=95,model:forest:x=5").second[1].target == Target{"forest", 0, "x"});
  CHECK(parse_model_shadow("iris:canary=20%").second == Shadow{{"", 0, "canary"}, 20});
  for (const char* wrong :
       {"", "iris", ":stable=1", "iris:", "iris:stable", "iris:stable=x", "iris:stable=1,stable=1",
        "iris:stable=0", "iris:stable=-1", "iris:version:0=1", "iris:foo:bar=1", "iris:model:=1"})
    CHECK_THROWS_AS(parse_split(wrong), Error);
  for (const char* wrong :
       {"iris:canary=20", "iris:canary=0%", "iris:canary=101%", "iris:canary", "canary=1%"})
    CHECK_THROWS_AS(parse_model_shadow(wrong), Error);
  for (const char* key :
       {"header:x-user", "cookie:a", "set-cookie:nn-arm", "query:user", "id", "ip", "input", "random"})
    CHECK(to_text(parse_key(key)) == key);
  for (const char* wrong : {"", "header:", "header", "id:x", "cookie:a=b", "ID"})
    CHECK_THROWS_AS(parse_key(wrong), Error);

  TrafficOptions options;
  options::List list = option_list(options);
  options::apply_arguments(list,
                           {"--split=iris:stable=95,canary=5", "--shadow=iris:canary=20%", "--sticky=id"});
  const auto all = plans(options);
  REQUIRE(all.size() == 1);
  CHECK(all.at("iris").arms.size() == 2);
  CHECK(all.at("iris").shadow);
  CHECK(all.at("iris").key.from == Key::From::id);
}

TEST_CASE("a repository's plan is a file that is replaced whole") {
  const test::Scratch scratch;
  const std::string base = scratch / "base";
  std::filesystem::create_directories(base);
  CHECK_FALSE(read_plan(base));
  TrafficPlan plan;
  plan.arms = parse_split("m:stable=95,canary=5").second;
  write_plan(base, plan);
  CHECK(read_plan(base) == plan);
  CHECK(remove_plan(base));
  CHECK_FALSE(remove_plan(base));
  std::ofstream(base + "/traffic.toml") << "x";
  CHECK_THROWS_AS(read_plan(base), Error);
}
