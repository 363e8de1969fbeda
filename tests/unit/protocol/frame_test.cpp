#include "protocol/frame.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstring>

#include "../ensemble/table.hpp"
#include "base/random.hpp"
#include "catch.hpp"
#include "checksums.hpp"

using namespace nn;
using namespace nn::protocol;

namespace {

std::string bytes_of(const OutgoingFrame& frame) {
  std::string bytes = frame.head;
  frame.body.for_each([&](std::span<const std::byte> part) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  });
  return bytes;
}

struct Received {
  std::vector<std::pair<std::uint64_t, format::MessageBuffer>> frames;
  std::string error;
};

// What a link reads from a connection on which these bytes come, and then its end.
Received receive(const std::string& bytes, std::uint64_t max_frame = 1 << 20) {
  auto [writer, reader] = socket_pair();
  asio::io_context io(1);
  const auto link = std::make_shared<FrameLink>(net::adopt_socket(io, std::move(reader)), max_frame);
  REQUIRE(::send(writer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
  writer.reset();
  Received received;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        try {
          IncomingFrame in;
          while (co_await link->read(in)) received.frames.emplace_back(in.frame->id(), in.body);
        } catch (const Error& error) {
          received.error = error.what();
        }
      },
      asio::detached);
  io.run();
  return received;
}

std::string two_frames() {
  FrameMaker maker;
  const Batch batch = test::Table(7).f32("a", {1, 2, 3}).category("c", {"x", "y"}, {0, 1, 0}).batch();
  format::MessageWriter writer(*batch.schema);
  auto& b = maker.builder();
  std::string bytes =
      bytes_of(maker.finish(1, wire::CreateOpen(b, 5, b.CreateString("digits"), 3), writer.take()));
  writer.write(batch);
  return bytes + bytes_of(maker.finish(2, wire::CreatePredict(b, 5, 1000), writer.take()));
}

}  // namespace

TEST_CASE("frames arrive as they were sent, and their bodies are a stream in pieces") {
  const Received received = receive(two_frames());
  CHECK(received.error.empty());
  REQUIRE(received.frames.size() == 2);
  CHECK(received.frames[1].first == 2);
  format::MessageReader reader("test");
  CHECK_FALSE(reader.read(received.frames[0].second));
  const auto batch = reader.read(received.frames[1].second);
  REQUIRE(batch);
  CHECK(batch->first_row == 7);
  CHECK(batch->columns[0].as<float>()[2] == 3);
  CHECK((*batch->columns[1].dictionary)[1] == "y");
}

TEST_CASE("large columns are sent from where they are, and nothing else is") {
  const Batch batch = test::Table()
                          .f32("a", std::vector<float>(20000, 1.5f))
                          .f32("b", std::vector<float>(20000, 2.5f))
                          .batch();
  format::MessageWriter writer(*batch.schema);
  writer.take();
  writer.write(batch);
  const format::OutgoingMessages piece = writer.take();
  REQUIRE(piece.columns.size() == 2);
  CHECK(piece.columns[0].bytes.data() == batch.columns[0].data);
  CHECK(piece.own.size < 1024);
  CHECK(piece.size() == piece.own.size + 160000);
}

TEST_CASE("a connection that ends within a frame is an error, wherever it ends") {
  const std::string bytes = two_frames();
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    const Received received = receive(bytes.substr(0, size));
    INFO(size);
    if (received.frames.size() == 1 && received.error.empty()) continue;  // between the two
    CHECK(received.error == "the connection ended within a message");
  }
}

TEST_CASE("a frame with changed bytes is refused") {
  const std::string bytes = two_frames();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] ^= 0x10;
    INFO(at);
    const Received received = receive(changed);
    CHECK_FALSE(received.error.empty());
    CHECK(received.frames.size() < 2);
  }
}

TEST_CASE("bytes that somebody chose are an error or another message, never more") {
  const std::string bytes = two_frames();
  RandomStream random(1, RandomUse::shuffle, 0);
  const auto below = [&](std::size_t n) {
    return static_cast<std::size_t>(random.uniform() * static_cast<double>(n));
  };
  for (int i = 0; i < 3000; ++i) {
    std::string changed = bytes;
    for (std::size_t n = 1 + below(4); n > 0; --n)
      changed[below(changed.size())] = static_cast<char>(below(256));
    const Received received = receive(test::with_checksums(changed));
    format::MessageReader reader("test");
    for (const auto& [id, body] : received.frames) {
      try {
        const auto batch = reader.read(body);
        if (batch && batch->rows > 0 && !batch->columns.empty() &&
            batch->schema->fields[0].type == DType::f32) {
          CHECK(batch->columns[0].data != nullptr);
        }
      } catch (const Error&) {
        break;
      }
    }
  }
}

TEST_CASE("limits hold before memory is taken") {
  FrameMaker maker;
  const std::string query = bytes_of(maker.finish(1, wire::CreateQuery(maker.builder(), wire::What::health)));
  std::string huge = query;
  const std::uint64_t body = std::uint64_t{1} << 60;
  std::memcpy(huge.data() + 8, &body, sizeof body);
  CHECK_THAT(receive(huge).error, Catch::Contains("over the limit of"));
  std::string control = query;
  const std::uint32_t length = max_control + 1;
  std::memcpy(control.data() + 4, &length, sizeof length);
  CHECK_THAT(receive(control).error, Catch::Contains("control message"));
  CHECK(receive("GET / HTTP/1.0\r\n\r\n").error == "not the protocol of nn-worker");
}

Error there_and_back(wire::Code code, const Error& error) {
  FrameMaker maker;
  const std::string frame = maker.failed(1, code, error).head;
  constexpr std::size_t prefix = 24;
  const auto* control = reinterpret_cast<const std::uint8_t*>(frame.data() + prefix);
  return error_of(*flatbuffers::GetRoot<wire::Frame>(control)->message_as<wire::Failed>());
}

TEST_CASE("failures keep what to do about them") {
  for (const ErrorKind kind : {ErrorKind::data, ErrorKind::unavailable, ErrorKind::unsupported,
                               ErrorKind::device, ErrorKind::internal}) {
    CHECK(there_and_back(code_of(kind), Error(kind, "why")).kind() == kind);
  }
  CHECK(there_and_back(wire::Code::draining, data_error("")).kind() == ErrorKind::unavailable);
  CHECK(there_and_back(wire::Code::not_found, data_error("")).kind() == ErrorKind::data);
}

TEST_CASE("clients get message and advice apart, and no paths of the worker's machine") {
  const Error error = data_error("the table has no column 'a'")
                          .advise("; is --no-header missing?")
                          .within("row 3")
                          .within_file("/srv/models/m.nn");
  const Error client = there_and_back(wire::Code::invalid, error);
  CHECK(client.message() == "row 3: the table has no column 'a'");
  CHECK(client.advice() == "is --no-header missing?");
  CHECK(client.joined_advice() == "; is --no-header missing?");
  CHECK(client.where().empty());
}
