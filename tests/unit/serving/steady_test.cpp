// What a request costs beside its own computation: allocations, and nanoseconds of decisions.
#include <chrono>
#include <iostream>

#include "../allocated.hpp"
#include "../model/models.hpp"
#include "../thread_time.hpp"
#include "catch.hpp"
#include "fake_servable.hpp"
#include "gathered.hpp"
#include "serving/local_model.hpp"

using namespace nn;
using namespace nn::serving;
using namespace std::chrono_literals;

namespace {

// Answers 1 to everything, and allocates nothing.
class QuietServable : public test::FakeServable {
 public:
  using FakeServable::FakeServable;
  void compute(std::span<const predict::PredictorInput> inputs, float* out) override {
    for (const predict::PredictorInput& input : inputs) {
      for (std::int64_t row = 0; row < input.batch->rows; ++row) *out++ = 1;
    }
  }
};

// Counts, and keeps nothing.
class Counted : public Completion {
 public:
  void complete(std::span<std::shared_ptr<Request>> requests) override {
    done.fetch_add(requests.size(), std::memory_order_release);
  }
  std::atomic<std::size_t> done{0};
};

std::vector<std::shared_ptr<Request>> requests_for(const std::shared_ptr<Servable>& servable,
                                                   const Batch& rows, std::size_t count) {
  const auto binding = serving::bind(servable, *rows.schema);
  std::vector<std::shared_ptr<Request>> all;
  for (std::size_t i = 0; i < count; ++i) {
    auto request = std::make_shared<Request>();
    request->binding = binding;
    request->rows = rows;
    request->client = i;
    request->wants_batch = false;
    all.push_back(std::move(request));
  }
  return all;
}

std::shared_ptr<LocalModel> digits(const test::Scratch& scratch, Batcher& batcher) {
  model::Model model = test::model_of({.net = "dense 64 relu, dense 32 relu, dense",
                                       .inputs = 64,
                                       .outputs = 10,
                                       .loss = Loss::mse,
                                       .rows = 1});
  test::fill_parameters(model);
  model::save_model(scratch / "m.nn", model);
  backend::Device device;
  device.cores = {backend::usable_cores().front()};
  auto out =
      std::make_shared<LocalModel>("m", 1, scratch / "m.nn", device, backend::Precision::float32, &batcher);
  out->warm_up(256);
  backend::unpin_thread();
  return out;
}

void begin_again(const std::shared_ptr<Request>& request, const std::shared_ptr<Completion>& completion) {
  request->reset();
  request->completion = completion;
  request->arrived = Clock::machine().now();
}

}  // namespace

TEST_CASE("a request that is answered at once allocates nothing") {
  const test::Scratch scratch;
  Batcher batcher({});
  const auto model = digits(scratch, batcher);
  const auto requests = requests_for(model, test::Table().f32("c0", std::vector<float>(64), {64}).batch(), 1);
  const auto once = [&] {
    begin_again(requests[0], nullptr);
    while (!model->try_now(*requests[0])) {
    }
    REQUIRE(requests[0]->state == Request::State::answered);
  };
  for (int i = 0; i < 10; ++i) once();
  const test::AllocatedBytes allocated;
  const auto start = std::chrono::steady_clock::now();
  constexpr int count = 1000;
  for (int i = 0; i < count; ++i) {
    begin_again(requests[0], nullptr);
    while (!model->try_now(*requests[0])) {
    }
  }
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  CHECK(allocated.count() == 0);
  std::cout << "a row of 64-64-32-10 at once: " << time.count() / count << " us\n";
}

TEST_CASE("a step can be tried out between those of requests, and tells what it took") {
  const test::Scratch scratch;
  Batcher batcher({});
  const auto model = digits(scratch, batcher);
  const auto one = model->try_step(1), many = model->try_step(256);
  REQUIRE((one && many));
  CHECK(*one > 0ns);
  CHECK(*many > *one);
  CHECK(!model->try_step(257));  // nothing is ready for so many
}

TEST_CASE("requests that are queued allocate nothing once there have been as many") {
  const test::Scratch scratch;
  Batcher batcher({});
  const auto completion = std::make_shared<Counted>();
  const auto model = digits(scratch, batcher);
  const auto small = requests_for(model, test::Table().f32("c0", std::vector<float>(64), {64}).batch(), 64);
  // Larger than a step.
  const auto large =
      requests_for(model, test::Table().f32("c0", std::vector<float>(64 * 3000), {64}).batch(), 2);
  std::size_t sent = 0;
  const auto round = [&] {
    for (const auto* requests : {&small, &large}) {
      for (const auto& request : *requests) {
        begin_again(request, completion);
        if (!model->submit(request)) FAIL("there is no room");
        ++sent;
      }
    }
    while (completion->done.load(std::memory_order_acquire) < sent) std::this_thread::yield();
  };
  // How many meet in a step depends on the moment: after some rounds there have been all.
  for (int i = 0; i < 300; ++i) round();
  const test::AllocatedBytes allocated;
  for (int i = 0; i < 100; ++i) round();
  // Of 6,600 requests: a step of more of them than ever, or with a piece at a new place, makes more room.
  CHECK(allocated.count() <= 66);
}

TEST_CASE("decisions of a queue take less than a microsecond, and allocate nothing") {
  StepQueue queue({.step_rows = 256, .slo = 10ms});
  const auto model = std::make_shared<QuietServable>();
  for (const std::int64_t rows : {1, 16, 256}) model->note_step(rows, std::chrono::microseconds(10 + rows));
  const auto requests = requests_for(model, test::Table().f32("a", {1}).batch(), 256);
  Step step;
  Requests over;
  const auto round = [&](Clock::time_point now) {
    for (const auto& request : requests) {
      request->reset();
      request->arrived = now;
      if (!queue.push(model, request)) FAIL("there is no room");
    }
    while (queue.next(now, step, over)) queue.computed(step, 266us);
  };
  round(Clock::time_point(1s));
  round(Clock::time_point(2s));
  const test::AllocatedBytes allocated;
  double least = 1e9;
  for (int i = 0; i < 20; ++i) {
    const double start = test::thread_seconds();
    round(Clock::time_point(3s));
    least = std::min(least, test::thread_seconds() - start);
  }
  CHECK(allocated.count() == 0);
  const double each = least / static_cast<double>(requests.size()) * 1e9;
  std::cout << "a request through the queue: " << each << " ns\n";
  CHECK(each < 20'000);  // sanitizers and crowded machines

  queue.push(model, requests[0]);
  volatile std::int64_t sum = 0;
  const double start = test::thread_seconds();
  for (int i = 0; i < 10'000; ++i)
    sum = sum + queue.predicted_wait(Priority::normal, Clock::time_point(4s)).count();
  const double ns = (test::thread_seconds() - start) / 10'000 * 1e9;
  std::cout << "a predicted wait: " << ns << " ns\n";
  CHECK(ns < 20'000);
}
