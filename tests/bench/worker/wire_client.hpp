// A client of plain system calls, which does nothing else.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "format/arrow/messages.hpp"
#include "protocol/frame.hpp"

namespace nn::bench {

inline constexpr std::int64_t width = 64;

class Wire {
 public:
  explicit Wire(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail_errno(path);
  }
  void send(const std::string& bytes) { write_all(fd_.get(), std::as_bytes(std::span(bytes)), "worker"); }
  void receive(void* to, std::size_t bytes) {
    for (std::size_t have = 0; have < bytes;) {
      const ssize_t n = ::recv(fd_.get(), static_cast<char*>(to) + have, bytes - have, 0);
      if (n <= 0) fail(ErrorKind::io, "the worker hung up");
      have += static_cast<std::size_t>(n);
    }
  }
  // A frame's kind; its bytes are dropped.
  nn::wire::Message frame() {
    input_.resize(1 << 16);
    ssize_t have = ::recv(fd_.get(), input_.data(), input_.size(), 0);
    if (have < 24) fail(ErrorKind::io, "the worker hung up");
    std::uint32_t control = 0;
    std::uint64_t body = 0;
    std::memcpy(&control, input_.data() + 4, sizeof control);
    std::memcpy(&body, input_.data() + 8, sizeof body);
    size = 24 + control + body;
    if (static_cast<std::size_t>(have) < size)
      receive(input_.data() + have, size - static_cast<std::size_t>(have));
    return flatbuffers::GetRoot<nn::wire::Frame>(input_.data() + 24)->message_type();
  }
  int descriptor() const { return fd_.get(); }
  std::size_t size = 0;  // of the last frame

 private:
  UniqueFd fd_;
  std::vector<char> input_;
};

inline std::string bytes_of(const protocol::OutgoingFrame& frame) {
  std::string bytes = frame.head;
  frame.body.for_each([&](std::span<const std::byte> part) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  });
  return bytes;
}

inline std::shared_ptr<const Schema> table() {
  auto schema = std::make_shared<Schema>();
  Field field;
  field.name = "x";
  field.shape = {width};
  schema->fields.push_back(field);
  return schema;
}

inline Batch row() {
  Buffer values(width * sizeof(float));
  std::fill_n(values.as<float>(), width, 0.5f);
  return {table(), 0, 1, {make_column(std::move(values))}};
}

class RowClient {
 public:
  explicit RowClient(const std::string& path, const std::string& model = "") : wire(path), writer_(*table()) {
    auto& b = maker_.builder();
    wire.send(
        bytes_of(maker_.finish(0, nn::wire::CreateHello(b, protocol::protocol_version, 0, 0, 64u << 20))));
    wire.frame();
    wire.send(
        bytes_of(maker_.finish(0, nn::wire::CreateOpen(b, 1, b.CreateString(model), 0), writer_.take())));
    if (wire.frame() != nn::wire::Message::Opened) fail_data("the worker refuses the table");
    writer_.write(row());
    request = bytes_of(maker_.finish(1, nn::wire::CreatePredict(b, 1, 0), writer_.take()));
  }
  bool ask() {
    wire.send(request);
    return wire.frame() == nn::wire::Message::Answer;
  }
  Wire wire;
  std::string request;

 private:
  protocol::FrameMaker maker_;
  format::MessageWriter writer_;
};

}  // namespace nn::bench
