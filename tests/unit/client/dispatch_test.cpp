// Replicas and members over fake workers.
#include <set>

#include "client/members.hpp"
#include "client/ordered_rows.hpp"
#include "client/replicas.hpp"
#include "dispatch_fixture.hpp"

using namespace nn;
using namespace std::chrono_literals;
using test::DispatchFixture;
using Texts = std::vector<std::string>;

TEST_CASE("each block goes to one replica, and its answer comes back under its number") {
  DispatchFixture f(3);
  f.replicas();
  for (std::uint64_t n = 0; n < 9; ++n) f.submit(n, {static_cast<float>(n)});
  for (auto& worker : f.w.workers) CHECK(worker->requests.size() == 3);
  f.answer_all();
  CHECK(f.done ==
        std::map<std::uint64_t, std::vector<float>>{
            {0, {0}}, {1, {1}}, {2, {2}}, {3, {3}}, {4, {4}}, {5, {5}}, {6, {6}}, {7, {7}}, {8, {8}}});
  CHECK(f.problems().empty());
}

TEST_CASE("no worker has more than its window, and the rest waits for whoever is free first") {
  DispatchFixture f(2);
  f.replicas();
  for (std::uint64_t n = 0; n < 20; ++n) f.submit(n, {1});
  CHECK(f.w[0].requests.size() == 4);
  CHECK(f.w[1].requests.size() == 4);
  for (int i = 0; i < 12; ++i) {
    f.w[1].answer(f.w[1].requests.at(0));
    f.w.run();
  }
  CHECK(f.w[0].requests.size() == 4);
  CHECK(f.done.size() == 12);
}

TEST_CASE("a block that waits for another worker than the one that failed it holds nobody up") {
  DispatchFixture f(2);
  f.replicas();
  for (std::uint64_t n = 0; n < 10; ++n) f.submit(n, {static_cast<float>(n)});
  const auto failing = f.w[1].requests.at(0);
  f.w[1].refuse(failing.id, wire::Code::busy);
  for (const auto time : {0ms, 10ms}) f.w.pass(time);  // it takes requests again
  CHECK((f.w[0].requests.size() == 4 && f.w[1].requests.size() == 4));
  // It is still the first in line at the other.
  f.w[0].answer(f.w[0].requests.at(0));
  f.w.run();
  REQUIRE(f.w[0].requests.size() == 4);
  CHECK(f.w[0].requests.back().a == failing.a);
  f.answer_all();
  CHECK(f.done.size() == 10);
  CHECK(f.problems().empty());
}

TEST_CASE("rows of a worker that is lost are asked of the other, once each") {
  DispatchFixture f(2);
  f.replicas();
  for (std::uint64_t n = 0; n < 8; ++n) f.submit(n, {static_cast<float>(n)});
  f.w[0].reachable = false;
  f.w[0].hang_up();
  f.w.run();
  f.answer_all();
  CHECK(f.done.size() == 8);
  CHECK(f.problems().empty());
}

TEST_CASE("what another worker may do better is tried there, the rest is said at once") {
  struct Case {
    wire::Code code;
    bool again;
  };
  for (const Case& c : {Case{wire::Code::busy, true}, Case{wire::Code::draining, true},
                        Case{wire::Code::cancelled, true}, Case{wire::Code::device, true},
                        Case{wire::Code::invalid, false}, Case{wire::Code::internal, false}}) {
    CAPTURE(static_cast<int>(c.code));
    DispatchFixture f(2);
    f.replicas();
    f.submit(0, {5});
    const std::size_t first = f.w[0].requests.empty() ? 1 : 0;
    f.w[first].refuse(f.w[first].requests.at(0).id, c.code, "no");
    f.w.pass(10ms);
    f.answer_all();
    CHECK(f.done.size() == (c.again ? 1 : 0));
    CHECK(f.failed.size() == (c.again ? 0 : 1));
  }
}

TEST_CASE("a late block is asked of a second worker, and the loser is told") {
  DispatchFixture f(2);
  f.replicas({.hedge = 30ms});
  f.submit(0, {5});
  const std::size_t first = f.w[0].requests.empty() ? 1 : 0;
  auto &slow = f.w[first], &other = f.w[1 - first];
  f.w.pass(29ms);
  CHECK(other.requests.empty());
  f.w.pass(1ms);
  REQUIRE(other.requests.size() == 1);
  const auto asked = slow.requests.at(0).id;
  other.answer_all();
  f.w.run();
  CHECK(f.done.size() == 1);
  CHECK(slow.cancelled == std::vector<std::uint64_t>{asked});
  // What it says later changes nothing.
  slow.answer_all(100);
  f.w.run();
  CHECK(f.done.at(0) == std::vector<float>{5});
  CHECK(f.problems().empty());
}

TEST_CASE("a worker is told of a block that nobody waits for any more") {
  DispatchFixture f(1);
  f.replicas();
  bool is_given_up = false;
  const auto submit = [&](std::uint64_t number) {
    f.expected.insert(number);
    f.dispatcher->submit(number, f.rows({1}), {}, {}, [&] { return is_given_up; });
  };
  for (std::uint64_t n = 0; n < 5; ++n) submit(n);
  f.w.run();
  REQUIRE(f.w[0].requests.size() == 4);
  f.w.pass(100ms);
  CHECK(f.w[0].cancelled.empty());
  is_given_up = true;
  f.w.pass(20ms);
  CHECK(f.w[0].cancelled.size() == 4);
  CHECK(f.failed == std::vector<std::string>(5, "nobody waits for it any more"));
  // What it says then is nobody's.
  f.answer_all();
  CHECK(f.done.empty());
  CHECK(f.problems().empty());
}

TEST_CASE("where there is no second worker, none is looked for") {
  DispatchFixture f(1);
  f.replicas({.hedge = 10ms});
  f.submit(0, {1});
  int rings = 0;
  f.w.clock.between([&] {
    ++rings;
    f.w.run();
  });
  f.w.pass(10s);
  CHECK(rings < 50);  // looks whether the worker lives
  f.answer_all();
  CHECK(f.done.size() == 1);
}

TEST_CASE("a block that takes as long as most do is late for nobody") {
  DispatchFixture f(2);
  f.replicas({.hedge = 10ms});
  std::uint64_t number = 0;
  for (; number < 500; ++number) {
    f.submit(number, {1});
    f.w.pass(number < 450 ? 25ms : 20ms);
    f.answer_all();
  }
  f.w.pass(31s);  // nobody is left out any more
  f.submit(number, {1});
  const std::size_t first = f.w[0].requests.empty() ? 1 : 0;
  f.w.pass(20ms);
  CHECK(f.w[1 - first].requests.empty());
  f.w.pass(10ms);
  CHECK(f.w[1 - first].requests.size() == 1);
}

TEST_CASE("where all workers are slow, second requests are a tenth of the blocks and a few more") {
  DispatchFixture f(2);
  f.replicas({.hedge = 10ms});
  std::size_t asked = 0;
  for (std::uint64_t n = 0; n < 400; ++n) {
    f.submit(n, {1});
    f.w.pass(25ms);
    for (auto& worker : f.w.workers) asked += worker->answer_all();
    f.w.run();
  }
  CHECK(f.done.size() == 400);
  CHECK((asked > 420 && asked <= 400 + 40 + 16));
}

TEST_CASE("a worker that stands still is asked a few times and then left alone") {
  DispatchFixture f(2);
  f.replicas({.hedge = 20ms});
  std::size_t number = 0;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 4; ++i) f.submit(number++, {1});
    f.w.pass(5ms);
    f.w[1].answer_all();
    f.w.pass(25ms);
    f.w[1].answer_all();
    f.w.run();
  }
  CHECK(f.done.size() == number);
  CHECK(f.w[0].requests.size() <= 4);
}

TEST_CASE("a block without an answer fails at its deadline, to the microsecond") {
  DispatchFixture f(1);
  f.options.deadline = 50ms;
  f.replicas();
  f.submit(0, {1});
  CHECK(f.w[0].requests.at(0).deadline_us == 50'000);
  f.w.pass(50ms - 1us);
  CHECK(f.failed.empty());
  f.w.pass(1us);
  REQUIRE(f.failed.size() == 1);
  CHECK(f.failed[0] == "row 0: no answer within --deadline (50 ms)");
  CHECK(f.w[0].cancelled.size() == 1);
}

TEST_CASE("a deadline of the block's own counts also while nobody can be asked") {
  DispatchFixture f(1);
  f.w[0].reachable = false;
  f.replicas({.persistent = true});
  f.dispatcher->submit(0, f.rows({1}), f.w.clock.now() + 100ms);
  f.w.pass(101ms);
  CHECK(f.failed == Texts{"row 0: no answer in time"});
}

TEST_CASE("without any worker for the time of our patience everything ends, or fails until one comes") {
  for (const bool persistent : {false, true}) {
    DispatchFixture f(2);
    f.w[0].reachable = f.w[1].reachable = false;
    f.replicas({.persistent = persistent});
    f.submit(0, {1});
    f.w.pass(4900ms);
    CHECK(f.failed.empty());
    CHECK(f.broken.empty());
    f.w.pass(200ms);
    const Texts why = {std::string("unix:/a: nobody listens (as are all 2 workers)") +
                       (persistent ? ": no worker of this model can be reached now, try again later" : "")};
    CHECK((persistent ? f.failed : f.broken) == why);
    f.submit(1, {1});
    CHECK(f.failed.size() == (persistent ? 2 : 0));
    f.w[1].reachable = true;
    f.w.pass(100ms);
    f.submit(2, {7});
    f.answer_all();
    CHECK(f.done.size() == (persistent ? 1 : 0));
  }
}

TEST_CASE(
    "replicas that answer different things end everything, members that are lost do with a quorum too few") {
  DispatchFixture f(2);
  f.w[1].kind = predict::PredictionKind{true, false, {"x", "y"}, {}};
  f.replicas();
  REQUIRE(f.broken.size() == 1);
  CHECK(f.broken[0].find("workers must answer the same") == 0);
}

TEST_CASE("a replica without the model ends everything; persistent, the others go on") {
  for (const bool persistent : {false, true}) {
    DispatchFixture f(2);
    f.w[1].refuses_to_open = {wire::Code::not_found, "no model 'm'"};
    f.replicas({.persistent = persistent});
    CHECK(f.broken.size() == (persistent ? 0 : 1));
    f.submit(0, {1});
    f.answer_all();
    CHECK(f.done.size() == (persistent ? 1 : 0));
  }
}

TEST_CASE("a replica whose answers make no sense has what else it was asked for asked of another") {
  DispatchFixture f(2);
  f.replicas({.persistent = true});
  for (std::uint64_t n = 0; n < 6; ++n) f.submit(n, {static_cast<float>(n), 0});
  REQUIRE(f.w[0].requests.size() == 3);
  auto wrong = f.w[0].requests[0];
  wrong.a.pop_back();
  f.w[0].answer(wrong);
  f.w.run();
  while (!f.w[1].requests.empty()) {
    f.w[1].answer_all();
    f.w.run();
  }
  CHECK(f.dropped == std::vector<std::size_t>{0});
  CHECK(f.done.size() == 6);
  CHECK(f.problems().empty());
}

TEST_CASE("a block that fails too often is given up") {
  DispatchFixture f(3);
  f.replicas({.persistent = true, .most_tries = 2});
  f.submit(0, {1});
  for (int tries = 0; tries < 2; ++tries) {
    CHECK(f.failed.empty());
    for (auto& worker : f.w.workers) {
      if (!worker->requests.empty()) worker->refuse(worker->requests[0].id, wire::Code::cancelled, "no");
    }
    f.w.run();
  }
  CHECK(f.failed == Texts{"unix:/b: no"});
}

TEST_CASE("where all workers refuse, what is asked again is a fifth of the blocks and a few more") {
  DispatchFixture f(3);
  f.replicas({.persistent = true, .most_tries = 2, .retried_share = 0.2});
  std::size_t asked = 0;
  for (std::uint64_t n = 0; n < 200; ++n) {
    f.submit(n, {1});
    for (int again = 0; again < 3; ++again) {
      for (auto& worker : f.w.workers) {
        while (!worker->requests.empty()) {
          worker->refuse(worker->requests[0].id, wire::Code::busy, "no");
          ++asked;
        }
      }
      f.w.pass(250ms);
    }
  }
  CHECK(f.failed.size() == 200);
  CHECK((asked >= 200 + 40 && asked <= 200 + 40 + 10));
  CHECK(f.problems().empty());
}

TEST_CASE("what goes down with a connection is asked again, however much that is") {
  DispatchFixture f(2);
  f.replicas({.persistent = true, .most_tries = 2, .retried_share = 0.2, .window = 64});
  for (std::uint64_t n = 0; n < 100; ++n) f.submit(n, {static_cast<float>(n)});
  REQUIRE(f.w[0].requests.size() == 50);
  f.w[0].reachable = false;
  f.w[0].hang_up();
  f.w.run();
  f.answer_all();
  CHECK(f.done.size() == 100);
  CHECK(f.w.connections[1]->record()->figures(f.w.clock.now()).retries == 50);
}

TEST_CASE("a worker that has failed at a block isn't the next that is asked for it") {
  DispatchFixture f(2);
  f.replicas({.persistent = true, .most_tries = 2});
  // The first is much quicker than the second, also at failing.
  for (std::uint64_t n = 0; n < 4; ++n) {
    f.submit(n, {1});
    f.w.pass(f.w[0].requests.empty() ? 500ms : 1ms);
    f.answer_all();
  }
  f.submit(4, {5});
  REQUIRE(f.w[0].requests.size() == 1);
  f.w[0].refuse(f.w[0].requests[0].id, wire::Code::cancelled);
  f.w.run();
  REQUIRE(f.w[1].requests.size() == 1);
  f.answer_all();
  CHECK(f.done.contains(4));
}

TEST_CASE("no second request goes to a worker that is left out") {
  DispatchFixture f(2);
  f.replicas({.hedge = 30ms, .persistent = true});
  for (int i = 0; i < client::WorkerRecord::most_failures; ++i) f.w.connections[1]->record()->failed();
  f.w.connections[1]->record()->put_out(f.w.clock.now());
  f.submit(0, {5});
  f.w.pass(100ms);
  CHECK(f.w[0].requests.size() == 1);
  CHECK(f.w[1].requests.empty());
  f.answer_all();
}

TEST_CASE("what workers do is counted, and nothing is under way when it is over") {
  DispatchFixture f(2);
  f.replicas({.hedge = 30ms});
  const auto figures = [&](std::size_t w) { return f.w.connections[w]->record()->figures(f.w.clock.now()); };
  f.submit(0, {1, 2, 3});
  const std::size_t first = f.w[0].requests.empty() ? 1 : 0, other = 1 - first;
  CHECK(figures(first).up);
  CHECK(figures(first).requests_under_way == 1);
  CHECK(figures(first).rows_under_way == 3);
  f.w.pass(31ms);
  f.w[other].answer_all();
  f.w.run();
  CHECK(figures(other).hedges_won == 1);
  CHECK(figures(other).times.count() == 1);
  f.w[first].refuse(f.w[first].requests.at(0).id, wire::Code::cancelled);
  f.w.run();
  CHECK(figures(first).failures == 0);  // nobody waited for it any more
  f.submit(1, {1});
  f.submit(2, {1});
  f.dispatcher->stop();
  for (std::size_t w = 0; w < 2; ++w) {
    CHECK(figures(w).requests_under_way == 0);
    CHECK(figures(w).rows_under_way == 0);
  }
}

TEST_CASE("a trace goes with its block") {
  DispatchFixture f(1);
  f.replicas();
  f.dispatcher->submit(0, f.rows({1}), {}, "00-trace");
  f.dispatcher->submit(1, f.rows({1}));
  f.w.run();
  CHECK(f.w[0].requests.at(0).trace == "00-trace");
  CHECK(f.w[0].requests.at(1).trace.empty());
  f.answer_all();
}

TEST_CASE("nobody waits for a block that is cancelled") {
  DispatchFixture f(1);
  f.replicas();
  for (std::uint64_t n = 0; n < 6; ++n) f.submit(n, {static_cast<float>(n)});
  f.dispatcher->cancel(0);
  f.dispatcher->cancel(5);
  f.dispatcher->cancel(77);
  f.w.run();
  CHECK(f.w[0].cancelled.size() == 1);
  f.answer_all();
  CHECK(f.done.size() == 4);
  f.expected = {1, 2, 3, 4};
  CHECK(f.problems().empty());
}

TEST_CASE("an ensemble's block goes to all, and waits for all") {
  DispatchFixture f(3);
  f.members(0);
  f.submit(0, {1, 2});
  for (auto& worker : f.w.workers) REQUIRE(worker->requests.size() == 1);
  f.w[2].answer_all(200);
  f.w[0].answer_all();
  f.w.run();
  CHECK(f.done.empty());
  f.w[1].answer_all(100);
  f.w.run();
  CHECK(f.done.at(0) == std::vector<float>{1, 2, 101, 102, 201, 202});
}

TEST_CASE("a member that is late is left out until it answers in time again") {
  DispatchFixture f(3);
  f.options.deadline = 100ms;
  f.members(2);
  const auto round = [&](std::uint64_t number, Clock::duration late) {
    f.submit(number, {static_cast<float>(number)});
    f.w[0].answer_all();
    f.w[1].answer_all();
    f.w.pass(late);
    f.w[2].answer_all();
    f.w.run();
    return f.done.contains(number) ? f.done.at(number).size() : 0;
  };
  CHECK(round(0, 0ms) == 3);
  CHECK(round(1, 101ms) == 2);
  CHECK(f.dispatcher->reports()[2].missed == 1);
  CHECK(round(2, 10ms) == 2);  // not waited for, and in time
  CHECK(round(3, 10ms) == 3);
}

TEST_CASE("a member that stays late is tried less and less") {
  DispatchFixture f(3);
  f.options.deadline = 20ms;
  f.members(2);
  int waited = 0;
  const auto pass_second = [&](std::uint64_t from) {
    std::size_t tried = 0;
    for (std::uint64_t number = from; number < from + 100; ++number) {  // a block each 10 ms
      f.submit(number, {static_cast<float>(number)});
      f.w[0].answer_all();
      f.w[1].answer_all();
      f.w.pass(10ms);
      waited = f.w[2].requests.empty() ? 0 : waited + 1;
      if (waited < 4) continue;
      tried += f.w[2].answer_all();  // too late
      waited = 0;
      f.w.run();
    }
    return tried;
  };
  CHECK(pass_second(0) <= 10);
  CHECK(pass_second(100) <= 2);
  CHECK(pass_second(200) <= 2);
  // Once it is well again it is found to be, and waited for.
  for (std::uint64_t number = 300; number < 420; ++number) {
    f.submit(number, {static_cast<float>(number)});
    f.answer_all();
    f.w.pass(10ms);
  }
  CHECK(f.done.at(419).size() == 3);
}

TEST_CASE("members that are lost are left out while the quorum is there") {
  DispatchFixture f(3);
  f.options.patience = 1s;
  f.members(2);
  f.submit(0, {1});
  f.w[0].answer_all();
  f.w[1].answer_all();
  f.w[2].reachable = false;
  f.w[2].hang_up();
  f.w.run();
  f.w.pass(900ms);
  CHECK(f.done.empty());
  f.w.pass(200ms);
  CHECK(f.done.size() == 1);
  CHECK(f.dropped == std::vector<std::size_t>{2});
  f.submit(1, {1});
  f.w[1].refuse(f.w[1].requests.at(0).id, wire::Code::invalid, "no such row");
  f.w.run();
  CHECK(f.broken == Texts{"unix:/b: no such row; 1 of 3 members left, --quorum asks for 2"});
}
