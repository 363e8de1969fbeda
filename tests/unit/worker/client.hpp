// A worker's client: the other end of a pair of sockets, in the same thread.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../ensemble/table.hpp"
#include "../serving/fake_servable.hpp"
#include "catch.hpp"
#include "protocol/frame.hpp"

namespace nn::test {

// A message that came from the worker.
struct Reply {
  std::string control;
  std::string body;
  const wire::Frame& frame() const { return *flatbuffers::GetRoot<wire::Frame>(control.data()); }
  std::uint64_t id() const { return frame().id(); }
  std::string text() const {
    const auto* failed = frame().message_as<wire::Failed>();
    return failed == nullptr
               ? wire::EnumNameMessage(frame().message_type())
               : std::string(wire::EnumNameCode(failed->code())) + ": " + failed->message()->str();
  }
};

// The other end of a connection.
class Client {
 public:
  explicit Client(UniqueFd fd) : fd_(std::move(fd)) {}

  void send(const protocol::OutgoingFrame& frame) { send_bytes(bytes_of(frame)); }
  void send_bytes(std::string_view bytes) {
    REQUIRE(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
            static_cast<ssize_t>(bytes.size()));
  }
  protocol::FrameMaker& maker() { return maker_; }

  void hello(const char* token = nullptr) {
    auto& builder = maker_.builder();
    const auto agent = builder.CreateString("test");
    flatbuffers::Offset<flatbuffers::String> secret;
    if (token != nullptr) secret = builder.CreateString(token);
    send(maker_.finish(0, wire::CreateHello(builder, protocol::protocol_version, agent, secret, 1 << 20)));
  }
  void open(std::string_view model, std::uint64_t version = 0, bool keep = false, std::uint32_t stream = 1,
            std::string_view label = {}) {
    expect(1000);
    const Batch rows = Table().f32("a", {0}).batch();
    rows_.emplace(*rows.schema);
    auto& builder = maker_.builder();
    const auto name = builder.CreateString(model), its_label = builder.CreateString(label);
    send(maker_.finish(1000, wire::CreateOpen(builder, stream, name, version, keep, its_label),
                       rows_->take()));
  }
  void predict(std::uint64_t id, std::vector<float> a, std::uint64_t deadline_us = 0,
               std::uint32_t stream = 1, std::string_view trace = {}) {
    expect(id);
    rows_->write(Table().f32("a", a).batch());
    auto& builder = maker_.builder();
    const auto words = trace.empty() ? 0 : builder.CreateString(trace);
    send(maker_.finish(id, wire::CreatePredict(builder, stream, deadline_us, words), rows_->take()));
  }
  void query(std::uint64_t id, wire::What what) {
    expect(id);
    send(maker_.finish(id, wire::CreateQuery(maker_.builder(), what)));
  }
  void load(std::uint64_t id, std::string_view model, std::uint64_t version) {
    expect(id);
    const auto name = maker_.builder().CreateString(model);
    send(maker_.finish(id, wire::CreateLoad(maker_.builder(), name, version)));
  }
  void cancel(std::uint64_t id) { send(maker_.finish(id, wire::CreateCancel(maker_.builder()))); }
  // Replies about a training are many, and not counted.
  void train(std::uint64_t id, std::string_view job) {
    const auto name = maker_.builder().CreateString(job);
    send(maker_.finish(id, wire::CreateTrain(maker_.builder(), name)));
  }

  // Rows of a training; false where the socket takes no more, or not all of them.
  bool try_rows(std::uint64_t id, const Batch& rows) {
    if (!rows_) rows_.emplace(*rows.schema);
    rows_->write(rows);
    const std::string bytes =
        bytes_of(maker_.finish(id, wire::CreateRows(maker_.builder(), false), rows_->take()));
    return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
           static_cast<ssize_t>(bytes.size());
  }

  // What has come since the last call.
  std::vector<Reply> take() {
    char bytes[65536];
    errno = 0;
    for (ssize_t n; listens() && (n = ::recv(fd_.get(), bytes, sizeof bytes, MSG_DONTWAIT)) >= 0;) {
      if (n == 0) {
        ended_ = true;
        break;
      }
      input_.append(bytes, static_cast<std::size_t>(n));
    }
    if (fd_ && errno == ECONNRESET) ended_ = true;
    std::vector<Reply> replies;
    while (input_.size() >= 24) {
      std::uint32_t control = 0;
      std::uint64_t body = 0;
      std::memcpy(&control, input_.data() + 4, sizeof control);
      std::memcpy(&body, input_.data() + 8, sizeof body);
      if (input_.size() < 24 + control + body) break;
      replies.push_back({input_.substr(24, control), input_.substr(24 + control, body)});
      const std::string text = replies.back().text();
      if (text == "Opened" || text == "Answer") stream_.push_back(replies.back());
      const auto found = requests_.find(replies.back().id());
      if (found != requests_.end()) ++found->second.replies;
      input_.erase(0, 24 + control + body);
    }
    return replies;
  }
  // Their texts, for comparing.
  std::vector<std::string> texts() {
    std::vector<std::string> out;
    for (const Reply& reply : take()) out.push_back(reply.text());
    return out;
  }
  bool ended() {
    take();
    return ended_;
  }
  void hang_up() { fd_.reset(); }
  // From here on it takes nothing that comes.
  void stop_reading() { stuck_ = true; }

  // What the answers that were taken say, by the requests' numbers; and these in the answers' order.
  std::map<std::uint64_t, std::vector<float>> values() const {
    std::map<std::uint64_t, std::vector<float>> out;
    format::MessageReader reader("answers", {1 << 20});
    for (const Reply& reply : stream_) {
      const auto batch = reader.read(protocol::message_of_bytes(reply.body).own);
      if (batch) out[reply.id()] = values_of(*batch);
    }
    return out;
  }
  std::vector<std::uint64_t> order() const {
    std::vector<std::uint64_t> out;
    for (const Reply& reply : stream_) {
      if (reply.text() == "Answer") out.push_back(reply.id());
    }
    return out;
  }

  // What was asked for, by its number, and how often it was answered so far.
  struct Request {
    int sent = 0, replies = 0;
  };
  const std::map<std::uint64_t, Request>& requests() const { return requests_; }
  bool listens() const { return fd_ && !ended_ && !stuck_; }

 private:
  static std::string bytes_of(const protocol::OutgoingFrame& frame) {
    std::string bytes = frame.head;
    frame.body.for_each([&](std::span<const std::byte> part) {
      bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
    });
    return bytes;
  }
  void expect(std::uint64_t id) { ++requests_[id].sent; }

  UniqueFd fd_;
  protocol::FrameMaker maker_;
  std::optional<format::MessageWriter> rows_;
  std::string input_;
  std::vector<Reply> stream_;  // of its only stream
  std::map<std::uint64_t, Request> requests_;
  bool ended_ = false, stuck_ = false;
};

}  // namespace nn::test
