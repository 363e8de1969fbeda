#include "traffic/judge.hpp"

#include <nlohmann/json.hpp>

#include "../linear.hpp"
#include "catch.hpp"
#include "simulated.hpp"

using namespace nn;
using namespace nn::traffic;

namespace {

CanaryPolicy rules() {
  CanaryPolicy policy;
  policy.automatic = true;
  policy.steps = {5, 50, 100};
  policy.min_requests = 100;
  policy.min_time = std::chrono::seconds(10);
  return policy;
}

ArmCounts some(std::uint64_t requests, std::uint64_t errors = 0, double us = 1000) {
  ArmCounts counts;
  for (std::uint64_t i = 0; i < requests; ++i) counts.add(i % 2 == 1 && i / 2 < errors, false, us);
  return counts;
}

Observations both(std::uint64_t requests, std::uint64_t errors = 0, double us = 1000) {
  return {some(requests, errors, us), some(requests), {}, false};
}

std::string name(const std::optional<Decision>& decision) {
  return decision ? std::string(enum_names(decision->verdict).name_of(decision->verdict)) : "";
}

}  // namespace

TEST_CASE("a trial goes through its steps to the end") {
  CanaryPolicy policy = rules();
  policy.max_error_increase = 0.05;
  Judge judge(policy, 7, 6, 0);
  CHECK(name(judge.admit({})) == "begin");
  CHECK(judge.step() == 5);
  CHECK(judge.shadow_percent() == 0);
  CHECK(name(judge.observe(both(5000), 5)).empty());  // too early
  const auto first = judge.observe(both(1), 10);
  CHECK(name(first) == "advance");
  CHECK(first->to == 50);
  CHECK(first->evidence->canary_requests == 5001);
  CHECK(judge.step() == 50);
  CHECK(name(judge.observe(both(5000), 15)).empty());
  CHECK(name(judge.observe(both(1), 20)) == "promote");
  CHECK(judge.over());
  CHECK_FALSE(judge.observe(both(1), 30));
}

TEST_CASE("a log says the figures that a decision was made on, as the history does") {
  Judge judge(rules(), 7, 6, 0);
  judge.admit({});
  const auto decision = judge.observe(both(200, 90), 10);
  REQUIRE(name(decision) == "rollback");
  const auto fields = log_fields(*decision, "iris");
  const auto line = nlohmann::json::parse(to_json(*decision, "iris", 0));
  for (const auto& [key, value] : fields) {
    INFO(key);
    CHECK(line.at(key) == nlohmann::json::parse(value.json()));
  }
  CHECK(fields.at("errors").json().starts_with(R"({"canary":[90,200],"control":[0,200],"diff_ci":[)"));
  CHECK(fields.contains("p95_ms"));
  CHECK(fields.at("verdict").json() == "\"rollback\"");
}

TEST_CASE("a look is taken when enough is known, and not at each observation") {
  Judge judge(rules(), 7, 6, 0);
  judge.admit({});
  // 2 of 100 are no reason, and with 200 not either; 3200 without a finding are the end.
  CHECK(name(judge.observe(both(99), 20)).empty());
  CHECK(name(judge.observe(both(101, 2), 21)).empty());
  CHECK(name(judge.observe(both(200, 2), 22)).empty());
  const auto last = judge.observe(both(2800, 12), 23);
  CHECK(name(last) == "hold");
  CHECK(last->reason.find("not decided after 3200 requests") == 0);
  CHECK(judge.held());
  CHECK(judge.step() == 5);
  CHECK_FALSE(judge.observe(both(4000), 60));
  CHECK(name(judge.resume(61)) == "resume");
  CHECK(judge.evidence().canary_requests == 0);
  for (const auto& [word, expected] : {std::pair{CanaryPolicy::Inconclusive::rollback, "rollback"},
                                       std::pair{CanaryPolicy::Inconclusive::promote, "advance"}}) {
    CanaryPolicy policy = rules();
    policy.inconclusive = word;
    Judge other(policy, 7, 6, 0);
    other.admit({});
    CHECK(name(other.observe(both(3200, 16), 20)) == expected);
  }
}

TEST_CASE("times count by their ratio, unless nobody notices the difference") {
  struct Case {
    double canary_us, control_us;
    std::string verdict;
  };
  for (const Case& c : std::vector<Case>{{1000, 1000, "advance"},
                                         {2000, 1000, "rollback"},
                                         {1400, 1000, "rollback"},
                                         {70, 30, "advance"},  // of a small model, by caches
                                         {900, 30, "rollback"}}) {
    INFO(c.canary_us << " us against " << c.control_us);
    CanaryPolicy policy = rules();
    policy.max_error_increase = 0.05;
    Judge judge(policy, 7, 6, 0);
    judge.admit({});
    CHECK(name(judge.observe({some(5000, 0, c.canary_us), some(5000, 0, c.control_us), {}, false}, 10)) ==
          c.verdict);
  }
}

TEST_CASE("five failures in a row are enough, unless the control fails as well") {
  Judge judge(rules(), 7, 6, 0);
  judge.admit({});
  Observations bad;
  for (int i = 0; i < 4; ++i) bad.canary.add(true, false, 0);
  CHECK(name(judge.observe(bad, 0.1)).empty());
  Observations one;
  one.canary.add(true, false, 0);
  CHECK(name(judge.observe(one, 0.2)) == "rollback");
  Judge other(rules(), 7, 6, 0);
  other.admit({});
  bad.control.add(true, false, 0);
  other.observe(bad, 0.1);
  CHECK(name(other.observe(one, 0.2)).empty());
  Observations crash;
  crash.crashed = true;
  CHECK(name(other.observe(crash, 0.3)) == "rollback");
}

TEST_CASE("before the first request: what doesn't fit, isn't finite or computes too little") {
  const auto verdict = [](const Admission& admission) {
    return name(Judge(rules(), 7, 6, 0).admit(admission));
  };
  CHECK(verdict({"it has other classes", true, {}}) == "incompatible");
  CHECK(verdict({"", false, {}}) == "rollback");
  CHECK(verdict({"", true, {{1, 10, 10}, {64, 210, 100}}}) == "rollback");
  CHECK(verdict({"", true, {{1, 10, 1}, {64, 35, 16}}}) == "begin");  // nobody notices
  // The machine did something else during some of them: both of a pair were slow, or one was interrupted.
  CHECK(verdict({"", true, {{64, 100, 100}, {64, 900, 800}, {64, 700, 100}}}) == "begin");
  CHECK(verdict({"", true, {{64, 210, 100}, {64, 900, 450}, {64, 200, 800}}}) == "rollback");
  CHECK(verdict({"", true, {{64, 210, 0}}}) == "begin");
  const auto why = [](std::int64_t rows) {
    return Judge(rules(), 7, 6, 0).admit({"", true, {{rows, 210, 100}}}).reason;
  };
  CHECK(why(1) ==
        "a step of one row takes it 210 us, and the stable version 100 us: 2.10 times as long, in the median "
        "of 1 pairs");
  CHECK_THAT(why(64), Catch::StartsWith("a step of 64 rows takes it 210 us"));
  CanaryPolicy at_once = rules();
  at_once.steps = {100};
  CHECK(name(Judge(at_once, 7, 6, 0).admit({})) == "promote");
}

TEST_CASE("the shadow's gate") {
  CanaryPolicy policy = rules();
  policy.shadow_percent = 20;
  policy.shadow_requests = 100;
  policy.min_agreement = 0.9;
  const auto pairs = [](int agreeing, int differing) {
    Observations out;
    for (int i = 0; i < agreeing + differing; ++i) {
      const float p = 0.6f + static_cast<float>(i % 7) / 100;
      const std::vector<float> a{p, 1 - p}, b{1 - p, p};
      out.shadow.add({2, true, {}}, a, i < agreeing ? a : b);
    }
    return out;
  };
  Judge judge(policy, 7, 6, 0);
  judge.admit({});
  CHECK(judge.step() == 0);
  CHECK(judge.shadow_percent() == 20);
  CHECK(name(judge.observe(pairs(90, 5), 1)).empty());
  CHECK(name(judge.observe(pairs(5, 0), 2)) == "advance");
  CHECK(judge.step() == 5);
  CHECK(judge.shadow_percent() == 0);
  Judge other(policy, 7, 6, 0);
  other.admit({});
  const auto decision = other.observe(pairs(50, 60), 1);
  CHECK(name(decision) == "rollback");
  CHECK(decision->reason.find("it agrees with the stable version on 45.5 % of 110 shadow rows") == 0);
}

TEST_CASE("a decision is a line of JSON with its figures") {
  Judge judge(rules(), 7, 6, 0);
  judge.admit({});
  const auto decision = judge.observe(both(5000), 20);
  REQUIRE(decision);
  const auto line = nlohmann::json::parse(to_json(*decision, "iris \"x\"", 1764343522.1234));
  CHECK(line["model"] == "iris \"x\"");
  CHECK(line["version"] == 7);
  CHECK(line["control"] == 6);
  CHECK(line["verdict"] == "advance");
  CHECK(line["step"] == 5);
  CHECK(line["to"] == 50);
  CHECK(line["errors"]["canary"] == nlohmann::json::array({0, 5000}));
  CHECK(line["errors"]["diff_ci"][1].get<double>() < 0.005);
  CHECK(line["p95_ms"]["control"][0].get<double>() == Approx(1).margin(0.05));
  CHECK(line["time"] == Approx(1764343522.123));
  Judge empty(rules(), 7, 6, 0);
  empty.admit({});
  Observations few = both(3);
  empty.observe(few, 1);
  CHECK(nlohmann::json::parse(to_json(empty.progress(), "m", 0))["p95_ms"]["canary"][1].is_null());
}

TEST_CASE("a judge that begins anew goes on with what it knew") {
  const CanaryPolicy policy = test::Simulated::usual();
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    test::Simulated whole(policy, {}, seed), cut(policy, {}, seed);
    std::vector<Decision> expected, got;
    CHECK(whole.run(&expected) == "promote");

    std::string history = "torn {\n";
    std::optional<Judge> judge(std::in_place, policy, 2, 1, cut.now_s);
    got.push_back(judge->admit(cut.admission()));
    history += to_json(got.back(), "m", 0) + "\n";
    while (!judge->over() && !judge->held()) {
      const auto decision = judge->observe(cut.observe(*judge), cut.now_s);
      if (decision) {
        got.push_back(*decision);
        history += to_json(*decision, "m", 0) + "\n";
        if (judge->over()) break;
      }
      // The server ends and begins after each second; its clock with it.
      history += to_json(judge->progress(), "m", 0, judge->saved(cut.now_s)) +
                 "\n{\"version\":2,\"verdict\":\"pro\n";
      cut.now_s += 5000;
      const double step = judge->step();
      judge = Judge::resumed(policy, history, cut.now_s);
      REQUIRE(judge);
      CHECK(judge->step() == step);
    }
    CHECK_FALSE(Judge::resumed(policy, history, 0));
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CHECK(got[i].verdict == expected[i].verdict);
      CHECK(to_json(got[i], "m", 0) == to_json(expected[i], "m", 0));
    }
  }
}

TEST_CASE("what people and torn lines leave in the history") {
  const CanaryPolicy policy = rules();
  const std::string begin = R"({"version":7,"control":6,"verdict":"begin"})"
                            "\n";
  CHECK_FALSE(Judge::resumed(policy, "", 0));
  CHECK_FALSE(Judge::resumed(policy,
                             R"({"version":7,"verdict":"advance","to":50})"
                             "\n",
                             0));
  const auto judge = Judge::resumed(policy,
                                    begin + R"({"version":7,"verdict":"advance","to":30})"
                                            "\n",
                                    0);
  REQUIRE(judge);
  CHECK(judge->step() == 50);  // steps have changed
  CHECK(Judge::resumed(policy,
                       begin + R"({"version":7,"verdict":"hold","by":"hand"})"
                               "\n",
                       0)
            ->held());
  CHECK_FALSE(Judge::resumed(policy,
                             begin + R"({"version":7,"verdict":"rollback","by":"hand"})"
                                     "\n",
                             0));
  CHECK(Judge::resumed(policy,
                       begin + R"({"version":5,"verdict":"rollback"})"
                               "\n",
                       0));
  for (const char* wrong :
       {R"({"version":7,"verdict":"progress"})", R"({"version":7,"verdict":"progress","counts":1})",
        R"({"version":7,"verdict":"progress","elapsed_s":-1,"looks":9,"counts":{},"pairs":[]})",
        R"({"version":-7,"verdict":"hold"})", R"({"version":1e30,"verdict":"hold"})", "[[[[", "\xff"}) {
    const auto other = Judge::resumed(policy, begin + wrong + "\n", 0);
    REQUIRE(other);
    CHECK(other->evidence().canary_requests == 0);
    CHECK_FALSE(other->held());
  }
}
