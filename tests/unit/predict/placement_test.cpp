#include "predict/placement.hpp"

#include "base/error.hpp"
#include "catch.hpp"
#include "ensemble/combiner.hpp"

using namespace nn;
using namespace nn::predict;

TEST_CASE("MODEL[@DEVICE][*WEIGHT]: paths may hold @ and *") {
  struct Row {
    const char* text;
    const char* model;
    const char* device;  // null: none
    double weight;
  };
  for (const Row& row : {Row{"m.nn", "m.nn", nullptr, 1},
                         {"m.nn@cpu:0", "m.nn", "cpu:0", 1},
                         {"m.nn@cpu:0*2", "m.nn", "cpu:0", 2},
                         {"m.nn*0.5", "m.nn", nullptr, 0.5},
                         {"a@b/m.nn", "a@b/m.nn", nullptr, 1},
                         {"a@cpu/m.nn@cpu", "a@cpu/m.nn", "cpu", 1},
                         {"a*2/m.nn", "a*2/m.nn", nullptr, 1},
                         {"a*b@x*3", "a*b@x", nullptr, 3},
                         {"m@gpu:0", "m@gpu:0", nullptr, 1},
                         {"m*2*3", "m*2", nullptr, 3},
                         {"m@cpu:0@cpu:1", "m@cpu:0", "cpu:1", 1}}) {
    INFO(row.text);
    const Member member = parse_member(row.text);
    CHECK(member.model == row.model);
    CHECK((member.device ? backend::to_string(*member.device) : "none") ==
          (row.device ? row.device : "none"));
    CHECK(member.weight == row.weight);
  }
  for (const char* text : {"", "*2", "@cpu:0", "m.nn*0", "m.nn*-1"}) {
    INFO(text);
    CHECK_THROWS_AS(parse_member(text), Error);
  }
}

TEST_CASE("members without a device share the cores, named and given devices stay") {
  std::vector<Member> members(3);
  members[1].device = backend::parse_device("cpu:0");
  const auto given = place_members(members, backend::parse_device("cpu"));
  CHECK(backend::to_string(given[0]) == "cpu");
  CHECK(backend::to_string(given[1]) == "cpu:0");
  for (const backend::Device& device : place_members(members, std::nullopt))
    CHECK_FALSE(device.cores.empty());
  CHECK(backend::to_string(place_members(std::vector<Member>(1), std::nullopt)[0]) == "cpu");
}

TEST_CASE("rules and weights from the command line") {
  CHECK(ensemble::parse_combination("stack:a b.nn").model == "a b.nn");
  CHECK(ensemble::parse_combination("concat").needs_all());
  CHECK(ensemble::parse_combination("median").rule == ensemble::Rule::median);
  for (const char* text : {"stack", "stack:", "", "men"}) {
    INFO(text);
    CHECK_THROWS_AS(ensemble::parse_combination(text), Error);
  }
  CHECK(ensemble::parse_weights("2, 0.5") == std::vector<double>{2, 0.5});
  for (const char* text : {"", "1,", "0", "1,-1", "x", "inf"}) {
    INFO(text);
    CHECK_THROWS_AS(ensemble::parse_weights(text), Error);
  }
}
