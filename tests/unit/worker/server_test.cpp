// A worker's server on a clock that stands still: who is let in, and how it ends.
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>

#include "../model/models.hpp"
#include "worker_fixture.hpp"

using namespace nn;
using namespace std::chrono_literals;
using test::Client;
using test::WorkerFixture;
using Texts = std::vector<std::string>;

namespace {

constexpr std::size_t guests = 64;  // besides clients

net::Listeners::Client somebody(WorkerFixture& w, bool local = false, bool admin = false) {
  return {net::Socket(w.io), "somebody", admin, local};
}

// Whether this client may load models.
bool administers(WorkerFixture& w, const net::Listeners::Client& who) {
  const auto client = w.come({net::Socket(w.io), who.name, who.admin, who.local});
  client->hello();
  w.run();
  const auto replies = client->take();
  REQUIRE(replies.size() == 1);
  const auto* welcome = replies[0].frame().message_as<wire::Welcome>();
  REQUIRE(welcome != nullptr);
  for (const auto* one : *welcome->capabilities()) {
    if (one->str() == "admin") return true;
  }
  return false;
}

}  // namespace

TEST_CASE(
    "who may load models is who came in where administrators do, or without such a place who is local") {
  struct {
    const char* admin_endpoint;
    const char* token;
    bool local, at_admin;
    bool may;
  } const cases[] = {
      {"", "", true, false, true},        {"", "", false, false, false},
      {"", "", false, true, false},       {"unix:/a", "", true, false, false},
      {"unix:/a", "", false, true, true}, {"", "secret", true, false, false},
  };
  for (const auto& c : cases) {
    INFO(c.admin_endpoint << " " << c.token << " local " << c.local << " admin " << c.at_admin);
    WorkerFixture w;
    w.start_server();
    if (*c.admin_endpoint != '\0') w.options.admin.push_back(net::parse_endpoint(c.admin_endpoint));
    w.service->admin_token = c.token;
    CHECK(administers(w, somebody(w, c.local, c.at_admin)) == c.may);
  }
}

TEST_CASE("when it is crowded the guest that was there first makes room, and clients stay") {
  WorkerFixture w;
  w.options.max_connections = 1;
  w.start_server();
  const auto client = w.connected();
  std::vector<std::shared_ptr<Client>> all;
  for (std::size_t i = 0; i < guests; ++i) {
    all.push_back(w.come(somebody(w)));
    w.pass(1ms);
  }
  all[1]->hello();  // who only says hello is a guest yet
  w.run();
  CHECK(all[1]->texts() == Texts{"Welcome"});
  CHECK_FALSE(all[0]->ended());
  for (std::size_t i = 0; i < 3; ++i) {
    w.come(somebody(w));
    CHECK(all[i]->texts() == Texts{"busy: no connection is free"});
    CHECK(all[i]->ended());
  }
  CHECK_FALSE(all[3]->ended());
  CHECK_FALSE(client->ended());
  CHECK(w.service->stats.connections_refused == 3);
  client->predict(1, {1});
  w.run();
  w.run_until_idle();
  CHECK(client->texts() == Texts{"Answer"});
}

TEST_CASE("when nobody makes room a newcomer is told so") {
  WorkerFixture w;
  w.options.max_connections = 2;
  w.start_server();
  const auto a = w.connected(), b = w.connected();
  std::vector<std::shared_ptr<Client>> leaving;
  for (std::size_t i = 0; i < guests; ++i) leaving.push_back(w.come(somebody(w)));
  // Each takes the place of one of these, which stay until they have read why.
  for (std::size_t i = 0; i < guests; ++i) {
    const auto next = w.come(somebody(w));
    CHECK_FALSE(next->ended());
    next->hang_up();
    w.run();
  }
  const auto late = w.come(somebody(w));
  CHECK(late->texts() == Texts{"busy: no connection is free"});
  CHECK(late->ended());
  w.pass(3s);  // nobody takes longer than that to leave
  const auto next = w.come(somebody(w));
  CHECK_FALSE(next->ended());
  CHECK(w.service->stats.connections_refused == guests + 1);
}

TEST_CASE("guests don't wait while all clients' places are taken") {
  WorkerFixture w;
  w.options.max_connections = 1;
  w.start_server();
  const auto client = w.connected(), guest = w.connect();
  w.pass(200ms);
  CHECK_FALSE(guest->ended());
  w.pass(100ms);
  CHECK(guest->texts() == Texts{"busy: no connection is free"});
  CHECK_FALSE(client->ended());
}

TEST_CASE("a drain says goodbye, answers what is under way, refuses what is new, and then ends") {
  WorkerFixture w;
  w.start_server();
  const auto client = w.connected(), idle = w.connected();
  w.occupy(*client);
  w.server->drain();
  w.run();
  client->predict(2, {2});
  idle->query(5, wire::What::health);
  w.pass(1s);
  CHECK(client->texts() == Texts{"Goodbye", "draining: the worker ends"});
  CHECK(idle->texts() == Texts{"Goodbye", "Report"});
  CHECK_FALSE(w.server->ended());
  w.server->drain();  // once is enough
  w.model->release();
  w.run_until([&] { return w.server->ended(); });
  CHECK(client->texts() == Texts{"Answer"});
  CHECK(w.end().empty());
}

TEST_CASE("a drain with nothing to do ends at once") {
  WorkerFixture w;
  w.start_server();
  const auto client = w.connected();
  w.server->drain();
  w.run();
  CHECK(client->texts() == Texts{"Goodbye"});
  CHECK(w.end().empty());
}

TEST_CASE("a drain that takes too long ends with what was lost") {
  WorkerFixture w;
  w.options.drain_timeout = 5s;
  w.start_server();
  const auto client = w.connected();
  w.occupy(*client);
  w.server->drain();
  w.pass(4900ms);
  CHECK_FALSE(w.server->ended());
  w.pass(200ms);
  CHECK(w.end() == "requests were under way when --drain-timeout ended");
}

TEST_CASE("a drain waits for a client to take its answers, and not for one that never does") {
  WorkerFixture w;
  w.start_server();
  const auto client = w.connected();
  for (std::uint64_t id = 1; id <= 400; ++id) {
    client->query(id, wire::What::stats);
    w.run();
  }
  w.server->drain();
  w.pass(1s);
  CHECK_FALSE(w.server->ended());
  SECTION("it does") {
    while (!w.server->ended()) {
      client->take();
      w.run();
    }
    CHECK(w.end().empty());
  }
  SECTION("it doesn't") {
    w.pass(30s);
    CHECK(w.end() == "requests were under way when --drain-timeout ended");
  }
}

TEST_CASE("a device that failed begins a drain, and is why the server ends") {
  WorkerFixture w;
  w.start_server();
  const auto client = w.connected(), other = w.connected();
  w.occupy(*client);
  w.model->fail_device("cuda:0: out of order");
  other->predict(2, {2});
  w.run();
  w.model->release();
  w.run_until([&] { return w.server->ended(); });
  CHECK(client->texts() == Texts{"device: cuda:0: out of order", "Goodbye"});
  CHECK(w.service->draining);
  CHECK(w.end() == "cuda:0: out of order");
}

TEST_CASE("a part of the server that throws ends it with its error") {
  WorkerFixture w;
  w.start_server();
  const auto client = w.connected();
  const auto part = [&]() -> asio::awaitable<void> {
    co_await asio::post(w.io, asio::use_awaitable);
    throw Error(ErrorKind::internal, "a bug");
  };
  w.server->spawn(part());
  w.run();
  CHECK(w.end() == "a bug");
}

TEST_CASE("a server of one client on standard input ends with it") {
  WorkerFixture w;
  w.options.stdio = true;
  w.start_server();
  const auto client = w.attach();
  w.greet(*client);
  SECTION("it hangs up") {
    client->hang_up();
    w.run();
    w.pass(3s);
    CHECK(w.end().empty());
  }
  SECTION("it hangs up with a request under way") {
    w.occupy(*client);
    client->hang_up();
    w.run();
    w.pass(3s);
    CHECK(w.end().empty());
  }
  SECTION("it says what is no message") {
    client->send_bytes(std::string(64, 'x'));
    w.run();
    w.pass(3s);
    CHECK(w.end() == "standard input: not the protocol of nn-worker");
  }
}

TEST_CASE("look anew opens the log anew, and finds what is new in repositories") {
  const test::Scratch scratch;
  const auto add_version = [&](const char* number) {
    std::filesystem::create_directories(scratch / "r" + "/" + number);
    test::write_bytes(scratch / "r" + "/" + number + "/model.nn", "");
  };
  add_version("1");
  WorkerFixture w;
  w.options.log = scratch / "log";
  w.options.poll_s = 0;
  w.loader_options.models = {repository::parse_repository_spec("r=" + scratch / "r")};
  w.loader_options.open = [](const std::string& name, const repository::FoundVersion& version) {
    return std::make_unique<test::FakeServable>(name, version.version);
  };
  const auto serves = [&](std::uint64_t version) {
    return w.catalog.get()->find("r", version).servable != nullptr;
  };
  SECTION("when it is told to") {
    w.start_server();
    w.loader->load_all();
    w.loader->start();
    CHECK(serves(1));
    add_version("2");
    w.pass(1min);
    std::filesystem::rename(scratch / "log", scratch / "old");
    w.server->look_anew();
    w.wait_for([&] { return serves(2); });
    w.wait_for([&] { return test::read_file(scratch / "log").find("\"reload\"") != std::string::npos; });
  }
  SECTION("by itself, from time to time") {
    w.options.poll_s = 2;
    w.start_server();
    w.loader->load_all();
    w.loader->start();
    add_version("2");
    w.pass(1900ms);
    CHECK_FALSE(serves(2));
    w.pass(200ms);
    w.wait_for([&] { return serves(2); });
  }
}
