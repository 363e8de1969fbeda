#include "train/options.hpp"

#include "base/error.hpp"
#include "base/numbered_path.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::train;

TEST_CASE("members have names, seeds and values of their own") {
  TrainOptions options;
  options.output = "out.d/m.nn";
  options.seed = 7;
  options.members.learning_rates = {0.1, 0.2, 0.3};
  options.members.l2 = {0.5};
  const auto members = members_of(options);
  REQUIRE(members.size() == 3);
  CHECK(members[1].output == "out.d/m-2.nn");
  CHECK(members[1].seed == 8);
  CHECK(members[1].learning_rate == 0.2);
  CHECK(members[2].l2 == 0.5);
  options.members.count = 2;
  CHECK_THROWS_AS(members_of(options), Error);
}

TEST_CASE("members may have a list of seeds, and share the order of the first") {
  TrainOptions options;
  options.output = "m.nn";
  options.members.seeds = {9, 4};
  options.members.l2 = {0.1, 0.2};
  options.members.label_smoothing = {0.5};
  const auto members = members_of(options);
  REQUIRE(members.size() == 2);
  CHECK(members[0].seed == 9);
  CHECK(members[1].seed == 4);
  CHECK(members[1].order_seed == 9);
  CHECK(members[1].members.seeds.empty());
  CHECK(members[1].own_values == OwnValues{{"l2", 0.2}});
  options.members.seeds = {3};
  CHECK(members_of(options)[1].seed == 4);
  options.members.seeds = {1, 2, 3};
  CHECK_THROWS_AS(members_of(options), Error);
}

TEST_CASE("numbers go before the extension") {
  CHECK(numbered_path("m.nn", "1") == "m-1.nn");
  CHECK(numbered_path("a.b/m", "1") == "a.b/m-1");
  CHECK(numbered_path("a.b/.m", "1") == "a.b/.m-1");
  CHECK(numbered_path("m.v2.nn", "cycle3") == "m.v2-cycle3.nn");
}

// Where one value stood in a list, it was ignored unless the tool had copied it out of there.
TEST_CASE("a list of one value is everybody's") {
  TrainOptions options;
  options.members.learning_rates = {0.1};
  options.members.l2 = {0.2};
  options.members.label_smoothing = {0.3};
  options.members.weight_decay = {0.4};
  for (const std::int64_t count : {0, 1, 2}) {
    options.members.count = count;
    const auto members = members_of(options);
    REQUIRE(members.size() == static_cast<std::size_t>(std::max<std::int64_t>(count, 1)));
    for (const TrainOptions& member : members) {
      CHECK(member.learning_rate == 0.1);
      CHECK(member.l2 == 0.2);
      CHECK(member.label_smoothing == 0.3);
      CHECK(member.optimizer.weight_decay == 0.4);
      CHECK(member.members.l2.empty());
    }
  }
  options.members.count = 1;
  options.output = "-";
  CHECK_NOTHROW(members_of(options));
  options.members.count = 2;
  CHECK_THROWS_AS(members_of(options), Error);
}

TEST_CASE("a rate follows its schedule") {
  const RunLength run{10, 4};
  const auto rate = [&](const char* schedule, const char* warmup, std::uint64_t step) {
    return rate_at(parse_schedule(schedule), parse_warmup(warmup), 2.0, step, run);
  };
  CHECK(rate("constant", "0", 39) == 2.0);
  CHECK(rate("constant", "4", 0) == Approx(0.5));
  CHECK(rate("constant", "1epochs", 9) == Approx(2.0));
  CHECK(rate("step:epochs=2,factor=0.5", "0", 19) == 2.0);
  CHECK(rate("step:epochs=2,factor=0.5", "0", 20) == Approx(1.0));
  CHECK(rate("cosine", "0", 0) == Approx(2.0));
  CHECK(rate("cosine", "0", 20) == Approx(1.0));
  CHECK(rate("cosine", "0", 1000) == Approx(0.0).margin(1e-12));
  CHECK(rate("cosine:floor=0.1", "0", 1000) == Approx(0.2));
  CHECK(rate("one_cycle", "0", 0) == Approx(2.0 / 25));
  CHECK(rate("one_cycle", "0", 12) == Approx(2.0));
  CHECK(rate("one_cycle", "0", 1000) == Approx(2e-4));
  CHECK(rate("cosine_restarts:cycles=2", "0", 20) == Approx(2.0));
  CHECK(rate("cosine_restarts:cycles=2", "0", 10) == Approx(1.0));
  const auto cycle = [](const char* warmup, std::uint64_t done, std::uint64_t epochs) {
    return cycle_ending(parse_schedule("cosine_restarts:cycles=2"), parse_warmup(warmup), done, epochs);
  };
  CHECK(cycle("0", 2, 4) == 1);
  CHECK(cycle("0", 3, 4) == 0);
  CHECK(cycle("1epochs", 2, 5) == 0);
  CHECK(cycle("1epochs", 3, 5) == 1);
  CHECK(cycle("1epochs", 5, 5) == 2);
  CHECK(to_string(parse_schedule("cosine_restarts:cycles=2")) == "cosine_restarts:cycles=2,floor=0");
}

TEST_CASE("a plateau lowers the rate as Keras' ReduceLROnPlateau does") {
  const Schedule s = parse_schedule("plateau:factor=0.5,patience=2,min_delta=0.1,cooldown=2,floor=0.2");
  CHECK(to_string(s) == "plateau:factor=0.5,patience=2,min_delta=0.1,cooldown=2,floor=0.2");
  model::PlateauState state;
  // Scores, and the factor behind each: 0.95 is no gain over 1, the first two epochs after a fall don't
  // count.
  const std::vector<std::pair<double, double>> epochs{{1, 1},   {0.95, 1},  {0.92, 0.5}, {2, 0.5},
                                                      {2, 0.5}, {2, 0.25},  {2, 0.25},   {2, 0.25},
                                                      {2, 0.2}, {0.5, 0.2}, {1, 0.2}};
  for (const auto& [score, factor] : epochs) {
    observe(s, score, state);
    CHECK(state.factor == Approx(factor));
  }
  observe(parse_schedule("constant"), 9, state);
  CHECK(state.factor == Approx(0.2));
}

TEST_CASE("a warm-up shifts every schedule and changes nothing else about it") {
  constexpr std::uint64_t steps = 10, epochs = 12;
  for (const char* text : {"constant", "step:epochs=3,factor=0.5", "cosine:floor=0.1", "one_cycle:rise=0.2",
                           "cosine_restarts:cycles=4"}) {
    const Schedule schedule = parse_schedule(text);
    for (const std::uint64_t warm : {1, 4}) {
      INFO(text << ", warm-up of " << warm << " epochs");
      for (std::uint64_t step = 0; step < (epochs - warm) * steps; ++step) {
        const double alone = rate_at(schedule, {}, 2.0, step, {steps, epochs - warm});
        CHECK(rate_at(schedule, {0, warm}, 2.0, step + warm * steps, {steps, epochs}) == Approx(alone));
        CHECK(rate_at(schedule, {warm * steps, 0}, 2.0, step + warm * steps, {steps, epochs}) ==
              Approx(alone));
      }
    }
  }
}
