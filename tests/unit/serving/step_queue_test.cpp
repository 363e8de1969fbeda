#include "serving/step_queue.hpp"

#include <numeric>

#include "../linear.hpp"
#include "catch.hpp"
#include "fake_servable.hpp"

using namespace nn;
using namespace nn::serving;
using namespace std::chrono_literals;

namespace {

using test::FakeServable;
const Clock::time_point start{};

std::vector<float> some(std::size_t rows) { return std::vector<float>(rows, 1.0f); }

std::shared_ptr<Request> add(StepQueue& queue, const std::shared_ptr<FakeServable>& model, std::size_t rows,
                             std::uint64_t client = 1, Clock::time_point arrived = start) {
  auto request = test::request_of(model, some(rows), client);
  request->arrived = arrived;
  REQUIRE(queue.push(model, request));
  return request;
}

std::vector<std::int64_t> rows_of(const std::optional<Step>& step) {
  std::vector<std::int64_t> rows;
  if (step) {
    for (const Slice& slice : step->slices) rows.push_back(slice.rows);
  }
  return rows;
}

using Rows = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("requests of a model share a step up to its limit, and none that fits is cut") {
  StepQueue queue({.step_rows = 6});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  for (const std::size_t rows : {2, 1, 3, 4, 3}) add(queue, model, rows);
  CHECK(rows_of(queue.next(start, over)) == Rows{2, 1, 3});
  CHECK(rows_of(queue.next(start, over)) == Rows{4});
  CHECK(rows_of(queue.next(start, over)) == Rows{3});
  CHECK_FALSE(queue.next(start, over));
  CHECK(queue.empty());
  CHECK(queue.bytes() == 0);
}

TEST_CASE("a request that is larger than a step is computed in several") {
  StepQueue queue({.step_rows = 100});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  const auto large = add(queue, model, 250);
  CHECK(rows_of(queue.next(start, over)) == Rows{100});
  CHECK(rows_of(queue.next(start, over)) == Rows{100});
  const auto last = queue.next(start, over);
  CHECK(rows_of(last) == Rows{50});
  CHECK(last->slices[0].first == 200);
  CHECK(large->taken == 250);
}

TEST_CASE("clients of a model take turns, whatever one of them has sent") {
  StepQueue queue({.step_rows = 64});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  add(queue, model, 100'000, 1);
  add(queue, model, 100'000, 1);
  const auto small = add(queue, model, 1, 2);
  const auto first = queue.next(start, over);
  REQUIRE(first);
  CHECK(first->rows <= 64);
  CHECK(small->taken == 1);
}

TEST_CASE("models take turns by the time that they took") {
  StepQueue queue({.step_rows = 10});
  const auto slow = std::make_shared<FakeServable>("slow"), quick = std::make_shared<FakeServable>("quick");
  Requests over;
  double slow_s = 0, quick_s = 0;
  for (int i = 0; i < 300; ++i) {
    add(queue, slow, 10);
    add(queue, quick, 10);
  }
  for (int i = 0; i < 200; ++i) {
    const auto step = queue.next(start, over);
    REQUIRE(step);
    const bool is_slow = step->servable == slow;
    (is_slow ? slow_s : quick_s) += is_slow ? 0.010 : 0.001;
    queue.computed(*step, is_slow ? 10ms : 1ms);
  }
  CHECK(slow_s == Approx(quick_s).margin(0.011));
}

TEST_CASE("a model with single rows waits for no more than the step that is computed") {
  StepQueue queue({.step_rows = 1000});
  const auto batch = std::make_shared<FakeServable>("batch"),
             single = std::make_shared<FakeServable>("single");
  Requests over;
  for (std::uint64_t client = 1; client <= 4; ++client) add(queue, batch, 100'000, client);
  for (int i = 0; i < 50; ++i) {
    auto step = queue.next(start, over);
    REQUIRE(step);
    REQUIRE(step->servable == batch);
    add(queue, single, 1, 9);  // while that is computed
    queue.computed(*step, 2ms);
    step = queue.next(start, over);
    REQUIRE(step);
    CHECK(step->servable == single);
    queue.computed(*step, 10us);
  }
}

TEST_CASE("a model that was idle has saved no time up") {
  StepQueue queue({.step_rows = 10});
  const auto busy = std::make_shared<FakeServable>("busy"), idle = std::make_shared<FakeServable>("idle");
  Requests over;
  for (int i = 0; i < 100; ++i) {
    add(queue, busy, 10);
    queue.computed(*queue.next(start, over), 10ms);
  }
  for (int i = 0; i < 20; ++i) {
    add(queue, busy, 10);
    add(queue, idle, 10);
  }
  int of_idle = 0;
  for (int i = 0; i < 20; ++i) {
    const auto step = queue.next(start, over);
    of_idle += step->servable == idle ? 1 : 0;
    queue.computed(*step, 10ms);
  }
  CHECK(of_idle >= 9);
  CHECK(of_idle <= 11);
}

TEST_CASE("steps become as long as they may take") {
  StepQueue queue({.step_rows = 100'000, .step_time = 2ms, .step_time_alone = 2ms});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  add(queue, model, 100'000);
  model->note_cost(1000, 10ms);  // ten microseconds a row
  CHECK(rows_of(queue.next(start, over)) == Rows{200});
  model->note_cost(1000, 1s);  // dearer steps count little, cheaper ones at once
  CHECK(queue.next(start, over)->rows > 20);
  model->note_cost(1000, 1ms);
  CHECK(rows_of(queue.next(start, over)) == Rows{2000});
  model->note_cost(1, 1s);
  for (int i = 0; i < 500; ++i) model->note_cost(1, 1s);
  CHECK(rows_of(queue.next(start, over)) == Rows{16});
}

TEST_CASE("steps are longer while nobody else has been there for a while") {
  StepQueue queue({.step_rows = 100'000, .step_time = 2ms, .step_time_alone = 20ms});
  const auto model = std::make_shared<FakeServable>(), other = std::make_shared<FakeServable>("o");
  Requests over;
  const auto step = [&](Clock::time_point now) {
    const auto rows = rows_of(queue.next(now, over));
    return rows.empty() ? 0 : (rows[0] + 1) / 100 * 100;  // a time is not exact
  };
  model->note_cost(1000, 10ms);
  add(queue, model, 100'000);
  CHECK(step(start) == 2000);
  add(queue, model, 100'000);  // its own
  CHECK(step(start) == 2000);
  // Another client, or another model, meets a step that is computed, or what waits.
  auto now = start;
  for (const auto& [who, client] : {std::pair{model, 2}, std::pair{other, 1}}) {
    add(queue, who, 1, static_cast<std::uint64_t>(client), now);
    for (int i = 0; i < 3; ++i) step(now);
    CHECK(step(now) == 200);
    CHECK(step(now + 1s) == 200);
    now += 1001ms;
    CHECK(step(now) == 2000);
  }
  queue.clear();
  queue.computed(Step{model, {}, 1}, 10us);
  add(queue, model, 100'000, 1, now);
  CHECK(step(now) == 2000);
  queue.clear();  // what is computed is all there is
  add(queue, other, 1, 1, now);
  step(now);
  add(queue, model, 100'000, 1, now);
  CHECK(step(now) == 200);
}

TEST_CASE("steps of many clients are long while all want the same, where large requests are cut") {
  StepQueue queue({.step_rows = 100'000, .step_time = 2ms, .step_time_alone = 20ms, .slice_time = 100us});
  const auto model = std::make_shared<FakeServable>(), other = std::make_shared<FakeServable>("o");
  model->note_cost(1000, 10ms);  // ten microseconds a row
  other->note_cost(1000, 10ms);
  Requests over;
  auto now = start;
  const auto rows_of_crowd = [&] {
    for (std::uint64_t client = 0; client < 5000; ++client) add(queue, model, 1, client, now);
    const std::int64_t rows = queue.next(now, over)->rows;
    queue.clear();
    queue.computed(Step{model, {}, 1}, 10us);
    return (rows + 1) / 100 * 100;  // a time is not exact
  };
  CHECK(rows_of_crowd() == 2000);
  for (const auto& [another, priority] :
       {std::pair{other, Priority::normal}, std::pair{model, Priority::high}}) {
    add(queue, model, 1, 1, now);
    auto request = test::request_of(another, some(1), 2);
    request->arrived = now;
    request->priority = priority;
    REQUIRE(queue.push(another, request));
    queue.clear();
    CHECK(rows_of_crowd() == 200);
    now += 1001ms;
    CHECK(rows_of_crowd() == 2000);
  }
}

TEST_CASE("a request of few rows of a model whose steps are dear is no large one, whoever comes") {
  StepQueue queue({.step_rows = 1024, .step_time = 1s, .step_time_alone = 1s, .slice_time = 100us});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  for (const std::int64_t rows : {1, 1024})
    for (int i = 0; i < 100; ++i) model->note_step(rows, 1ms + rows * 100us);
  for (std::uint64_t client = 0; client < 3; ++client) add(queue, model, 16, client);
  CHECK(rows_of(queue.next(start, over)) == Rows{16, 16, 16});
  // Larger ones are cut, into small pieces once small ones have come.
  for (std::uint64_t client = 0; client < 3; ++client) add(queue, model, 100, client, start + 2s);
  const auto large = rows_of(queue.next(start + 2s, over));
  REQUIRE(large.size() == 1);
  CHECK(large[0] >= 20);
  CHECK(large[0] <= 25);
  add(queue, model, 1, 7, start + 2s);
  CHECK(rows_of(queue.next(start + 2s, over)) == Rows{1});
  CHECK(rows_of(queue.next(start + 2s, over)) == Rows{8});
}

TEST_CASE("what is late or cancelled leaves the queue without a step") {
  StepQueue queue({});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  const auto late = add(queue, model, 1), cancelled = add(queue, model, 1), good = add(queue, model, 1);
  late->deadline = start + 5ms;
  cancelled->cancelled = true;
  const auto step = queue.next(start + 5ms, over);
  REQUIRE(step);
  CHECK(step->slices.size() == 1);
  CHECK(step->slices[0].request == good);
  CHECK(over == Requests{late, cancelled});
  CHECK(late->state == Request::State::late);
  CHECK(cancelled->state == Request::State::cancelled);
  CHECK(good->waited == 5ms);
  CHECK(queue.bytes() == 0);
}

TEST_CASE("a delay waits for others, and not for more than a step") {
  StepQueue queue({.step_rows = 4, .delay = 10ms});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  CHECK_FALSE(queue.ready_at());
  add(queue, model, 1, 1, start);
  CHECK_FALSE(queue.next(start + 9ms, over));
  CHECK(queue.ready_at() == start + 10ms);
  add(queue, model, 1, 1, start + 9ms);
  CHECK(rows_of(queue.next(start + 10ms, over)) == Rows{1, 1});
  for (int i = 0; i < 4; ++i) add(queue, model, 1, 1, start + 20ms);
  CHECK(queue.next(start + 20ms, over)->rows == 4);
}

TEST_CASE("what waits is bounded in rows and in bytes") {
  StepQueue queue({.queue_rows = 10, .queue_bytes = 250});
  const auto model = std::make_shared<FakeServable>(), other = std::make_shared<FakeServable>("other");
  add(queue, model, 8);
  CHECK_FALSE(queue.push(model, test::request_of(model, some(3))));
  CHECK(queue.push(model, test::request_of(model, some(2))));
  CHECK_FALSE(queue.push(other, test::request_of(other, some(1))));  // 300 bytes
  Requests over;
  CHECK(queue.next(start, over));
  CHECK(queue.push(other, test::request_of(other, some(1))));
  CHECK(queue.clear().size() == 1);
  // One is taken whatever it holds, where nothing waits.
  auto huge = test::request_of(model, some(5));
  huge->bytes = 1 << 20;
  CHECK(queue.push(model, huge));
}

TEST_CASE("what is left of a request that failed in a step is nobody's any more") {
  StepQueue queue({.step_rows = 10});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  const auto large = add(queue, model, 100), other = add(queue, model, 1);
  REQUIRE(queue.next(start, over));
  large->state = Request::State::failed;  // and is completed with the step
  CHECK(queue.clear() == Requests{other});
}

TEST_CASE("a request without rows is a step as well") {
  StepQueue queue({});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  const auto empty = add(queue, model, 0);
  CHECK(rows_of(queue.next(start, over)) == Rows{0});
  CHECK(queue.empty());
}

TEST_CASE("with a delay, a model is ready by the request that has waited longest") {
  StepQueue queue({.step_rows = 4, .delay = 10ms});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  // Client 1's first request is cancelled, its second came later than client 2's.
  const auto gone = add(queue, model, 1, 1, start);
  add(queue, model, 1, 2, start + 3ms);
  add(queue, model, 1, 1, start + 5ms);
  CHECK(queue.ready_at() == start + 10ms);
  add(queue, model, 2, 3, start + 6ms);  // there is a step of five rows
  CHECK(queue.ready_at() == start);
  gone->cancelled = true;
  CHECK(rows_of(queue.next(start + 6ms, over)) == Rows{1, 2, 1});
  CHECK(over == Requests{gone});
  CHECK_FALSE(queue.ready_at());
  add(queue, model, 1, 1, start + 7ms);
  CHECK(queue.ready_at() == start + 17ms);
}

TEST_CASE("models that have had the same time take turns as they came") {
  StepQueue queue({.step_rows = 1});
  std::vector<std::shared_ptr<FakeServable>> models;
  for (const char* name : {"c", "a", "b"}) models.push_back(std::make_shared<FakeServable>(name));
  for (int i = 0; i < 2; ++i) {
    for (const auto& model : models) add(queue, model, 1);
  }
  Requests over;
  std::string order;
  while (const auto step = queue.next(start, over)) {
    order += step->servable->name();
    queue.computed(*step, 1ms);
  }
  CHECK(order == "cabcab");
}

TEST_CASE("better priorities come first, and what else waits shares their step; shadows wait for all") {
  StepQueue queue({.step_rows = 4});
  const auto model = std::make_shared<FakeServable>(), other = std::make_shared<FakeServable>("o");
  Requests over;
  const auto add_as = [&](Priority priority, std::size_t rows, const std::shared_ptr<FakeServable>& whose) {
    auto request = test::request_of(whose, some(rows));
    request->priority = priority;
    REQUIRE(queue.push(whose, request));
    return request;
  };
  const auto shadow = add_as(Priority::shadow, 1, model);
  const auto batch = add_as(Priority::batch, 1, model);
  const auto normal = add_as(Priority::normal, 2, model);
  const auto high = add_as(Priority::high, 2, model);
  const auto others = add_as(Priority::normal, 1, other);
  auto step = queue.next(start, over);
  REQUIRE(step);
  CHECK(step->slices.size() == 2);
  CHECK(high->taken == 2);
  CHECK(normal->taken == 2);
  queue.computed(*step, 1ms);
  step = queue.next(start, over);
  CHECK(others->taken == 1);  // normal before batch, whoever's turn it is
  queue.computed(*step, 1ms);
  step = queue.next(start, over);
  CHECK(batch->taken == 1);
  CHECK(shadow->taken == 0);
  queue.computed(*step, 1ms);
  CHECK(rows_of(queue.next(start, over)) == Rows{1});
  CHECK(shadow->taken == 1);
  CHECK(queue.empty());
}

TEST_CASE("a model with worse priorities saves no time up while others are computed") {
  StepQueue queue({.step_rows = 1});
  const auto busy = std::make_shared<FakeServable>("busy"),
             patient = std::make_shared<FakeServable>("patient");
  Requests over;
  for (int i = 0; i < 10; ++i) {
    auto request = test::request_of(patient, some(1));
    request->priority = Priority::batch;
    REQUIRE(queue.push(patient, request));
  }
  for (int i = 0; i < 100; ++i) {
    add(queue, busy, 1);
    queue.computed(*queue.next(start, over), 10ms);
  }
  for (int i = 0; i < 10; ++i) {
    auto request = test::request_of(busy, some(1));
    request->priority = Priority::batch;
    REQUIRE(queue.push(busy, request));
  }
  int of_patient = 0;
  for (int i = 0; i < 10; ++i) {
    const auto step = queue.next(start, over);
    of_patient += step->servable == patient ? 1 : 0;
    queue.computed(*step, 10ms);
  }
  CHECK(of_patient >= 4);
  CHECK(of_patient <= 6);
}

TEST_CASE("steps take half of what requests should take") {
  StepQueue queue({.step_rows = 1024, .step_time = 1s, .step_time_alone = 1s, .slo = 10ms});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  for (const std::int64_t rows : {1, 1024})
    for (int i = 0; i < 100; ++i) model->note_step(rows, 1ms + rows * 100us);
  for (int i = 0; i < 100; ++i) add(queue, model, 1);
  const auto step = queue.next(start, over);
  CHECK(step->rows >= 39);
  CHECK(step->rows <= 41);
}

TEST_CASE("pieces of a large request have steps of their own, and small requests pass between them") {
  StepQueue queue({.step_rows = 1024, .slice_time = 200us});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  for (const std::int64_t rows : {1, 1024})
    for (int i = 0; i < 100; ++i) model->note_step(rows, 20us + rows * 1us);
  add(queue, model, 1, 3);
  const auto large = add(queue, model, 10'000, 1);
  auto step = queue.next(start, over);
  CHECK(step->rows == 1);
  Clock::duration longest{0};
  for (int i = 0; i < 20; ++i) {
    queue.computed(*step, 20us + step->rows * 1us);
    const auto small = add(queue, model, 1, 2);  // while a piece is computed, or has just been
    for (int steps = 0; small->taken == 0; ++steps) {
      REQUIRE(steps < 2);
      step = queue.next(start, over);
      CHECK((step->slices.size() == 1 || step->rows < 10));
      longest = std::max<Clock::duration>(longest, 20us + step->rows * 1us);
    }
  }
  CHECK(longest <= 210us);
  CHECK(large->taken > 0);
  CHECK(large->taken < 10'000);
}

TEST_CASE("steps of shadows are as short as pieces, though nobody else is there") {
  StepQueue queue({.step_rows = 1024, .slice_time = 200us});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  for (const std::int64_t rows : {1, 1024})
    for (int i = 0; i < 100; ++i) model->note_step(rows, 20us + rows * 1us);
  std::int64_t asked = 0, computed = 0;
  for (const std::size_t rows : {1, 1, 500, 64, 1, 1024}) {
    auto request = test::request_of(model, some(rows));
    request->priority = Priority::shadow;
    REQUIRE(queue.push(model, request));
    asked += static_cast<std::int64_t>(rows);
  }
  while (const auto step = queue.next(start, over)) {
    CHECK(20us + step->rows * 1us <= 210us);
    computed += step->rows;
    queue.computed(*step, 20us + step->rows * 1us);
  }
  CHECK(computed == asked);
}

TEST_CASE("once requests have waited too long for a while, the newest come first until they don't") {
  StepQueue queue({.step_rows = 1, .slo = 10ms, .patience = 100ms});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  model->note_step(1, 1ms);
  auto now = start;
  const auto old = add(queue, model, 1, 1, now), second = add(queue, model, 1, 2, now);
  for (std::uint64_t client = 10; client < 40; ++client) add(queue, model, 1, client, now);
  const auto serve = [&] {
    const auto step = queue.next(now, over);
    REQUIRE(step);
    queue.computed(*step, 1ms);
    return step->slices[0].request;
  };
  CHECK(serve() == old);
  now += 11ms;  // from here on the queue stands
  CHECK(serve() == second);
  now += 99ms;
  const auto almost = add(queue, model, 1, 3, now);
  CHECK(serve() != almost);
  now += 2ms;
  const auto newest = add(queue, model, 1, 4, now);
  CHECK(serve() == newest);
  CHECK(queue.newest_first());
  CHECK(serve() == almost);
  // What came in time again, with nothing old before it, has its turn as it came.
  while (!queue.empty()) serve();
  const auto a = add(queue, model, 1, 1, now), b = add(queue, model, 1, 2, now);
  CHECK(serve() == a);
  CHECK(serve() == b);
  CHECK_FALSE(queue.newest_first());
}

TEST_CASE("where the newest come first, those that are late already are told so") {
  StepQueue queue({.step_rows = 1, .slo = 10ms, .patience = 100ms, .longest_wait = 200ms});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  std::vector<std::shared_ptr<Request>> old;
  for (std::uint64_t client = 0; client < 5; ++client) old.push_back(add(queue, model, 1, client, start));
  old[3]->deadline = start + 50ms;
  REQUIRE(queue.next(start + 20ms, over));
  REQUIRE(queue.next(start + 121ms, over));  // of the newest
  CHECK(old[4]->taken == 1);
  CHECK(over.empty());
  add(queue, model, 1, 9, start + 200ms);
  REQUIRE(queue.next(start + 201ms, over));
  CHECK(over.size() == 3);
  for (const auto& request : over) CHECK(request->state == Request::State::late);
  CHECK(queue.empty());
}

TEST_CASE("the rest of a request that is late isn't computed") {
  StepQueue queue({.step_rows = 10});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  const auto large = add(queue, model, 100);
  large->deadline = start + 5ms;
  REQUIRE(queue.next(start, over));
  large->done = 10;
  CHECK_FALSE(queue.next(start + 5ms, over));
  CHECK(over == Requests{large});
  CHECK(large->state == Request::State::late);
  CHECK(queue.empty());
}

TEST_CASE("the predicted wait is the rest of the step and what waits before") {
  StepQueue queue({.step_rows = 10});
  const auto model = std::make_shared<FakeServable>();
  Requests over;
  for (const std::int64_t rows : {1, 10})
    for (int i = 0; i < 300; ++i) model->note_step(rows, 1ms + rows * 100us);
  const auto wait = [&](Priority priority, Clock::duration later) {
    return std::chrono::duration<double, std::milli>(queue.predicted_wait(priority, start + later)).count();
  };
  CHECK(wait(Priority::normal, 0ms) == 0);
  add(queue, model, 10);
  CHECK(wait(Priority::normal, 0ms) == Approx(2).epsilon(0.1));
  CHECK(wait(Priority::high, 0ms) == 0);
  auto step = queue.next(start, over);
  CHECK(wait(Priority::normal, 0ms) == Approx(2).epsilon(0.1));
  CHECK(wait(Priority::high, 1ms) == Approx(1).epsilon(0.1));
  add(queue, model, 25);
  CHECK(queue.waiting_rows() == 25);
  CHECK(wait(Priority::normal, 1ms) == Approx(1 + 5).epsilon(0.1));
  queue.computed(*step, 2ms);
  queue.clear();
  CHECK(wait(Priority::shadow, 2ms) == 0);
  CHECK(queue.waiting_rows() == 0);
}

namespace {

// Requests of so many clients for so many models.
struct Crowd {
  std::vector<std::shared_ptr<FakeServable>> models;
  std::vector<std::shared_ptr<Request>> requests;
  Crowd(std::size_t clients, std::size_t count) {
    const Batch row = test::Table().f32("a", {1}).batch();
    for (std::size_t i = 0; i < count; ++i)
      models.push_back(std::make_shared<FakeServable>("m" + std::to_string(i)));
    std::vector<std::shared_ptr<const Binding>> bindings;
    for (const auto& model : models) bindings.push_back(serving::bind(model, *row.schema));
    for (std::size_t i = 0; i < std::max(clients, count); ++i) {
      auto request = std::make_shared<Request>();
      request->rows = row;
      request->binding = bindings[i % count];
      request->client = i % clients;
      request->arrived = start + std::chrono::microseconds(i);
      requests.push_back(std::move(request));
    }
  }
  // All come, and are computed in steps of a few rows.
  void pass(std::chrono::microseconds delay) const {
    StepQueue queue({.step_rows = 16, .delay = delay, .queue_rows = 1 << 24});
    Requests over;
    for (const auto& request : requests) {
      request->taken = 0;
      const auto servable = std::dynamic_pointer_cast<LocalServable>(request->binding->servable);
      if (!queue.push(servable, request)) FAIL("it is full");
      if (delay.count() > 0 && !queue.ready_at()) FAIL("nothing waits");
    }
    std::size_t rows = 0;
    while (const auto step = queue.next(start + 1h, over)) {
      rows += step->slices.size();
      queue.computed(*step, 1us);
    }
    if (rows != requests.size()) FAIL("some are left");
  }
};

}  // namespace

TEST_CASE("a request costs the same, however many clients and models wait") {
  test::check_linear(
      5'000, [](std::size_t n) { return Crowd(n, 1); }, [](const Crowd& crowd) { crowd.pass(0us); });
  test::check_linear(
      5'000, [](std::size_t n) { return Crowd(n, 1); }, [](const Crowd& crowd) { crowd.pass(5us); });
  test::check_linear(
      2'000, [](std::size_t n) { return Crowd(1, n); }, [](const Crowd& crowd) { crowd.pass(0us); });
}
