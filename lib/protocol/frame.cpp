#include "protocol/frame.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <utility>

#include "base/text.hpp"
#include "net/no_throw.hpp"

namespace nn::protocol {
namespace {

constexpr std::array<char, 4> magic = {'n', 'n', 'w', '1'};
constexpr std::size_t prefix_bytes = 24;
constexpr std::size_t input_bytes = 64 << 10;    // what a read takes at most, besides large bodies
constexpr std::size_t piece_bytes = 64 << 10;    // of a body that are read at once: others take turns
constexpr std::uint64_t small_body = 128 << 10;  // that needs no share of a budget
constexpr std::size_t most_together = 32;        // frames of a write
constexpr std::chrono::seconds longest_linger{2};
constexpr std::chrono::seconds longest_end{20};  // of a connection that is to be closed, without progress
using net::no_throw;

struct Prefix {
  std::array<char, 4> magic;
  std::uint32_t control;
  std::uint64_t body;
  std::uint64_t checksum;
};
static_assert(sizeof(Prefix) == prefix_bytes);

// A line that changes bytes is rare, and answers from it are worse.
std::uint64_t checksum_of(std::span<const std::byte> control, const format::OutgoingMessages& body) {
  Checksum sum;
  sum.add(control);
  body.for_each([&](std::span<const std::byte> part) { sum.add(part); });
  return sum.value();
}

bool is_end(const boost::system::error_code& error) {
  return error == asio::error::eof || error == asio::error::operation_aborted ||
         error == asio::error::bad_descriptor;
}

ErrorKind kind_of(wire::Code code) {
  switch (code) {
    case wire::Code::busy:
    case wire::Code::deadline:
    case wire::Code::draining:
    case wire::Code::cancelled: return ErrorKind::unavailable;
    case wire::Code::device: return ErrorKind::device;
    case wire::Code::unsupported: return ErrorKind::unsupported;
    case wire::Code::internal: return ErrorKind::internal;
    default: return ErrorKind::data;
  }
}

}  // namespace

wire::Code code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
    case ErrorKind::data: return wire::Code::invalid;
    case ErrorKind::unavailable: return wire::Code::busy;
    case ErrorKind::unsupported: return wire::Code::unsupported;
    case ErrorKind::device: return wire::Code::device;  // others can answer
    default: return wire::Code::internal;
  }
}

Error error_of(const wire::Failed& failed) {
  const auto text_of = [](const flatbuffers::String* text) {
    return printable(flatbuffers::GetStringView(text), 1000);
  };
  return Error(kind_of(failed.code()), text_of(failed.message())).advise("{}", text_of(failed.advice()));
}

format::OutgoingMessages message_of_bytes(std::string_view bytes) {
  auto memory = std::make_shared<Buffer>(std::max<std::size_t>(bytes.size(), 1));
  std::memcpy(memory->data(), bytes.data(), bytes.size());
  return {{std::move(memory), bytes.size()}, {}};
}

OutgoingFrame FrameMaker::finish(std::uint64_t id, wire::Message type, flatbuffers::Offset<void> message,
                                 format::OutgoingMessages body) {
  builder_.Finish(wire::CreateFrame(builder_, id, type, message));
  const std::span control(reinterpret_cast<const std::byte*>(builder_.GetBufferPointer()),
                          builder_.GetSize());
  const Prefix prefix{magic, builder_.GetSize(), body.size(), checksum_of(control, body)};
  OutgoingFrame out;
  out.head.reserve(prefix_bytes + builder_.GetSize());
  out.head.append(reinterpret_cast<const char*>(&prefix), prefix_bytes);
  out.head.append(reinterpret_cast<const char*>(builder_.GetBufferPointer()), builder_.GetSize());
  out.body = std::move(body);
  builder_.Clear();
  return out;
}

OutgoingFrame FrameMaker::failed(std::uint64_t id, wire::Code code, std::string_view message,
                                 std::string_view advice) {
  constexpr std::size_t longest = 2000;
  const auto text = builder_.CreateString(message.substr(0, longest));
  flatbuffers::Offset<flatbuffers::String> more;
  if (!advice.empty()) more = builder_.CreateString(advice.substr(0, longest));
  return finish(id, wire::CreateFailed(builder_, code, text, more));
}

OutgoingFrame FrameMaker::failed(std::uint64_t id, wire::Code code, const Error& error) {
  return failed(id, code, error.public_statement(), error.joined_advice());
}

OutgoingFrame FrameMaker::report(std::uint64_t id, std::string_view json) {
  return finish(id, wire::CreateReport(builder_), message_of_bytes(json));
}

FrameLink::FrameLink(net::Socket socket, std::uint64_t max_frame, std::shared_ptr<const std::string> alert)
    : socket_(std::move(socket)),
      sent_some_(socket_.get_executor()),
      end_limit_(socket_.get_executor()),
      max_frame_(max_frame),
      alert_(std::move(alert)),
      input_(input_bytes),
      control_(max_control),
      clock_(net::clock_of(socket_.get_executor())),
      last_activity_(clock_.now()),
      last_received_(last_activity_) {}

void FrameLink::set_budgets(std::shared_ptr<ByteBudget> own, std::shared_ptr<ByteBudget> all) {
  own_budget_ = std::move(own);
  all_budget_ = std::move(all);
}

asio::awaitable<void> FrameLink::take_budget(std::uint64_t bytes) {
  own_share_ = co_await own_budget_->take(bytes);
  all_share_ = co_await all_budget_->take(bytes);
  coming_ = bytes;
  coming_since_ = clock_.now();
}

// Makes sure of so many unused bytes in input_; false where the connection ends before the first.
asio::awaitable<bool> FrameLink::fill(std::size_t bytes) {
  if (input_.size() - begin_ < bytes) {
    std::memmove(input_.data(), input_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  while (end_ - begin_ < bytes) {
    const auto room = input_.bytes().subspan(end_);
    auto [error, n] = co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), no_throw);
    if (error && alert_ && !alert_->empty()) fail_data("the other side ended TLS: {}", *alert_);
    if (closed_ || (is_end(error) && begin_ == end_)) co_return false;
    if (is_end(error)) fail(ErrorKind::io, "the connection ended within a message");
    if (error) fail(ErrorKind::io, "{}", error.message());
    end_ += n;
    received_ += n;
    last_activity_ = last_received_ = clock_.now();
  }
  co_return true;
}

// Begins a body with the bytes that are there already; the rest, from `have` on, is for read_rest().
format::MessageBuffer FrameLink::begin_body(std::size_t size, std::size_t& have) {
  have = std::min(size, end_ - begin_);
  if (size == 0) return {};
  auto memory = bodies_.get(size);
  if (all_share_) {
    auto* bytes = memory.get();
    memory = {bytes, [memory, own = std::move(own_share_), all = std::move(all_share_)](Buffer*) {}};
  }
  std::memcpy(memory->data(), input_.data() + begin_, have);
  begin_ += have;
  if (begin_ == end_) begin_ = end_ = 0;
  rest_ = memory->bytes().first(size);
  return {std::move(memory), size};
}

// Adds them to the checksum while they are in the cache.
asio::awaitable<void> FrameLink::read_rest(std::size_t have, Checksum& sum) {
  while (have < rest_.size()) {
    const auto room = rest_.subspan(have, std::min(rest_.size() - have, piece_bytes));
    auto [error, n] = co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), no_throw);
    if (error) fail(ErrorKind::io, "the connection ended within a message");
    sum.add(room.first(n));
    have += n;
    received_ += n;
    last_activity_ = last_received_ = clock_.now();
  }
}

// Small frames come whole: what is there already is taken without another coroutine.
asio::awaitable<bool> FrameLink::read(IncomingFrame& out) {
  out = {};
  if (end_ - begin_ < magic.size() && !co_await fill(magic.size())) co_return false;
  if (std::memcmp(input_.data() + begin_, magic.data(), magic.size()) != 0) {
    fail_data("not the protocol of nn-worker");
  }
  if (end_ - begin_ < prefix_bytes && !co_await fill(prefix_bytes)) co_return false;
  Prefix prefix{};
  std::memcpy(&prefix, input_.data() + begin_, prefix_bytes);
  if (prefix.control > max_control) {
    fail_data("a control message of {} bytes; the limit is {}", prefix.control, max_control);
  }
  if (prefix.body > max_frame_) {
    throw data_error("a message of {} bytes is over the limit of {} bytes", prefix.body, max_frame_)
        .advise(format::max_frame_advice);
  }
  if (no_bodies_ && prefix.body > 0) fail_data("the connection does not begin with a greeting");
  begin_ += prefix_bytes;
  if (end_ - begin_ < prefix.control && !co_await fill(prefix.control)) {
    if (closed_) co_return false;
    fail(ErrorKind::io, "the connection ended within a message");
  }
  std::memcpy(control_.data(), input_.data() + begin_, prefix.control);
  begin_ += prefix.control;
  std::size_t have = 0;
  if (prefix.body > small_body && all_budget_) co_await take_budget(prefix.body);
  out.body = begin_body(prefix.body, have);
  Checksum sum;
  sum.add(control_.bytes().first(prefix.control));
  sum.add(out.body.bytes().first(have));
  if (have < prefix.body) co_await read_rest(have, sum);
  coming_ = 0;
  if (sum.value() != prefix.checksum) {
    fail(ErrorKind::unavailable, "a message was changed on its way: its checksum differs");
  }
  flatbuffers::Verifier verifier(control_.as<std::uint8_t>(), prefix.control, 16, 4096);
  if (!verifier.VerifyBuffer<wire::Frame>(nullptr)) fail_data("a corrupt message");
  out.frame = flatbuffers::GetRoot<wire::Frame>(control_.data());
  if (out.frame->message() == nullptr) fail_data("a message of an unknown kind");
  co_return !closed_;
}

void FrameLink::send(OutgoingFrame frame) {
  if (closed_ || closing_) return;
  unsent_ += frame.size();
  queue_.push_back(std::move(frame));
  if (sending_.empty()) write_on();
}

void FrameLink::write_on() {
  const std::size_t count = std::min(queue_.size(), most_together);
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
  sending_.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  std::vector<asio::const_buffer> buffers;
  buffers.reserve(2 * count);
  for (const OutgoingFrame& frame : sending_) {
    buffers.emplace_back(frame.head.data(), frame.head.size());
    frame.body.for_each([&](std::span<const std::byte> part) {
      if (!part.empty()) buffers.emplace_back(part.data(), part.size());
    });
  }
  asio::async_write(socket_, buffers,
                    [self = shared_from_this()](const boost::system::error_code& error, std::size_t n) {
                      self->sending_.clear();
                      self->unsent_ -= n;
                      self->sent_ += n;
                      self->last_activity_ = self->clock_.now();
                      self->sent_some_.cancel();
                      if (error) {  // what was queued goes nowhere
                        self->queue_.clear();
                        self->unsent_ = 0;
                      }
                      if (!self->queue_.empty()) {
                        if (self->closing_) self->limit_end();
                        return self->write_on();
                      }
                      self->end_limit_.cancel();
                      if (self->closing_) self->hang_up();
                      if (self->on_all_sent_) self->on_all_sent_();
                    });
}

asio::awaitable<void> FrameLink::sent_down_to(std::uint64_t bytes) {
  while (unsent_ > bytes && !closed_) {
    sent_some_.expires_at(Clock::time_point::max());
    co_await sent_some_.wait();
  }
}

void FrameLink::close() {
  if (closed_) return;
  closed_ = true;
  queue_.clear();
  sent_some_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void FrameLink::close_when_sent() {
  if (std::exchange(closing_, true)) return;
  all_sent() ? hang_up() : limit_end();
}

// Whoever takes nothing of what is still to be sent is not waited for.
void FrameLink::limit_end() {
  end_limit_.expires_after(longest_end);
  end_limit_.wait([weak = weak_from_this()](bool expired) {
    const auto self = weak.lock();
    if (expired && self) self->close();
  });
}

// Closing with bytes that were not read would throw away what the other side has not read yet.
void FrameLink::hang_up() {
  boost::system::error_code ignored;
  socket_.shutdown(net::Socket::shutdown_send, ignored);
  asio::co_spawn(
      socket_.get_executor(), [self = shared_from_this()] { return self->linger(); },
      [self = shared_from_this()](const std::exception_ptr&) { self->close(); });
}

asio::awaitable<void> FrameLink::linger() {
  sent_some_.expires_after(longest_linger);
  sent_some_.wait([self = shared_from_this()](bool) { self->close(); });
  for (;;) {
    const auto room = input_.bytes();
    auto [error, n] = co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), no_throw);
    if (error) break;
  }
  close();
}

}  // namespace nn::protocol
