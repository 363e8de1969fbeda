#include "serving/batcher.hpp"

#include <numeric>

#include "../manual_clock.hpp"
#include "catch.hpp"
#include "fake_servable.hpp"
#include "gathered.hpp"

using namespace nn;
using namespace nn::serving;
using namespace std::chrono_literals;

namespace {

using test::FakeServable;
using test::Gathered;
using test::request_of;
using test::values_of;

struct Fixture {
  std::shared_ptr<FakeServable> model = std::make_shared<FakeServable>();
  std::shared_ptr<Gathered> done = std::make_shared<Gathered>();

  std::shared_ptr<Request> submit(Batcher& batcher, std::vector<float> a, std::uint64_t client = 1) {
    auto request = request_of(model, std::move(a), client);
    request->completion = done;
    request->arrived = Clock::machine().now();
    REQUIRE(batcher.submit(model, request));
    return request;
  }
  // The device is busy with a request until release().
  std::shared_ptr<Request> occupy(Batcher& batcher) {
    model->hold();
    auto request = submit(batcher, {0});
    model->wait_for_step(1);
    return request;
  }
};

}  // namespace

TEST_CASE("requests that wait are answered in one step, each with its own rows") {
  Fixture f;
  Batcher batcher({});
  f.occupy(batcher);
  const auto a = f.submit(batcher, {1, 2}), b = f.submit(batcher, {3}, 2),
             c = f.submit(batcher, {4, 5, 6}, 3);
  f.model->release();
  f.done->wait_for(4);
  CHECK(values_of(*a) == std::vector<float>{1, 2});
  CHECK(values_of(*b) == std::vector<float>{3});
  CHECK(values_of(*c) == std::vector<float>{4, 5, 6});
  CHECK(f.model->steps == std::vector<std::vector<std::int64_t>>{{1}, {2, 1, 3}});
  CHECK(f.done->groups() == std::vector<std::size_t>{1, 3});
}

TEST_CASE("a request of many steps is completed once, whole") {
  Fixture f;
  Batcher batcher({.limits = {.step_rows = 100}});
  std::vector<float> many(1234);
  std::iota(many.begin(), many.end(), 0.0f);
  const auto request = f.submit(batcher, many);
  f.done->wait_for(1);
  CHECK(values_of(*request) == many);
}

TEST_CASE("one request's bad row fails that request only") {
  Fixture f;
  Batcher batcher({});
  f.occupy(batcher);
  const auto good = f.submit(batcher, {1, 2}), bad = f.submit(batcher, {1, INFINITY}, 2),
             other = f.submit(batcher, {3}, 3);
  f.model->release();
  f.done->wait_for(4);
  CHECK(values_of(*good) == std::vector<float>{1, 2});
  CHECK(values_of(*other) == std::vector<float>{3});
  REQUIRE(bad->state == Request::State::failed);
  CHECK_THAT(bad->error->what(), Catch::Contains("row 1"));
}

TEST_CASE("a bad row in a later step ends a large request, and what is left of it isn't computed") {
  Fixture f;
  Batcher batcher({.limits = {.step_rows = 10}});
  std::vector<float> many(100, 1.0f);
  many[15] = NAN;
  const auto request = f.submit(batcher, many);
  f.done->wait_for(1);
  REQUIRE(request->state == Request::State::failed);
  CHECK_THAT(request->error->what(), Catch::Contains("row 15"));
  CHECK(f.model->steps.size() == 1);
  CHECK(f.done->wait_for(1).size() == 1);
}

TEST_CASE("a request that is cancelled between its steps is over when the step that has it is") {
  Fixture f;
  Batcher batcher({.limits = {.step_rows = 10}});
  f.model->hold();
  const auto request = f.submit(batcher, std::vector<float>(100, 1.0f));
  f.model->wait_for_step(1);
  request->cancelled = true;
  f.model->release();
  f.done->wait_for(1);
  CHECK(request->state == Request::State::cancelled);
  CHECK(f.model->steps.size() == 1);
}

TEST_CASE("late and cancelled requests are not computed") {
  Fixture f;
  Batcher batcher({});
  f.occupy(batcher);
  const auto late = request_of(f.model, {1}), cancelled = request_of(f.model, {1});
  for (const auto& request : {late, cancelled}) request->completion = f.done;
  late->deadline = Clock::machine().now() - 1us;
  cancelled->cancelled = true;
  REQUIRE(batcher.submit(f.model, late));
  REQUIRE(batcher.submit(f.model, cancelled));
  f.model->release();
  f.done->wait_for(3);
  CHECK(late->state == Request::State::late);
  CHECK(cancelled->state == Request::State::cancelled);
  CHECK(f.model->steps.size() == 1);
}

TEST_CASE("a small request is answered at once where nothing else is to be done") {
  Fixture f;
  f.model->work = 1000;
  {
    Batcher batcher({});
    const auto small = request_of(f.model, {7});
    REQUIRE(batcher.try_now(*f.model, *small));
    CHECK(values_of(*small) == std::vector<float>{7});
    CHECK_FALSE(batcher.try_now(*f.model, *request_of(f.model, std::vector<float>(1000, 1.0f))));
    const auto late = request_of(f.model, {7});
    late->deadline = Clock::machine().now() - 1us;
    REQUIRE(batcher.try_now(*f.model, *late));
    CHECK(late->state == Request::State::late);
    f.occupy(batcher);
    CHECK_FALSE(batcher.try_now(*f.model, *request_of(f.model, {7})));
    f.model->release();
    f.done->wait_for(1);
  }
  Batcher patient({.limits = {.delay = 1ms}});
  CHECK_FALSE(patient.try_now(*f.model, *request_of(f.model, {1})));
}

TEST_CASE("what waits when the batcher ends is completed as cancelled") {
  Fixture f;
  std::shared_ptr<Request> waiting;
  {
    Batcher batcher({});
    f.occupy(batcher);
    waiting = f.submit(batcher, {1});
    f.model->release();
  }
  f.done->wait_for(2);
  CHECK((waiting->state == Request::State::cancelled || waiting->state == Request::State::answered));
}

TEST_CASE("a large request whose step fails while the batcher ends is completed once") {
  Fixture f;
  std::vector<float> many(100, 1.0f);
  many[5] = NAN;
  std::shared_ptr<Request> request;
  std::thread releases;
  {
    Batcher batcher({.limits = {.step_rows = 10}});
    f.model->hold();
    request = f.submit(batcher, many);
    f.model->wait_for_step(1);
    // Once it ends it takes no more.
    releases = std::thread([&] {
      const auto other = std::make_shared<FakeServable>("other");
      for (bool taken = true; taken;) {
        const auto next = request_of(other, {1});
        next->completion = std::make_shared<Gathered>();
        taken = batcher.submit(other, next);
      }
      f.model->release();
    });
  }
  releases.join();
  CHECK(f.done->wait_for(1).size() == 1);
  CHECK(request->state == Request::State::failed);
}

TEST_CASE("a step that takes much too long is told by its device's name") {
  Fixture f;
  test::ManualClock clock;
  BatcherOptions options;
  options.device = "cpu:0";
  Batcher batcher(options, clock);
  CHECK_FALSE(batcher.stuck(clock.now() + 1h, 60s));
  f.occupy(batcher);
  CHECK_FALSE(batcher.stuck(clock.now() + 59s, 60s));
  CHECK(batcher.stuck(clock.now() + 60s, 60s) ==
        "cpu:0 has computed 1 rows of model m, version 1, for more than 60 s");
  f.model->release();
  f.done->wait_for(1);
}
