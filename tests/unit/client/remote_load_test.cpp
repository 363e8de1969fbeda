#include "client/remote_load.hpp"

#include "catch.hpp"

using namespace nn;
using namespace std::chrono_literals;
using client::RemoteLoad;
using Seconds = std::chrono::duration<double>;

namespace {

// Workers that take a millisecond, and answer so many rows a second together.
struct Workers {
  double rows_per_second = 20'000;
  Clock::duration time(std::int64_t rows) const {
    return std::chrono::duration_cast<Clock::duration>(
        Seconds(1e-3 + static_cast<double>(rows) / rows_per_second));
  }
  // Requests of a row, with as many others under way.
  void answer(RemoteLoad& load, std::int64_t rows, int times) const {
    for (int i = 0; i < times; ++i) load.answered(rows, time(rows));
  }
};

double ms(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1e3; }

}  // namespace

TEST_CASE("what a request would take is learnt from answers, by what is under way") {
  RemoteLoad load(2);
  CHECK(load.predicted_wait(1) == 0us);  // nothing is known
  const Workers workers;
  for (const std::int64_t rows : {1, 16, 64, 256, 1024, 2048}) workers.answer(load, rows, 100);
  std::int64_t under_way = 0;
  for (const std::int64_t rows : {10, 100, 500, 1000, 2000}) {
    while (under_way < rows) under_way = load.come(1);
    CHECK(ms(load.predicted_wait(1)) ==
          Approx(ms(std::chrono::duration_cast<std::chrono::microseconds>(workers.time(rows + 1))))
              .epsilon(0.1));
  }
  for (; under_way > 0; --under_way) load.gone(1);
  CHECK(load.predicted_wait(0) == 0us);
}

TEST_CASE("who is sent at once doesn't wait, however long answers take") {
  RemoteLoad load(4);
  for (const std::int64_t rows : {1, 2, 3, 4}) load.answered(rows, 150ms);
  for (int i = 0; i < 4; ++i) {
    CHECK(load.predicted_wait(1) == 0us);
    load.come(1);
  }
  CHECK(load.predicted_wait(1) > 100ms);
}

TEST_CASE("a burst after a quiet time is let in, and measured") {
  RemoteLoad load(2);
  const Workers workers;
  workers.answer(load, 1, 1000);
  for (int i = 0; i < 2000; ++i) load.come(1);
  CHECK(load.predicted_wait(1) < 10ms);
}

TEST_CASE("workers that became slower or faster are noticed") {
  RemoteLoad load(2);
  for (int i = 0; i < 1000; ++i) load.come(1);
  Workers workers;
  for (const double now : {20'000.0, 5'000.0, 40'000.0}) {
    workers.rows_per_second = now;
    workers.answer(load, 1000, 200);
    CHECK(ms(load.predicted_wait(1)) == Approx(1 + 1e6 / now).epsilon(0.2));
  }
}
