#include <filesystem>

#include "../allocated.hpp"
#include "../messages.hpp"
#include "../model/models.hpp"
#include "worker_fixture.hpp"

using namespace nn;
using namespace std::chrono_literals;
using test::Client;
using test::FakeServable;
using test::WorkerFixture;
using Texts = std::vector<std::string>;

TEST_CASE(
    "a client that doesn't greet is closed after ten seconds, and one that asks for nothing after thirty") {
  WorkerFixture w;
  const auto silent = w.connect(), guest = w.connect();
  guest->hello();
  w.pass(9900ms);
  CHECK_FALSE(silent->ended());
  w.pass(300ms);
  CHECK(silent->ended());
  CHECK_FALSE(guest->ended());
  w.pass(20s);
  CHECK(guest->ended());
  CHECK(w.service->sessions.empty());
}

TEST_CASE("messages have no bodies before the greeting") {
  WorkerFixture w;
  const auto client = w.connect();
  std::string frame("nnw1\x10\0\0\0\0\0\0\x03\0\0\0\0abcdefgh", 24);
  client->send_bytes(frame);
  w.run();
  CHECK(client->texts() == Texts{"invalid: the connection does not begin with a greeting"});
  w.pass(3s);
  CHECK(client->ended());
}

TEST_CASE("the idle limit counts from the last sign of life, not from the last request") {
  WorkerFixture w;
  w.options.idle_timeout = 60s;
  const auto pausing = w.connected(), gone = w.connected();
  for (int i = 0; i < 60; ++i) {
    w.pass(5s);
    if (!pausing->ended()) pausing->query(0, wire::What::health);
    w.run();
  }
  CHECK_FALSE(pausing->ended());
  CHECK(gone->ended());
}

TEST_CASE("an answer comes back, computed at once or by the batcher") {
  WorkerFixture w;
  for (const std::int64_t work : {1000, 1'000'000'000}) {
    w.model->work = work;
    const auto client = w.connected();
    client->predict(7, {1, 2, 3});
    w.run();
    w.run_until_idle();
    const auto replies = client->take();
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].text() == "Answer");
    CHECK(replies[0].id() == 7);
  }
}

TEST_CASE("a request is bound to its version: a swap meanwhile changes nothing for it") {
  WorkerFixture w;
  const auto client = w.connected();
  w.occupy(*client);
  const auto next = std::make_shared<FakeServable>("m", 2);
  w.serve({next});
  client->predict(2, {2});
  w.run();
  w.model->release();
  w.run_until_idle();
  const auto replies = client->take();
  REQUIRE(replies.size() == 2);
  std::map<std::uint64_t, std::uint64_t> versions;
  for (const auto& reply : replies) {
    const auto* answer = reply.frame().message_as<wire::Answer>();
    REQUIRE(answer != nullptr);
    versions[reply.id()] = answer->version();
  }
  CHECK(versions == std::map<std::uint64_t, std::uint64_t>{{1, 1}, {2, 2}});
}

TEST_CASE("a stream that keeps its version has it while rows come, and not for ever") {
  WorkerFixture w;
  const auto client = w.connected("m", 0, true);
  std::weak_ptr<FakeServable> old = w.model;
  w.model->work = 1000;
  w.serve({std::make_shared<FakeServable>("m", 2)});
  w.model = std::make_shared<FakeServable>("m", 3);
  const auto version = [&](std::uint64_t id) -> std::uint64_t {
    client->predict(id, {1});
    w.run();
    w.run_until_idle();
    const auto replies = client->take();
    REQUIRE(replies.size() == 1);
    return replies[0].frame().message_as<wire::Answer>()->version();
  };
  for (int i = 0; i < 10; ++i) {
    w.pass(20s);
    CHECK(version(10 + static_cast<std::uint64_t>(i)) == 1);
  }
  CHECK_FALSE(old.expired());
  w.pass(31s);
  CHECK(old.expired());
  CHECK(version(30) == 2);
}

TEST_CASE("a model is described before there are any rows for it") {
  WorkerFixture w;
  const auto client = w.connect();
  client->hello();
  const auto describe = [&](std::uint64_t id, const char* model) {
    auto& builder = client->maker().builder();
    client->send(client->maker().finish(id, wire::CreateDescribe(builder, builder.CreateString(model), 0)));
    w.run();
    return client->take();
  };
  w.run();
  client->take();
  const auto replies = describe(5, "m");
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].id() == 5);
  const auto* described = replies[0].frame().message_as<wire::Described>();
  REQUIRE(described != nullptr);
  CHECK(described->version() == 1);
  CHECK(described->digest()->str() == "m1");
  format::MessageReader inputs("inputs");
  auto body = std::make_shared<Buffer>(replies[0].body.size());
  std::memcpy(body->data(), replies[0].body.data(), body->size());
  inputs.read({body, body->size()});
  REQUIRE(inputs.schema());
  CHECK(inputs.schema()->fields.at(0).name == "a");
  CHECK(describe(6, "x").at(0).text() == "not_found: no model 'x'; there are: m");
}

TEST_CASE("what open streams keep is limited, and ordinary ones of others are not refused") {
  WorkerFixture w;
  w.options.max_memory = 16 << 20;
  w.options.max_frame = 1 << 20;
  const auto open = [&](Client& client, std::uint32_t stream, int keys) {
    Schema schema = *test::Table().f32("a", {0}).batch().schema;
    for (int i = 0; i < keys; ++i) {
      schema.fields.push_back(schema.fields[0]);
      schema.fields.back().name = "column " + std::to_string(i);
    }
    format::MessageWriter rows(schema);
    auto& builder = client.maker().builder();
    client.send(client.maker().finish(
        stream, wire::CreateOpen(builder, stream, builder.CreateString("m"), 0, false), rows.take()));
  };
  // Large schemas are read in another thread.
  const auto replies = [&](Client& client, std::size_t count) {
    Texts all;
    w.run_until([&] {
      for (std::string& text : client.texts()) all.push_back(std::move(text));
      return all.size() >= count;
    });
    return all;
  };
  std::vector<std::shared_ptr<Client>> greedy;
  int refused = 0;
  const test::AllocatedBytes allocated;
  for (int c = 0; c < 20; ++c) {
    greedy.push_back(w.connect());
    greedy.back()->hello();
    replies(*greedy.back(), 1);
    for (std::uint32_t stream = 1; stream <= 20; ++stream) {
      open(*greedy.back(), stream, 2500);
      const Texts said = replies(*greedy.back(), 1);
      if (said[0].find("busy: no memory is left for what open streams keep") == 0) ++refused;
    }
  }
  CHECK(refused > 300);
  CHECK(allocated.most() < 24 << 20);
  CHECK(w.service->kept->used() <= 8 << 20);
  const auto ordinary = w.connected();
  for (std::uint32_t stream = 2; stream < 8; ++stream) open(*ordinary, stream, 0);
  CHECK(replies(*ordinary, 6) == Texts(6, "Opened"));
  // What is let go is there for others.
  for (const auto& client : greedy) client->hang_up();
  w.pass(3s);
  CHECK(w.service->kept->used() == 0);
}

TEST_CASE("an idle stream doesn't keep a version that is served no more") {
  WorkerFixture w;
  const auto client = w.connected();
  std::weak_ptr<FakeServable> old = w.model;
  w.model = std::make_shared<FakeServable>("m", 2);
  w.serve({w.model});
  w.pass(200ms);
  CHECK(old.expired());
}

TEST_CASE("a version that is being loaded is worth another try, one that can't be is not") {
  WorkerFixture w;
  std::map<std::string, serving::ModelEntry, std::less<>> next;
  next["m"].versions[1] = {serving::VersionState::loading, nullptr, {}};
  next["n"].versions[1] = {serving::VersionState::end, nullptr, data_error("its checksum differs")};
  w.serve(next);
  const auto client = w.connect();
  client->hello();
  client->open("m");
  client->open("n");
  w.run();
  CHECK(client->texts() ==
        Texts{"Welcome", "busy: version 1 of model 'm' is being loaded",
              "not_found: no version of model 'n' is loaded; version 1: its checksum differs"});
}

TEST_CASE("cancelled requests, and those of clients that hang up, are not computed") {
  WorkerFixture w;
  const auto client = w.connected(), leaver = w.connected();
  w.occupy(*client);
  client->predict(2, {2});
  client->cancel(2);
  leaver->predict(3, {3});
  w.run();
  leaver->hang_up();
  w.run();
  w.model->release();
  w.run_until_idle();
  CHECK(client->texts() == Texts{"Answer", "cancelled: cancelled"});
  CHECK(w.model->steps.size() == 1);
  CHECK(w.service->sessions.size() == 1);
  CHECK(w.service->clients == 1);
}

TEST_CASE("a deadline counts from when the request came") {
  WorkerFixture w;
  const auto client = w.connected();
  w.occupy(*client);
  client->predict(2, {2}, 5000);
  client->predict(3, {3}, 50'000);
  w.run();
  w.clock.advance(5ms);
  w.model->release();
  w.run_until_idle();
  CHECK(client->texts() == Texts{"Answer", "deadline: late: it waited 5000 us", "Answer"});
}

TEST_CASE("clients beyond the limit are told so, and whoever asks for health is answered") {
  WorkerFixture w;
  w.options.max_connections = 1;
  const auto first = w.connected(), second = w.connect();
  second->hello();
  second->query(5, wire::What::health);
  w.run();
  CHECK(second->texts() == Texts{"Welcome", "Report"});
  second->open("m");
  w.run();
  CHECK(second->texts() == Texts{"busy: no connection is free"});
  first->hang_up();
  w.run();
  CHECK(w.service->clients == 0);
  w.connected();
}

TEST_CASE("only administrators load models") {
  WorkerFixture w;
  const auto predictor = w.connect(false);
  predictor->hello();
  predictor->load(1, "m", 1);
  w.run();
  CHECK(predictor->texts() ==
        Texts{"Welcome", "unauthenticated: this client may not load and unload models"});
}

TEST_CASE("a load that fails for now is worth another try, and one of a wrong file is not") {
  WorkerFixture w;
  const test::Scratch scratch;
  for (const std::string version : {"1", "2"}) {
    std::filesystem::create_directories(scratch / ("base/" + version));
    test::write_bytes(scratch / ("base/" + version + "/model.nn"), "x");
  }
  w.loader_options.models = {repository::parse_repository_spec("m=" + (scratch / "base"))};
  w.loader_options.open = [](const std::string&,
                             const repository::FoundVersion& version) -> std::unique_ptr<serving::Servable> {
    fail(version.version == 1 ? ErrorKind::unavailable : ErrorKind::data, "no");
  };
  const test::Messages warnings;
  w.start();
  w.loader->start();
  const auto admin = w.connect(true);
  admin->hello();
  w.run();
  admin->take();
  const auto load = [&](std::uint64_t version) {
    admin->load(version, "m", version);
    for (;;) {
      w.run();
      const Texts texts = admin->texts();
      if (!texts.empty()) return texts[0];
    }
  };
  CHECK(load(1) == "busy: version 1 of model 'm' can't be loaded: no");
  CHECK(load(2) == "not_found: version 2 of model 'm' can't be loaded: no");
}

TEST_CASE("a token of administrators opens the door and their rights, the other one only the door") {
  WorkerFixture w;
  w.start();
  w.service->token = "guest";
  w.service->admin_token = "root";
  const auto rights = [&](const char* token) {
    const auto client = w.connect(true);
    client->hello(token);
    w.run();
    const auto replies = client->take();
    REQUIRE(replies.size() == 1);
    const auto* welcome = replies[0].frame().message_as<wire::Welcome>();
    if (welcome == nullptr) return replies[0].text();
    for (const auto* one : *welcome->capabilities()) {
      if (one->str() == "admin") return std::string("admin");
    }
    return std::string("guest");
  };
  CHECK(rights("root") == "admin");
  CHECK(rights("guest") == "guest");
  CHECK(rights("other") == "unauthenticated: wrong token");
  CHECK(rights(nullptr) == "unauthenticated: this worker asks for a token");
}

TEST_CASE("a client that dies with answers unsent leaves nothing behind") {
  WorkerFixture w;
  w.model->work = 1000;
  const auto client = w.connected();
  // Until the worker's answers fill the socket and it reads no further.
  std::uint64_t id = 0;
  for (int i = 0; i < 4000 && w.service->sessions.size() == 1; ++i) {
    client->predict(++id, std::vector<float>(50, 1.0f));
    w.run();
    w.run_until_idle();
  }
  client->hang_up();
  w.run();
  w.pass(1s);
  CHECK(w.service->sessions.empty());
  CHECK(w.service->clients == 0);
}

TEST_CASE("a client that takes no answers is closed after a minute") {
  WorkerFixture w;
  const auto client = w.connected();
  w.model->work = 1000;
  for (std::uint64_t id = 1; id <= 400; ++id) {
    client->query(id, wire::What::stats);
    w.run();
  }
  w.pass(59s);
  CHECK(w.service->sessions.size() == 1);
  w.pass(2s);
  CHECK(w.service->sessions.empty());
}

namespace {

// A model's versions, all in service, and its labels.
std::map<std::string, serving::ModelEntry, std::less<>> labelled(
    const std::vector<std::shared_ptr<FakeServable>>& versions,
    std::map<std::string, std::uint64_t, std::less<>> labels) {
  std::map<std::string, serving::ModelEntry, std::less<>> models;
  for (const auto& one : versions)
    models["m"].versions[one->version()] = {serving::VersionState::available, one, {}};
  models["m"].labels = std::move(labels);
  return models;
}

}  // namespace

TEST_CASE("a label that moves takes new requests along, unless the stream keeps its version") {
  WorkerFixture w;
  std::vector<std::shared_ptr<FakeServable>> versions;
  for (const std::uint64_t version : {1, 2, 3}) {
    versions.push_back(std::make_shared<FakeServable>("m", version));
    versions.back()->work = 1000;
  }
  w.serve(labelled(versions, {{"stable", 1}}));
  const auto version_of = [&](Client& client, std::uint64_t id, std::uint32_t stream) -> std::uint64_t {
    client.predict(id, {1}, 0, stream);
    w.run();
    const auto replies = client.take();
    REQUIRE(replies.size() == 1);
    INFO(replies[0].text());
    const auto* answer = replies[0].frame().message_as<wire::Answer>();
    REQUIRE(answer != nullptr);
    return answer->version();
  };
  const auto moving = w.connect(), keeping = w.connect();
  moving->hello();
  moving->open("m", 0, false, 1, "stable");
  keeping->hello();
  keeping->open("m", 0, true, 1, "stable");
  w.run();
  for (const auto* client : {&moving, &keeping}) {
    const auto replies = (*client)->take();
    REQUIRE(replies.size() == 2);
    const auto* opened = replies[1].frame().message_as<wire::Opened>();
    REQUIRE(opened != nullptr);
    CHECK(opened->version() == 1);
  }
  CHECK(version_of(*moving, 1, 1) == 1);
  w.serve(labelled(versions, {{"stable", 2}}));
  CHECK(version_of(*moving, 2, 1) == 2);
  CHECK(version_of(*keeping, 2, 1) == 1);
  // It is gone: what is asked of it then isn't answered by something else.
  w.serve(labelled(versions, {{"canary", 3}}));
  moving->predict(3, {1});
  w.run();
  CHECK(moving->texts() == Texts{"not_found: model 'm' has no label 'stable'; there are: canary"});
  w.serve(labelled(versions, {{"stable", 3}}));
  CHECK(version_of(*moving, 4, 1) == 3);
}

TEST_CASE("a stream has a version or a label, and whoever has neither gets the newest") {
  WorkerFixture w;
  const auto old = std::make_shared<FakeServable>("m", 1), young = std::make_shared<FakeServable>("m", 2);
  auto models = labelled({old, young}, {{"stable", 1}, {"next", 3}});
  models["m"].wrong_labels.emplace("broken", data_error("'x' is not a version's number and a line end"));
  w.serve(models);
  const auto client = w.connect();
  client->hello();
  w.run();
  const auto welcome = client->take();
  REQUIRE(welcome.size() == 1);
  const auto* abilities = welcome[0].frame().message_as<wire::Welcome>()->capabilities();
  CHECK(std::any_of(abilities->begin(), abilities->end(),
                    [](const auto* ability) { return ability->str() == "labels"; }));
  client->open("m", 0, false, 1, "");
  client->open("m", 1, false, 2, "stable");
  client->open("m", 0, false, 3, "next");
  client->open("m", 0, false, 4, "broken");
  client->open("", 0, false, 5, "stable");
  w.run();
  CHECK(client->texts() == Texts{"Opened", "invalid: a version and a label, one of which is meant",
                                 "not_found: label 'next': no version 3 of model 'm'; there are: 1, 2",
                                 "not_found: label 'broken' of model 'm' can't be read: 'x' is not a "
                                 "version's number and a line end",
                                 "Opened"});
  const auto describe = [&](std::uint64_t version, const char* label) {
    auto& builder = client->maker().builder();
    const auto model = builder.CreateString("m"), its_label = builder.CreateString(label);
    client->send(client->maker().finish(6, wire::CreateDescribe(builder, model, version, its_label)));
    w.run();
    const auto replies = client->take();
    REQUIRE(replies.size() == 1);
    const auto* described = replies[0].frame().message_as<wire::Described>();
    return described == nullptr ? replies[0].text() : std::to_string(described->version());
  };
  CHECK(describe(0, "") == "2");
  CHECK(describe(0, "stable") == "1");
  CHECK(describe(1, "stable") == "invalid: a version and a label, one of which is meant");
  client->query(9, wire::What::models);
  w.run();
  const auto report = client->take();
  REQUIRE(report.size() == 1);
  CHECK_THAT(report[0].body, Catch::Contains(R"("labels":{"next":3,"stable":1})"));
  CHECK_THAT(report[0].body, Catch::Contains(R"("labels_not_served":{"broken":{"reason":"'x' is not)"));
}
