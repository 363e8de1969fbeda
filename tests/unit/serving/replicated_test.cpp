#include <numeric>

#include "catch.hpp"
#include "fake_servable.hpp"
#include "gathered.hpp"
#include "serving/replicated_model.hpp"

using namespace nn;
using namespace nn::serving;
using namespace std::chrono_literals;

namespace {

using test::FakeServable;
using test::Gathered;
using test::values_of;

struct Replicas {
  explicit Replicas(std::size_t count) {
    std::vector<std::unique_ptr<LocalServable>> all;
    for (std::size_t i = 0; i < count; ++i) {
      batchers.push_back(std::make_unique<Batcher>(BatcherOptions{.limits = {.step_rows = 1000}}));
      auto replica = std::make_unique<FakeServable>();
      replica->computed_by(batchers.back().get());
      for (const std::int64_t rows : {1, 1000})
        for (int k = 0; k < 100; ++k) replica->note_step(rows, 1ms + rows * 10us);
      fakes.push_back(replica.get());
      all.push_back(std::move(replica));
    }
    model = std::make_shared<ReplicatedModel>("m", 1, std::move(all));
  }
  ~Replicas() {
    for (FakeServable* fake : fakes) fake->release();
    model.reset();
    batchers.clear();
  }
  std::shared_ptr<Request> submit(std::vector<float> a, std::uint64_t client = 1) {
    auto request = test::request_of(std::static_pointer_cast<Servable>(model), std::move(a), client);
    request->completion = done;
    request->arrived = Clock::machine().now();
    REQUIRE(model->submit(request));
    return request;
  }

  std::vector<std::unique_ptr<Batcher>> batchers;
  std::vector<FakeServable*> fakes;
  std::shared_ptr<ReplicatedModel> model;
  std::shared_ptr<Gathered> done = std::make_shared<Gathered>();
};

std::vector<float> counted(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

}  // namespace

TEST_CASE("rows are shared out so that all devices are done at the same time") {
  using Shares = std::vector<std::int64_t>;
  const auto shares = [](std::int64_t rows, std::vector<Offer> offers) {
    return share_out(rows, offers, 16);
  };
  CHECK(shares(100, {{0, 0.001, 0.001}}) == Shares{100});
  CHECK(shares(100, {{0, 0.001, 0.001}, {0, 0.001, 0.001}}) == Shares{50, 50});
  CHECK(shares(300, {{0, 0, 0.001}, {0, 0, 0.002}}) == Shares{200, 100});
  CHECK(shares(100, {{0.05, 0, 0.001}, {0, 0, 0.001}}) == Shares{25, 75});
  CHECK(shares(100, {{0.2, 0, 0.001}, {0, 0, 0.001}}) == Shares{0, 100});
  CHECK(shares(20, {{0, 0, 0.001}, {0, 0, 0.001}}) == Shares{20, 0});  // too few for two
  CHECK(shares(0, {{0, 0, 0.001}, {0, 0, 0.001}}) == Shares{0, 0});
  CHECK(shares(10, {{0, 0, 0}, {0, 0, 0}}) == Shares{10, 0});
}

TEST_CASE("requests go to the device that will be free first") {
  Replicas r(2);
  for (FakeServable* fake : r.fakes) fake->hold();
  const auto a = r.submit({1}), b = r.submit({2});
  for (FakeServable* fake : r.fakes) fake->wait_for_step(1);  // each has one
  for (FakeServable* fake : r.fakes) fake->release();
  r.done->wait_for(2);
  CHECK(values_of(*a) == std::vector<float>{1});
  CHECK(values_of(*b) == std::vector<float>{2});
}

TEST_CASE("a large request is computed by all devices, and is one answer") {
  Replicas r(3);
  const auto rows = counted(3000);
  const auto request = r.submit(rows);
  r.done->wait_for(1);
  REQUIRE(request->state == Request::State::answered);
  CHECK(values_of(*request) == rows);
  for (FakeServable* fake : r.fakes) CHECK_FALSE(fake->steps.empty());
  CHECK(r.done->groups() == std::vector<std::size_t>{1});
}

TEST_CASE("a bad row fails a request of several devices once, by the row's number") {
  Replicas r(2);
  auto rows = counted(2000);
  rows[1700] = NAN;
  const auto request = r.submit(rows);
  r.done->wait_for(1);
  REQUIRE(request->state == Request::State::failed);
  CHECK_THAT(request->error->what(), Catch::Contains("row 1700"));
}

TEST_CASE("a request that is cancelled is cancelled on all devices") {
  Replicas r(2);
  for (FakeServable* fake : r.fakes) fake->hold();
  r.submit({0}, 2);
  r.submit({0}, 3);
  for (FakeServable* fake : r.fakes) fake->wait_for_step(1);
  const auto request = r.submit(counted(2000));
  request->cancelled = true;
  for (FakeServable* fake : r.fakes) fake->release();
  r.done->wait_for(3);
  CHECK(request->state == Request::State::cancelled);
  for (FakeServable* fake : r.fakes) CHECK(fake->steps.size() == 1);
}

TEST_CASE("each device reports what its steps cost, and the least wait is predicted") {
  Replicas r(2);
  const LoadReport report = r.model->report();
  REQUIRE(report.devices.size() == 2);
  CHECK(report.devices[1].base == Approx(1e-3).epsilon(0.2));
  CHECK(report.devices[1].curve.size() >= 2);
  CHECK(report.devices[1].best_rows == 1000);
  r.fakes[0]->hold();
  r.fakes[1]->hold();
  r.submit(counted(10), 1);
  const auto one_free = r.model->predicted_wait(1);
  for (std::uint64_t client = 2; client < 5; ++client) r.submit(counted(10), client);  // some wait on each
  CHECK(r.model->predicted_wait(1) > one_free);
}
