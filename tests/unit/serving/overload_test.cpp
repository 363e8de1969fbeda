// Hours of load in a moment: a device whose steps cost what a line says, in front of it the door and the
// queue.
#include <algorithm>
#include <random>

#include "catch.hpp"
#include "fake_servable.hpp"
#include "serving/door.hpp"

using namespace nn;
using namespace nn::serving;
using namespace std::chrono_literals;

namespace {

// A servable whose wait is its queue's.
class Simulated : public test::FakeServable {
 public:
  std::chrono::microseconds predicted_wait(std::int64_t rows, Priority priority) const override {
    const std::chrono::duration<double> own(rows > 0 ? curve().line(rows) : 0);
    return std::chrono::duration_cast<std::chrono::microseconds>(queue->predicted_wait(priority, now) + own);
  }
  bool is_crowded() const override { return queue->crowded(now); }
  StepQueue* queue = nullptr;
  Clock::time_point now{1h};
};

struct Simulator {
  explicit Simulator(BatchLimits limits, DoorOptions door_options) : queue(limits), door(door_options) {
    model->queue = &queue;
    for (const std::int64_t rows : {1, 1024})
      for (int i = 0; i < 300; ++i) model->note_step(rows, cost(rows));
    rows_ = test::Table().f32("a", {1}).batch();
    binding_ = serving::bind(std::static_pointer_cast<Servable>(model), *rows_.schema);
  }
  Clock::duration cost(std::int64_t rows) const { return base + rows * slope; }

  void come(std::int64_t rows, std::uint64_t client) {
    ++offered;
    if (refusal(*model, rows, Priority::normal, model->now, {}, door)) {
      ++refused;
      return;
    }
    auto request = std::make_shared<Request>();
    request->binding = binding_;
    request->rows = rows_;
    request->rows.rows = rows;
    request->client = client;
    request->arrived = model->now;
    if (!queue.push(model, std::move(request))) ++refused;
  }
  // Steps that begin up to then; what ends is counted.
  void compute_until(Clock::time_point end) {
    while (true) {
      if (computing_) {
        if (step_ends_ > end) return;
        model->now = step_ends_;
        queue.computed(step_, cost(step_.rows));
        computing_ = false;
        for (const Slice& slice : step_.slices) {
          Request& request = *slice.request;
          request.done += slice.rows;
          if (request.done < request.rows.rows) continue;
          (request.rows.rows == 1 ? single : large).push_back(model->now - request.arrived);
        }
      }
      Requests over;
      if (!queue.next(model->now, step_, over)) return;
      late += over.size();
      computing_ = true;
      step_ends_ = model->now + cost(step_.rows);
    }
  }
  // Requests, so many a second, as a Poisson process.
  void load(
      double rate, Clock::duration time, const std::function<void()>& also = [] {}, std::int64_t rows = 1) {
    std::exponential_distribution<double> gap(rate);
    const Clock::time_point start = model->now, end = start + time;
    double at = 0;
    for (;;) {
      at += gap(random);
      const auto when =
          start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(at));
      if (when >= end) break;
      compute_until(when);
      model->now = std::max(model->now, when);
      also();
      come(rows, 2 + random() % 64);
    }
    compute_until(end);
    model->now = end;
  }
  double quantile_ms(double q) {
    std::sort(single.begin(), single.end());
    if (single.empty()) return 0;
    return std::chrono::duration<double, std::milli>(
               single[std::min(single.size() - 1,
                               static_cast<std::size_t>(q * static_cast<double>(single.size())))])
        .count();
  }
  void forget() {
    single.clear();
    large.clear();
    offered = refused = late = 0;
  }

  StepQueue queue;
  DoorOptions door;
  std::shared_ptr<Simulated> model = std::make_shared<Simulated>();
  Clock::duration base = 1ms, slope = 100us;
  std::vector<Clock::duration> single, large;
  std::size_t offered = 0, refused = 0, late = 0;
  std::mt19937_64 random{7};

 private:
  Batch rows_;
  std::shared_ptr<const Binding> binding_;
  Step step_;
  bool computing_ = false;
  Clock::time_point step_ends_{};
};

// Half of 10 ms is a step of 40 rows: 8,000 a second.
constexpr double capacity = 8000;
BatchLimits limits_for(std::chrono::microseconds slo) {
  BatchLimits limits;
  limits.step_time = limits.step_time_alone = 1s;
  limits.slo = slo;
  limits.longest_wait = 5 * slo;
  return limits;
}

}  // namespace

TEST_CASE("at 0.7 of what the device can do, nearly all are answered within the SLO, and none is refused") {
  Simulator s(limits_for(10ms), {.slo = 10ms});
  s.load(0.7 * capacity, 20s);
  CHECK(s.refused == 0);
  CHECK(s.late == 0);
  CHECK(s.quantile_ms(0.99) <= 10);
}

TEST_CASE("at three times of what the device can do, it does nearly all that it can, and recovers soon") {
  Simulator s(limits_for(10ms), {.slo = 10ms});
  s.load(0.5 * capacity, 2s);
  s.forget();
  s.load(3 * capacity, 30s);
  CHECK(static_cast<double>(s.single.size()) / 30 >= 0.8 * capacity);
  CHECK(static_cast<double>(s.late) <= 0.02 * static_cast<double>(s.single.size()));
  CHECK(s.quantile_ms(0.5) <= 12);
  CHECK(s.quantile_ms(0.99) <= 50 + 5);  // clients take turns: who asks for more waits longer
  CHECK(s.offered - s.refused - s.late - s.single.size() < 200);
  s.load(0.5 * capacity, 300ms);
  s.forget();
  s.load(0.5 * capacity, 5s);
  CHECK(s.refused == 0);
  CHECK(s.quantile_ms(0.99) <= 10);
}

TEST_CASE("after a crowd of larger requests nobody is refused who comes at half of what the device can do") {
  Simulator s(limits_for(10ms), {.slo = 10ms});
  const auto load = [&](double part, Clock::duration time) {
    s.load(
        part * capacity / 16, time, [] {}, 16);
  };
  load(3, 5s);
  CHECK(s.refused > 5000);
  load(0.5, 1s);
  s.forget();
  load(0.5, 20s);
  CHECK(s.refused == 0);
}

TEST_CASE("a crowd that passes is let in") {
  Simulator s(limits_for(10ms), {.slo = 10ms});
  s.load(0.3 * capacity, 1s);
  s.forget();
  for (int i = 0; i < 200; ++i) s.come(1, 100 + static_cast<std::uint64_t>(i));  // 25 ms of work at once
  s.load(0.3 * capacity, 1s);
  CHECK(s.refused == 0);
  CHECK(s.late == 0);
}

TEST_CASE("single rows beside a request of 10,000 rows wait for less than twice as long") {
  for (const auto& [base, slope] : {std::pair<Clock::duration, Clock::duration>{1ms, 100us}, {5us, 1us}}) {
    BatchLimits limits;
    limits.slice_time = 80us;
    const auto p99 = [&, base = base, slope = slope](bool with_large) {
      Simulator s(limits, {.queue_time = 1h});
      s.base = base;
      s.slope = slope;
      auto fresh = std::make_shared<Simulated>();
      fresh->queue = &s.queue;
      for (const std::int64_t rows : {1, 2, 4, 8, 16, 64, 256, 1024})
        for (int i = 0; i < 300; ++i) s.model->note_step(rows, s.cost(rows));
      const auto large = [&] {
        if (with_large && s.queue.bytes() == 0 && s.queue.waiting_rows() < 100) s.come(10'000, 1);
      };
      s.load(200, 20s, large);
      if (with_large) CHECK(s.large.size() >= 1);
      return s.quantile_ms(0.99);
    };
    const double alone = p99(false), beside = p99(true);
    INFO("p99 " << alone << " ms alone, " << beside << " ms beside");
    // What a request takes on its way from a client and back, besides: a tenth of a millisecond at least.
    CHECK(beside + 0.1 < 2 * (alone + 0.1));
  }
}
