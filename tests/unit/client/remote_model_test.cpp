#include "client/remote_model.hpp"

#include "dispatch_fixture.hpp"

using namespace nn;
using namespace std::chrono_literals;
using serving::Request;
using test::FakeWorkers;
using test::Table;

namespace {

struct Completed : serving::Completion {
  void complete(std::span<std::shared_ptr<serving::Request>> requests) override {
    for (auto& request : requests) all.push_back(std::move(request));
  }
  serving::Requests all;
};

struct Fixture {
  explicit Fixture(std::size_t count) : w(count), workers(w.connections) {}
  // Opens the model "m", here "here".
  std::shared_ptr<serving::Servable> open(client::RemoteModelOptions options = {}) {
    options.name = "here";
    options.remote_name = "m";
    options.failed = [this](const Error& why) { failures.emplace_back(why.what()); };
    w.start();
    client::open_remote_model(w.io, workers, options, [this](auto told) {
      ++tellings;
      if (const auto* why = std::get_if<Error>(&told)) {
        error = why->what();
      } else {
        model = std::get<0>(std::move(told));
      }
    });
    w.run();
    return model;
  }
  std::shared_ptr<Request> ask(std::vector<float> a, std::optional<Clock::time_point> deadline = {}) {
    auto request = std::make_shared<Request>();
    // The table has its columns in another order, and one that the model doesn't want.
    std::vector<std::int64_t> ids(a.size(), 7);
    request->rows = Table().i64("id", ids).f32("other", a).f32("a", a).batch();
    request->binding = serving::bind(model, *request->rows.schema);
    request->bytes = 100;
    request->deadline = deadline;
    request->arrived = w.clock.now();
    request->completion = completed;
    CHECK(model->submit(request));
    w.run();
    return request;
  }

  FakeWorkers w;
  client::Workers workers;
  std::shared_ptr<Completed> completed = std::make_shared<Completed>();
  std::shared_ptr<serving::Servable> model;
  std::string error;
  int tellings = 0;
  std::vector<std::string> failures;  // for the log
};

std::vector<float> values_of(const Request& request) {
  const float* values = request.answers->columns[*request.answers->schema->find("value")].as<float>();
  return {values, values + request.answers->rows};
}

}  // namespace

TEST_CASE("a model at workers is a servable: its inputs, kind and digest are theirs") {
  Fixture f(2);
  f.w[0].digest = f.w[1].digest = "abc";
  f.w[0].version = f.w[1].version = 4;
  REQUIRE(f.open() != nullptr);
  CHECK(f.model->name() == "here");
  CHECK(f.model->version() == 4);
  CHECK(f.model->digest() == "abc");
  CHECK(f.model->inputs()->fields.at(0).name == "a");
  CHECK_FALSE(f.model->kind().classes);
  CHECK_THROWS_WITH(serving::bind(f.model, *Table().f32("b", {0}).batch().schema),
                    "the table has no column 'a'");
  CHECK_THROWS_WITH(serving::bind(f.model, *Table().f32("a", {0}).f32("b", {0}).f32("a", {0}).batch().schema),
                    "the table has more than one column 'a', so it is not clear which one the model means");
}

TEST_CASE("a model of numbers at workers takes them as one tensor x") {
  Fixture f(1);
  REQUIRE(f.open() != nullptr);
  const auto bound = serving::bind(f.model, *Table().i64("id", {7}).f32("x", {0}, {1}).batch().schema);
  REQUIRE(bound->table.columns.schema()->fields.size() == 1);
  CHECK(bound->table.columns.schema()->fields[0].name == "x");
  CHECK_THROWS_WITH(serving::bind(f.model, *Table().f32("x", {0, 1}, {2}).batch().schema),
                    "the table has no column 'a'");
}

TEST_CASE("requests are dispatched over the workers, and answered with their own rows' id") {
  Fixture f(2);
  f.open();
  std::vector<std::shared_ptr<Request>> requests;
  for (int i = 0; i < 6; ++i) requests.push_back(f.ask({static_cast<float>(i), 100}));
  CHECK(f.w[0].requests.size() == 3);
  CHECK(f.w[1].requests.size() == 3);
  for (auto& worker : f.w.workers) worker->answer_all(0.5f);
  f.w.run();
  CHECK(f.completed->all.size() == 6);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    REQUIRE(requests[i]->state == Request::State::answered);
    CHECK(values_of(*requests[i]) == std::vector<float>{static_cast<float>(i) + 0.5f, 100.5f});
    CHECK(requests[i]->answers->schema->find("id"));
  }
  // All go to the version that was found.
  for (auto& worker : f.w.workers) CHECK(worker->opened_versions == std::vector<std::uint64_t>{1});
}

TEST_CASE(
    "a worker that is lost has its requests answered by the other, and none at all fails them in time") {
  Fixture f(2);
  f.open();
  const auto first = f.ask({1}), second = f.ask({2});
  for (auto& worker : f.w.workers) worker->reachable = false;
  f.w[0].hang_up();
  f.w.run();
  f.w[1].answer_all();
  f.w.run();
  CHECK(first->state == Request::State::answered);
  CHECK(second->state == Request::State::answered);
  f.w[1].hang_up();
  f.w.run();
  const auto late = f.ask({3}, f.w.clock.now() + 50ms), lost = f.ask({4});
  f.w.pass(60ms);
  CHECK(late->state == Request::State::late);
  f.w.pass(200ms);
  CHECK(lost->state == Request::State::failed);
  CHECK(lost->error->kind() == ErrorKind::unavailable);
  // Nothing of where workers are is for clients; whoever comes now doesn't wait at all.
  CHECK(lost->error->public_statement() == "no worker of this model can be reached now, try again later");
  CHECK(f.ask({4})->state == Request::State::failed);
  CHECK(f.failures.size() == 2);
  CHECK(f.failures[0].find("unix:/a: nobody listens") != std::string::npos);
  f.w[0].reachable = true;
  f.w.pass(100ms);
  const auto again = f.ask({5});
  f.w[0].answer_all();
  f.w.run();
  CHECK(again->state == Request::State::answered);
}

TEST_CASE("a worker that ends answers what it has, and what it takes no more doesn't wait for its end") {
  Fixture f(1);
  f.open();
  const auto taken = f.ask({1}), given_back = f.ask({2});
  f.w[0].refuse(f.w[0].requests.at(1).id, wire::Code::draining, "it ends");
  f.w.run();
  const auto after = f.ask({3});
  CHECK(f.w[0].requests.size() == 1);
  f.w.pass(200ms);
  CHECK(given_back->state == Request::State::waiting);  // another may take its place
  f.w.pass(100ms);
  for (const auto& request : {given_back, after, f.ask({4})}) {
    REQUIRE(request->state == Request::State::failed);
    CHECK(request->error->kind() == ErrorKind::unavailable);
    CHECK(std::string(request->error->what()) ==
          "unix:/a: the worker ends: no worker of this model can be reached now, try again "
          "later");
  }
  CHECK(taken->state == Request::State::waiting);
  SECTION("it answers") {
    f.w[0].answer_all();
    f.w.run();
    CHECK(taken->state == Request::State::answered);
  }
  SECTION("it breaks off") {
    f.w[0].reachable = false;
    f.w[0].hang_up();
    f.w.run();
    CHECK(taken->state == Request::State::failed);
  }
}

TEST_CASE("what waits for a worker to have room isn't sent once its client is gone") {
  Fixture f(1);
  f.open();
  constexpr std::size_t window = 64;  // under way at a worker
  std::vector<std::shared_ptr<Request>> asked;
  for (std::size_t i = 0; i < window + 2; ++i) asked.push_back(f.ask({1}));
  REQUIRE(f.w[0].requests.size() == window);
  asked[window]->cancelled = true;
  f.w[0].answer(f.w[0].requests.at(0));
  f.w.run();
  CHECK(asked[window]->state == Request::State::cancelled);
  CHECK(f.w[0].requests.size() == window);
  f.w[0].answer_all();
  f.w.run();
  CHECK(asked[window + 1]->state == Request::State::answered);
  CHECK(f.failures.empty());
}

TEST_CASE("what a request would wait is known of workers from their answers, where it waits here") {
  constexpr int sent_at_once = 64;
  Fixture f(1);
  f.open();
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < sent_at_once; ++i) {
      CHECK(f.model->predicted_wait(1) == 0us);
      f.ask({1});
    }
    CHECK((f.model->predicted_wait(1) > 20ms) == (round > 0));
    if (round > 0) break;
    f.w.pass(30ms);
    f.w[0].answer_all();
    f.w.run();
  }
  f.w[0].hang_up();
  f.w[0].reachable = false;
  f.w.pass(1s);
  CHECK(f.model->predicted_wait(1) == 0us);
}

TEST_CASE("what waits is bounded in bytes, and comes back when the model goes") {
  Fixture f(1);
  f.open({.queue_bytes = 250});
  const auto first = f.ask({1}), second = f.ask({2});
  auto third = std::make_shared<Request>();
  third->rows = first->rows;
  third->binding = first->binding;
  third->bytes = 100;
  third->completion = f.completed;
  CHECK_FALSE(f.model->submit(third));
  f.w[0].answer(f.w[0].requests.at(0));
  f.w.run();
  CHECK(f.model->submit(third));
  f.w.run();
  f.model.reset();
  second->binding.reset();
  first->binding.reset();
  third->binding.reset();
  f.w.run();
  CHECK(f.completed->all.size() == 3);
  CHECK(second->state == Request::State::cancelled);
  CHECK(third->state == Request::State::cancelled);
}

TEST_CASE("why a model can't be opened is told once") {
  Fixture f(1);
  std::string why;
  SECTION("nobody is there") {
    f.w[0].reachable = false;
    why = "unix:/a: nobody listens";
  }
  SECTION("too old a worker") {
    f.w[0].abilities = {"predict"};
    why = "unix:/a: this worker is too old: it doesn't describe its models";
  }
  SECTION("it describes the model and then doesn't open it") {
    f.w[0].refuses_to_open = {wire::Code::not_found, "gone"};
    why = "unix:/a: gone";
  }
  CHECK(f.open() == nullptr);
  f.w.pass(6s);
  CHECK(f.error == why);
  CHECK(f.tellings == 1);
}

TEST_CASE(
    "a worker whose device failed is no reason to give up this process, and isn't told by its address") {
  Fixture f(1);
  f.open({.most_tries = 1});
  const auto request = f.ask({1});
  f.w[0].refuse(f.w[0].requests.at(0).id, wire::Code::device, "the device failed");
  f.w.pass(300ms);
  REQUIRE(request->state == Request::State::failed);
  CHECK(request->error->kind() == ErrorKind::unavailable);
  CHECK(request->error->public_statement().find("unix:") == std::string::npos);
  REQUIRE(f.failures.size() == 1);
  CHECK(f.failures[0].find("unix:/a") != std::string::npos);
}

TEST_CASE("what a worker says of a request's rows is told without the worker's address") {
  Fixture f(1);
  f.open();
  const auto request = f.ask({1});
  f.w[0].refuse(f.w[0].requests.at(0).id, wire::Code::invalid, "row 0: no such class");
  f.w.run();
  REQUIRE(request->state == Request::State::failed);
  CHECK(request->error->public_statement() == "row 0: no such class");
  CHECK(request->error->statement() == "unix:/a: row 0: no such class");
}

TEST_CASE("whoever asks workers that came to differ is told so, and doesn't wait") {
  Fixture f(2);
  f.w[1].reachable = false;
  f.open();
  REQUIRE(f.model);
  f.w[1].kind = predict::PredictionKind{true, false, {"x", "y"}, {}};
  f.w[1].reachable = true;
  f.w.pass(3s);
  const auto request = f.ask({1});
  REQUIRE(request->state == Request::State::failed);
  CHECK(request->error->public_statement() == "the workers of this model answer different things");
}

TEST_CASE("a worker that was just found again has a moment to open its stream") {
  Fixture f(1);
  f.open();
  f.w[0].reachable = false;
  f.w[0].hang_up();
  f.w.pass(1s);
  f.w[0].reachable = true;
  f.w[0].opens = false;  // its answer is on its way
  f.w.pass(100ms);
  const auto request = f.ask({1});
  CHECK(request->state == Request::State::waiting);
  f.w.pass(300ms);
  CHECK(request->state == Request::State::failed);
}
