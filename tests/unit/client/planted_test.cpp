// Faults that are planted in workers and in time, each of which the checks of these tests must see, or which
// must do no harm.
#include "dispatch_fixture.hpp"

using namespace nn;
using namespace std::chrono_literals;
using test::DispatchFixture;

TEST_CASE("planted: answers in another order do no harm") {
  DispatchFixture f(1);
  f.replicas();
  for (std::uint64_t n = 0; n < 4; ++n) f.submit(n, {static_cast<float>(n)});
  auto waiting = f.w[0].requests;
  std::reverse(waiting.begin(), waiting.end());
  for (const auto& request : waiting) f.w[0].answer(request);
  f.w.run();
  for (std::uint64_t n = 0; n < 4; ++n) CHECK(f.done.at(n) == std::vector<float>{static_cast<float>(n)});
  CHECK(f.problems().empty());
}

TEST_CASE("planted: an answer that comes twice is told once, and the connection is made anew") {
  DispatchFixture f(1);
  f.replicas();
  f.submit(0, {1});
  f.submit(1, {2});
  const auto first = f.w[0].requests.at(0);
  f.w[0].answer(first, 0, false);
  f.w[0].answer(first);
  f.w.run();
  f.w.pass(100ms);
  f.answer_all();
  CHECK(f.w[0].attempts == 2);
  CHECK(f.done.size() == 2);
  CHECK(f.problems().empty());
}

TEST_CASE("planted: an answer that is lost is seen") {
  DispatchFixture f(1);
  f.replicas();
  f.submit(0, {1});
  f.submit(1, {2});
  f.w[0].answer(f.w[0].requests.at(1));
  f.w.run();
  f.w.pass(1h);  // the worker lives, and says so
  CHECK(f.problems() == std::vector<std::string>{"block 0 was told 0 times",
                                                 "1 rows are under way at worker 0", "1 blocks wait"});
}

TEST_CASE("planted: a worker that forgets a cancel keeps its place, and takes nobody else's") {
  DispatchFixture f(2);
  f.replicas({.hedge = 10ms});
  f.submit(0, {1});
  const std::size_t first = f.w[0].requests.empty() ? 1 : 0;
  f.w.pass(10ms);
  f.w[1 - first].answer_all();
  f.w.run();
  CHECK(f.w[first].cancelled.size() == 1);
  CHECK(f.problems() == std::vector<std::string>{fmt::format("1 rows are under way at worker {}", first)});
  for (std::uint64_t n = 1; n < 40; ++n) {
    f.submit(n, {1});
    f.w[1 - first].answer_all();
    for (const auto& request : std::vector(f.w[first].requests)) {
      if (request.id > 2) f.w[first].answer(request);
    }
    f.w.run();
  }
  CHECK(f.told.size() == 40);
}

TEST_CASE("planted: a clock that rings no alarm leaves a block waiting, which is seen") {
  DispatchFixture f(1);
  f.options.deadline = 50ms;
  f.replicas();
  f.submit(0, {1});
  f.w.clock.between([] {});  // whoever waits is woken, and nobody runs them
  f.w.clock.advance(1min);
  CHECK(f.problems().size() == 3);
  f.w.run();
  CHECK(f.failed.size() == 1);
}

TEST_CASE("planted: what an event throws comes out where the loop runs, and nothing is told twice") {
  DispatchFixture f(1);
  auto events = f.events();
  events.answered = [&f](std::uint64_t number, client::BlockAnswer) {
    ++f.told[number];
    throw std::runtime_error("of the caller's making");
  };
  f.start(std::make_unique<client::Replicas>(f.w.io, f.options, client::ReplicasOptions{}, events));
  f.submit(0, {1});
  f.w[0].answer_all();
  f.w.run();
  CHECK(f.w.connections[0]->state() == client::Connection::State::refused);
  CHECK(f.told[0] == 1);
}
