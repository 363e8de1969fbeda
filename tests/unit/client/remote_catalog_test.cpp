#include "client/remote_catalog.hpp"

#include <fmt/format.h>

#include "dispatch_fixture.hpp"

using namespace nn;
using namespace std::chrono_literals;
using test::FakeWorkers;

namespace {

std::string offer(std::uint64_t version, std::string_view digest = "d1") {
  return fmt::format(
      R"([{{"name":"m","versions":[{{"version":{},"digest":"{}"}}],"labels":{{"stable":{}}}}}])", version,
      digest, version);
}

// A catalog of fake workers at unix:/a, unix:/b …
struct Fixture {
  explicit Fixture(std::size_t count) : w(count) {
    for (auto& worker : w.workers) worker->offers = offer(1);
    client::RemoteCatalogOptions options;
    options.connect = [this](const net::Endpoint& endpoint, auto record) {
      client::ConnectionOptions how;
      how.record = std::move(record);
      how.liveness = {1s, 3s};
      how.slow_start = true;
      auto made = w.connect(static_cast<std::size_t>(endpoint.path[1] - 'a'), std::move(how));
      made->start();
      ++connections;
      return made;
    };
    catalog.emplace(w.io, options, holder, log, [this] { ++changes; });
  }
  ~Fixture() {
    catalog.reset();
    w.run();
  }
  void set(std::initializer_list<std::string_view> names) {
    std::vector<net::Endpoint> endpoints;
    for (const auto name : names) endpoints.push_back(net::parse_endpoint(fmt::format("unix:/{}", name)));
    catalog->set_workers(endpoints);
    settle();
  }
  // Questions follow answers.
  void settle() {
    for (int i = 0; i < 4; ++i) w.pass(1ms);
  }
  void lose(std::size_t worker) {
    w[worker].reachable = false;
    w[worker].hang_up();
    w.run();
  }
  bool ready() const {
    const auto now = holder.get();
    return !now->models.empty() && now->all_available();
  }
  const serving::VersionEntry* version(std::uint64_t number) const {
    shown = holder.get();
    const auto* model = shown->models.find("m");
    if (model == nullptr) return nullptr;
    const auto found = model->value.versions.find(number);
    return found == model->value.versions.end() ? nullptr : &found->second;
  }

  FakeWorkers w;
  serving::CatalogHolder holder;
  serving::EventLog log{""};
  std::optional<client::RemoteCatalog> catalog;
  mutable std::shared_ptr<const serving::Catalog> shown;
  int changes = 0, connections = 0;
};

}  // namespace

TEST_CASE("a model at workers answers while one of them is there, and again when one is back") {
  Fixture f(2);
  f.set({"a", "b"});
  REQUIRE(f.ready());
  f.lose(0);
  f.w.pass(1s);
  CHECK(f.ready());
  f.lose(1);
  f.w.pass(249ms);
  CHECK(f.ready());  // it may only have lost its connection
  f.w.pass(2ms);
  CHECK_FALSE(f.ready());
  REQUIRE(f.version(1) != nullptr);
  CHECK(f.version(1)->state == serving::VersionState::end);
  REQUIRE(f.version(1)->reason);
  CHECK(f.version(1)->reason->kind() == ErrorKind::unavailable);
  CHECK(f.version(1)->reason->public_statement() ==
        "no worker of this model can be reached now, try again later");
  const auto found = f.holder.get()->find("m", 0, "stable");
  REQUIRE(found.absence);
  CHECK(std::string(found.absence->what()).find("unix:") == std::string::npos);
  f.w[1].reachable = true;
  f.w.pass(2s);
  CHECK(f.ready());
  CHECK(f.holder.get()->find("m", 0, "stable").servable);
}

TEST_CASE("a connection that is made again at once is no loss") {
  Fixture f(1);
  f.set({"a"});
  const int before = f.changes;
  f.w[0].hang_up();
  f.w.pass(60ms);
  f.settle();
  f.w.pass(500ms);
  CHECK(f.ready());
  CHECK(f.changes == before);
}

TEST_CASE("what a worker serves counts no more once it has said that it ends") {
  Fixture f(1);
  f.set({"a"});
  f.catalog->look();
  f.w.io.restart();
  f.w.io.poll();  // the question is on its way
  f.w[0].goodbye();
  f.w.run();
  f.w.pass(251ms);
  CHECK_FALSE(f.ready());
}

TEST_CASE("a worker that says nothing for three seconds is not there") {
  Fixture f(1);
  f.set({"a"});
  f.w[0].lives = false;
  f.w.pass(2s);
  CHECK(f.ready());
  f.w[0].reachable = false;
  f.w.pass(3s);
  CHECK_FALSE(f.ready());
  f.w[0].lives = f.w[0].reachable = true;
  f.w.pass(3s);
  CHECK(f.ready());
}

TEST_CASE("a worker that refused for good is tried again") {
  Fixture f(1);
  f.w[0].offers = "no JSON";  // a worker that makes no sense
  f.set({"a"});
  f.w.pass(1s);
  CHECK_FALSE(f.ready());
  const int before = f.connections;
  f.w[0].offers = offer(1);
  f.w.pass(8s);
  CHECK(f.connections == before);
  f.w.pass(5s);
  CHECK(f.connections == before + 1);
  CHECK(f.ready());
}

TEST_CASE("a model that all workers have let go is gone") {
  Fixture f(2);
  f.set({"a", "b"});
  f.w[0].offers = "[]";
  f.w.pass(1s);
  CHECK(f.ready());
  f.w[1].offers = "[]";
  f.w.pass(1s);
  CHECK(f.holder.get()->models.empty());
}

TEST_CASE("a new version takes over when half of the workers have it, and its loss is its own") {
  Fixture f(2);
  f.set({"a", "b"});
  for (std::size_t w = 0; w < 2; ++w) {
    f.w[w].version = 2;
    f.w[w].offers = offer(2, "d2");
    f.w[w].digest = "d2";
  }
  f.w.pass(2s);
  REQUIRE(f.version(2) != nullptr);
  CHECK(f.version(2)->servable);
  CHECK(f.version(1) == nullptr);
  f.lose(0);
  f.lose(1);
  f.w.pass(1s);
  CHECK_FALSE(f.ready());
  CHECK(f.version(2)->state == serving::VersionState::end);
}

TEST_CASE("workers are reported by name, with what they do and why they aren't there") {
  Fixture f(2);
  f.w[1].reachable = false;
  f.set({"a", "b"});
  f.w.pass(1s);
  const auto report = f.catalog->workers();
  REQUIRE(report.size() == 2);
  CHECK(report[0].name == "unix:/a");
  CHECK(report[0].figures.up);
  CHECK(report[0].models == 1);
  CHECK(report[0].error.empty());
  CHECK_FALSE(report[1].figures.up);
  CHECK(report[1].error == "nobody listens");
}

TEST_CASE("those that are added get little at first, and those that stay keep what is known of them") {
  Fixture f(2);
  f.set({"a"});
  f.w.pass(1min);
  f.set({"a", "b"});
  f.w.pass(1s);
  CHECK(f.connections == 2);
  const auto request = [&] {
    const auto model = f.holder.get()->find("m").servable;
    auto one = std::make_shared<serving::Request>();
    one->rows = test::Table().f32("a", {1}).batch();
    one->binding = serving::bind(model, *one->rows.schema);
    struct Nobody : serving::Completion {
      void complete(std::span<std::shared_ptr<serving::Request>>) override {}
    };
    one->completion = std::make_shared<Nobody>();
    REQUIRE(model->submit(one));
    f.w.run();
  };
  for (int i = 0; i < 22; ++i) request();
  CHECK(f.w[0].requests.size() >= 18);
  CHECK(f.w[1].requests.size() <= 4);
  for (auto& worker : f.w.workers) worker->answer_all();
  f.w.run();
}
