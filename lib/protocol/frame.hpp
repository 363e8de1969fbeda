// Frames of the protocol between worker and client (schemas/protocol.fbs) on a socket. For this
// module only: it sees Asio and the generated schema.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/checksum.hpp"
#include "base/error.hpp"
#include "format/arrow/messages.hpp"
#include "format/buffer_pool.hpp"
#include "net/socket.hpp"
#include "net/timer.hpp"
#include "protocol/byte_budget.hpp"
#include "protocol_generated.h"

namespace nn::protocol {

inline constexpr std::uint16_t protocol_version = 1;
inline constexpr std::size_t max_control = 16 << 10;

// Errors on the wire, and back: its kind, what its message and where() say to others, its advice.
wire::Code code_of(ErrorKind kind);
Error error_of(const wire::Failed& failed);

// A frame to be sent: prefix and control message, then the body.
struct OutgoingFrame {
  std::string head;
  format::OutgoingMessages body;
  std::size_t size() const { return head.size() + body.size(); }
};

// A body of these bytes.
format::OutgoingMessages message_of_bytes(std::string_view bytes);

// Builds control messages. One thread.
class FrameMaker {
 public:
  flatbuffers::FlatBufferBuilder& builder() { return builder_; }
  // The message made with builder().
  template <typename T>
  OutgoingFrame finish(std::uint64_t id, flatbuffers::Offset<T> message, format::OutgoingMessages body = {}) {
    return finish(id, wire::MessageTraits<T>::enum_value, message.Union(), std::move(body));
  }
  // A message that names no option of a command line; `advice` may.
  OutgoingFrame failed(std::uint64_t id, wire::Code code, std::string_view message,
                       std::string_view advice = {});
  // The error without what is local to this machine.
  OutgoingFrame failed(std::uint64_t id, wire::Code code, const Error& error);
  OutgoingFrame report(std::uint64_t id, std::string_view json);

 private:
  OutgoingFrame finish(std::uint64_t id, wire::Message type, flatbuffers::Offset<void> message,
                       format::OutgoingMessages body);
  flatbuffers::FlatBufferBuilder builder_{512};
};

struct IncomingFrame {
  const wire::Frame* frame = nullptr;  // verified; good until the next read
  format::MessageBuffer body;
  template <typename T>
  const T* as() const {
    return frame->message_as<T>();
  }
};

// One connection. All calls in the thread of its io_context; a shared_ptr keeps it while a
// read or a write is under way.
class FrameLink : public std::enable_shared_from_this<FrameLink> {
 public:
  // `alert`, once it isn't empty, says why the connection ended.
  FrameLink(net::Socket socket, std::uint64_t max_frame, std::shared_ptr<const std::string> alert = nullptr);

  // Messages have no bodies yet: it is not known whose they are.
  void refuse_bodies(bool refuse) { no_bodies_ = refuse; }
  // What large bodies take from now on: of `own` first, which nobody else has, then of `all`. Reading waits
  // where they have none left; a body holds its share as long as anybody holds its memory.
  void set_budgets(std::shared_ptr<ByteBudget> own, std::shared_ptr<ByteBudget> all);
  // Bodies come into memory of this pool, which connections may share.
  void set_pool(format::BufferPool pool) { bodies_ = std::move(pool); }
  // Since when a body that holds a share has been coming, and how large it is; 0 without one.
  std::uint64_t coming_bytes() const { return coming_; }
  Clock::time_point coming_since() const { return coming_since_; }

  // The next frame; false at the end, also after close(). Data errors for what is not a frame or
  // is over the limits, io errors for a connection that breaks, unavailable ones for a frame that
  // was changed on its way.
  asio::awaitable<bool> read(IncomingFrame& out);

  // Queues the frame; all that are queued go out together. Where the other side takes no more,
  // read() says so, once what came before is read.
  void send(OutgoingFrame frame);
  bool all_sent() const { return queue_.empty() && sending_.empty(); }
  // Called each time that nothing is left to send.
  void on_all_sent(std::function<void()> action) { on_all_sent_ = std::move(action); }
  // Waits until at most so many bytes are to be sent, or the connection is closed.
  asio::awaitable<void> sent_down_to(std::uint64_t bytes);

  void close();
  bool closed() const { return closed_; }
  // Once everything is sent, and has arrived as far as can be known; later frames are dropped.
  // Not to be read any more.
  void close_when_sent();
  bool closing() const { return closed_ || closing_; }

  Clock::time_point last_activity() const { return last_activity_; }  // bytes came or went
  Clock::time_point last_received() const { return last_received_; }
  std::uint64_t unsent_bytes() const { return unsent_; }
  std::uint64_t received_bytes() const { return received_; }
  std::uint64_t sent_bytes() const { return sent_; }
  FrameMaker& maker() { return maker_; }

 private:
  asio::awaitable<void> take_budget(std::uint64_t bytes);
  asio::awaitable<bool> fill(std::size_t bytes);
  format::MessageBuffer begin_body(std::size_t size, std::size_t& have);
  asio::awaitable<void> read_rest(std::size_t have, Checksum& sum);
  void write_on();
  void hang_up();
  void limit_end();
  asio::awaitable<void> linger();

  net::Socket socket_;
  net::Timer sent_some_, end_limit_;
  std::uint64_t max_frame_;
  std::shared_ptr<const std::string> alert_;
  Buffer input_;
  std::size_t begin_ = 0, end_ = 0;  // of what was read and not used yet
  Buffer control_;
  format::BufferPool bodies_;
  std::span<std::byte> rest_;  // the body that is being read
  std::shared_ptr<ByteBudget> own_budget_, all_budget_;
  ByteBudget::Share own_share_, all_share_;  // of the body that begins
  std::uint64_t coming_ = 0;
  bool no_bodies_ = false;
  std::vector<OutgoingFrame> queue_, sending_;
  std::uint64_t unsent_ = 0, received_ = 0, sent_ = 0;
  std::function<void()> on_all_sent_;
  bool closed_ = false, closing_ = false;
  Clock& clock_;
  Clock::time_point last_activity_, last_received_, coming_since_;
  FrameMaker maker_;
};

}  // namespace nn::protocol
