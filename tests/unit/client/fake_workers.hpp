// Workers that are ends of socket pairs, in the test's thread, with a clock that stands still: each greets,
// opens streams, and keeps the requests until a test says what becomes of them.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../ensemble/table.hpp"
#include "../manual_clock.hpp"
#include "base/file.hpp"
#include "catch.hpp"
#include "client/connection.hpp"
#include "predict/predictions.hpp"

namespace nn::test {

class FakeWorker {
 public:
  struct Request {
    std::uint64_t id;
    std::uint32_t stream;
    std::vector<float> a;  // its rows
    std::uint64_t deadline_us;
    std::string trace;
  };

  explicit FakeWorker(asio::io_context& io) : io_(io) {}

  // A new connection, as the client opens it.
  std::shared_ptr<protocol::FrameLink> connect() {
    ++attempts;
    if (!reachable) fail(ErrorKind::unavailable, "nobody listens");
    auto [ours, theirs] = socket_pair();
    fd_ = std::move(ours);
    input_.clear();
    readers_.clear();
    writers_.clear();
    requests.clear();
    return std::make_shared<protocol::FrameLink>(net::adopt_socket(io_, std::move(theirs)), 1 << 20);
  }

  // Reads what has come, and says what it says to anybody.
  void run() {
    if (!fd_) return;
    char bytes[65536];
    for (ssize_t n; (n = ::recv(fd_.get(), bytes, sizeof bytes, MSG_DONTWAIT)) > 0;) {
      input_.append(bytes, static_cast<std::size_t>(n));
    }
    while (take_frame()) {
    }
  }

  // The request's rows as its answer, plus `more`; of which only a reply to it may be sent again.
  void answer(const Request& request, float more = 0, bool forget = true) {
    std::vector<float> values = request.a;
    for (float& value : values) value += more;
    const Batch rows = Table().f32("a", values).batch();
    Buffer outputs(values.size() * sizeof(float));
    std::memcpy(outputs.data(), values.data(), outputs.size());
    auto& writer = writers_.at(request.stream);
    writer.write(predict::PredictionBuilder(kind, Schema{}, false, {})
                     .build(rows, std::move(outputs), nullptr, nullptr));
    send(maker_.finish(request.id, wire::CreateAnswer(maker_.builder(), version), writer.take()));
    if (forget) drop(request.id);
  }
  // All that wait, in their order.
  std::size_t answer_all(float more = 0) {
    const std::vector<Request> waiting = requests;
    for (const Request& request : waiting) answer(request, more);
    return waiting.size();
  }
  void refuse(std::uint64_t id, wire::Code code, std::string_view why = "no") {
    send(maker_.failed(id, code, why));
    drop(id);
  }
  void goodbye() { send(maker_.finish(0, wire::CreateGoodbye(maker_.builder()))); }
  void send_bytes(std::string_view bytes) {
    REQUIRE(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
            static_cast<ssize_t>(bytes.size()));
  }
  void hang_up() {
    fd_.reset();
    requests.clear();
  }

  // How it behaves.
  bool reachable = true, greets = true, opens = true, lives = true;
  std::optional<std::pair<wire::Code, std::string>> refuses_to_open;
  predict::PredictionKind kind{false, false, {}, {}};
  std::vector<std::string> abilities = {"predict", "keep", "describe"};
  std::string digest = "d1";
  std::uint64_t version = 1;
  std::string offers = "[]";  // what it says of its models

  // What came.
  int attempts = 0;
  std::vector<Request> requests;  // without a reply yet
  std::vector<std::uint64_t> cancelled, opened_versions;
  std::vector<std::string> opened_models, opened_labels, described_models;
  std::vector<std::uint32_t> closed;

 private:
  bool take_frame() {
    if (input_.size() < 24) return false;
    std::uint32_t control = 0;
    std::uint64_t body = 0;
    std::memcpy(&control, input_.data() + 4, sizeof control);
    std::memcpy(&body, input_.data() + 8, sizeof body);
    if (input_.size() < 24 + control + body) return false;
    const std::string message = input_.substr(24, control);
    auto memory = std::make_shared<Buffer>(body);
    std::memcpy(memory->data(), input_.data() + 24 + control, body);
    input_.erase(0, 24 + control + body);
    take(*flatbuffers::GetRoot<wire::Frame>(message.data()), {std::move(memory), body});
    return true;
  }
  void take(const wire::Frame& frame, const format::MessageBuffer& body) {
    auto& builder = maker_.builder();
    if (frame.message_as<wire::Hello>() != nullptr && greets) {
      const auto can = builder.CreateVectorOfStrings(abilities);
      send(maker_.finish(frame.id(),
                         wire::CreateWelcome(builder, protocol::protocol_version, 0, 0, 1 << 20, 0, can)));
    } else if (const auto* describe = frame.message_as<wire::Describe>()) {
      described_models.push_back(flatbuffers::GetString(describe->model()));
      format::MessageWriter inputs(*Table().f32("a", {0}).batch().schema);
      send(maker_.finish(frame.id(), wire::CreateDescribed(builder, version, builder.CreateString(digest)),
                         inputs.take()));
    } else if (const auto* open = frame.message_as<wire::Open>()) {
      opened_versions.push_back(open->version());
      opened_models.push_back(flatbuffers::GetString(open->model()));
      opened_labels.push_back(flatbuffers::GetString(open->label()));
      if (refuses_to_open) {
        send(maker_.failed(frame.id(), refuses_to_open->first, refuses_to_open->second));
      } else if (opens) {
        const auto schema = predict::PredictionBuilder(kind, Schema{}, false, {}).schema();
        readers_.try_emplace(open->stream(), "request").first->second.read(body);
        auto& writer = writers_.try_emplace(open->stream(), *schema).first->second;
        send(maker_.finish(frame.id(), wire::CreateOpened(builder, version, builder.CreateString(digest)),
                           writer.take()));
      }
    } else if (const auto* predict = frame.message_as<wire::Predict>()) {
      const auto batch = readers_.at(predict->stream()).read(body);
      const float* a = batch->columns[0].as<float>();
      requests.push_back({frame.id(),
                          predict->stream(),
                          {a, a + batch->rows},
                          predict->deadline_us(),
                          flatbuffers::GetString(predict->trace())});
    } else if (frame.message_as<wire::Cancel>() != nullptr) {
      cancelled.push_back(frame.id());
    } else if (const auto* close = frame.message_as<wire::Close>()) {
      closed.push_back(close->stream());
    } else if (const auto* query = frame.message_as<wire::Query>(); query != nullptr && lives) {
      send(maker_.report(frame.id(), query->what() == wire::What::models ? offers : "{}"));
    }
  }
  void send(const protocol::OutgoingFrame& frame) {
    std::string bytes = frame.head;
    frame.body.for_each([&](std::span<const std::byte> part) {
      bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
    });
    if (fd_) send_bytes(bytes);
  }
  void drop(std::uint64_t id) {
    std::erase_if(requests, [id](const Request& request) { return request.id == id; });
  }

  asio::io_context& io_;
  UniqueFd fd_;
  std::string input_;
  protocol::FrameMaker maker_;
  std::map<std::uint32_t, format::MessageReader> readers_;
  std::map<std::uint32_t, format::MessageWriter> writers_;
};

// Several of them, and a client's connections to them.
class FakeWorkers {
 public:
  explicit FakeWorkers(std::size_t count) {
    net::set_clock(io, clock);
    clock.between([this] { run(); });
    for (std::size_t w = 0; w < count; ++w) {
      workers.push_back(std::make_unique<FakeWorker>(io));
      connections.push_back(connect(w));
    }
  }
  ~FakeWorkers() {
    for (const auto& connection : connections) connection->stop();
    run();
  }
  FakeWorker& operator[](std::size_t w) { return *workers[w]; }

  // Another connection to a worker, as the first.
  std::shared_ptr<client::Connection> connect(std::size_t w, client::ConnectionOptions options = {}) {
    options.endpoint = net::parse_endpoint("unix:/" + std::string(1, static_cast<char>('a' + w)));
    options.open = [worker = workers[w].get()](
                       net::Transport&) -> asio::awaitable<std::shared_ptr<protocol::FrameLink>> {
      co_return worker->connect();
    };
    return std::make_shared<client::Connection>(io, std::move(options));
  }
  void start() {
    for (const auto& connection : connections) connection->start();
    run();
  }
  // Everything that can be done without waiting, on both sides.
  void run() {
    for (int turn = 0; turn < 8; ++turn) {
      io.restart();
      io.poll();
      for (const auto& worker : workers) worker->run();
    }
  }
  void pass(Clock::duration time) {
    clock.advance(time);
    run();
  }

  ManualClock clock;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::vector<std::unique_ptr<FakeWorker>> workers;
  std::vector<std::shared_ptr<client::Connection>> connections;
};

inline std::vector<float> values_of(const client::RemoteAnswer& answer) {
  return {answer.values, answer.values + answer.batch.rows};
}

}  // namespace nn::test
