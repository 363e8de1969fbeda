#include "worker/training.hpp"

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <filesystem>
#include <fstream>

#include "../ensemble/table.hpp"
#include "../format/wire_messages.hpp"
#include "../model/models.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "train/options.hpp"

using namespace nn;
using namespace nn::worker;

namespace {

bool nn_train_is_there() {
  try {
    training_program();
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::vector<std::string> command(const TrainingRequest& request) {
  TrainingOptions options;
  options.program = "nn-train";
  options.folder = "/jobs";
  return training_command(options, request);
}

}  // namespace

TEST_CASE("a training's words are options of nn-train and nothing else") {
  const auto words = command({"m1", true, {"--layers=64,32", "--standardize", "--valid=0.1"}, "nn-train x"});
  const auto has = [&](const char* word) { return std::count(words.begin(), words.end(), word) == 1; };
  CHECK(words[1] == "-");
  CHECK(has("--checkpoint=/jobs/m1.ckpt"));
  CHECK(has("--resume"));
  CHECK(has("--layers=64,32"));
  CHECK(has("--command-line=nn-train x"));
  CHECK_FALSE(has("--from=/dev/fd/4"));
  const auto from = command({"m1", false, {"--freeze=dense_0", "--reset=dense_1"}, "nn-train x", true});
  for (const char* word : {"--from=/dev/fd/4", "--freeze=dense_0", "--reset=dense_1"})
    CHECK(std::count(from.begin(), from.end(), word) == 1);

  for (const char* bad : {"--output=/etc/passwd",
                          "-o/etc/passwd",
                          "-ox",
                          "--log=x",
                          "--from=x",
                          "--checkpoint=x",
                          "--resume",
                          "--device=cpu:0",
                          "--labels=/etc/passwd",
                          "--format=csv",
                          "--at=exec:sh",
                          "--valid=/etc/passwd",
                          "--valid",
                          "--token-file=x",
                          "/etc/passwd",
                          "",
                          "-",
                          "--",
                          "--lay",
                          "--layers 3",
                          "--members=9",
                          "--lr=0.1,0.2",
                          "--epochs=0",
                          "--activation=rellu",
                          "--schedule=cosine_restarts:cycles=3",
                          "--precision=bf16",
                          "--layers=3 --log=x",
                          "--command-line=x",
                          "--readers=9",
                          "--lr-find",
                          "--snapshots",
                          "--Layers=3",
                          "--=3"}) {
    INFO(bad);
    CHECK_THROWS_AS(command({"m1", false, {bad}, {}}), Error);
  }
}

TEST_CASE("a precision is judged by the worker's device") {
  TrainingOptions options;
  options.device = backend::parse_device("cuda:0");
  const auto words = training_command(options, {"m1", false, {"--precision=bf16"}, "nn-train x"});
  CHECK(words.back() == "--precision=bf16");
}

// A file's option that was defined as a text would be one of the worker's files.
TEST_CASE("no option that names something of this machine gets to a worker") {
  train::TrainOptions scratch;
  for (const options::Option& option : train::option_list(scratch)) {
    INFO(option.name);
    bool local = false;
    for (const char* word : {"FILE", "FOLDER", "PATH", "DEVICE", "ENDPOINT"}) {
      local = local || option.value.find(word) != std::string_view::npos;
    }
    if (local) CHECK((!may_travel(option) || option.name == "valid"));
  }
}

TEST_CASE("a training's name is no path") {
  for (const char* good : {"", "m1", "m1.nn", "A-b_c.9"}) {
    INFO(good);
    CHECK_NOTHROW(command({good, false, {}, {}}));
  }
  for (const std::string& bad :
       {std::string("../m1"), std::string("/m1"), std::string("a/b"), std::string("."), std::string(".."),
        std::string(".m1"), std::string("-m1"), std::string("m 1"), std::string("m\n1"),
        std::string("m\0a", 3), std::string("\xC3\xA4"), std::string(101, 'a')}) {
    INFO(bad);
    CHECK_THROWS_AS(command({bad, false, {}, {}}), Error);
  }
}

// Where the end of the stream was counted as written but not as waiting, nothing more was read of the
// client once its rows were there: it heard nothing, and gave up after half a minute.
TEST_CASE("a training that has all its rows waits for none") {
  if (!nn_train_is_there()) {
    WARN("skipped: no nn-train beside this test");
    return;
  }
  const test::Scratch scratch;
  auto [client, server] = socket_pair();
  asio::io_context io(1);
  const auto link = std::make_shared<protocol::FrameLink>(net::adopt_socket(io, std::move(server)), 1 << 20);
  TrainingOptions options;
  options.program = training_program();
  options.folder = scratch / ".";
  const auto training = std::make_shared<Training>(io, options, link, 1);
  bool ended = false, ended_first = false;
  training->start({"m1", false, {"--epochs=1000000000"}, {}}, [&](const auto&) {
    ended = true;
    link->close();
  });
  const Batch batch = test::Table().f32("a", {1, 2, 3}).category("y", {"u", "v"}, {0, 1, 0}).batch();
  format::MessageWriter writer(*batch.schema);
  writer.write(batch);
  training->take(writer.take().own, true);
  asio::steady_timer limit(io, std::chrono::seconds(20));
  limit.async_wait([&](const auto& cancelled) {
    if (!cancelled) training->stop(wire::Code::cancelled);
  });
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        co_await training->taken_down_to(0);
        ended_first = ended;
        limit.cancel();
        training->stop(wire::Code::cancelled);
      },
      asio::detached);
  io.run();
  CHECK(ended);
  CHECK_FALSE(ended_first);
}

TEST_CASE("rows-compressed: what the rows of a training may take is counted decompressed") {
  test::WireMessages rows;
  rows.schema([](auto& fbb) { return std::vector{test::WireMessages::texts(fbb)}; });
  rows.empty_texts(false, 200'000);  // 800 kB, from some hundred bytes
  REQUIRE(rows.buffer().size < 2000);
  asio::io_context io(1);
  TrainingOptions options;
  options.max_rows_bytes = 500'000;
  Training training(io, options, nullptr, 1);
  try {
    training.take(rows.buffer(), false);
    FAIL("they were taken");
  } catch (const Error& error) {
    CHECK_THAT(error.what(), Catch::Contains("over 500000 bytes of rows"));
  }
}
