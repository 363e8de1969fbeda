#include "http/h2_connection.hpp"

#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

namespace nn::http {
namespace {

constexpr std::size_t read_bytes = 64 << 10, write_bytes = 64 << 10;
constexpr int reads_in_a_row = 4, writes_in_a_row = 16;  // then others have a turn
constexpr std::chrono::seconds idle_enough{1};

}  // namespace

std::shared_ptr<Connection> make_h2_connection(ThreadContext& thread, net::Socket socket, std::string bytes,
                                               Peer peer) {
  return std::make_shared<H2Connection>(thread, std::move(socket), std::move(bytes), std::move(peer));
}

H2Connection::H2Connection(ThreadContext& thread, net::Socket socket, std::string bytes, Peer peer)
    : Connection(thread, std::move(peer)),
      stream_(thread.io),
      session_(thread, std::make_shared<const Peer>(this->peer()), [this] { session_changed(); }),
      first_(std::move(bytes)) {
  const auto protocol = socket.local_endpoint().protocol();
  stream_.assign(protocol, socket.release());
  written_ = thread.clock.now();
  end_at_ = Clock::time_point::max();
  if (const auto age = thread.limits.connection_age; age.count() > 0)
    end_at_ = written_ + age * static_cast<std::int64_t>(900 + thread.jitter() % 200) / 1000;
}

template <typename Call>
void H2Connection::guarded(Call&& call) noexcept {
  const auto keep = self();
  try {
    call();
  } catch (const std::exception&) {
    close();  // out of memory: nobody else has a part in it
  }
}

void H2Connection::start() {
  guarded([&] {
    if (thread_.draining) session_.drain();
    take(std::exchange(first_, {}));
    if (state_ == State::open) flush();
    if (state_ != State::closed) wait_readable();
  });
}

void H2Connection::drain() {
  guarded([&] {
    if (state_ == State::open) session_.drain();
  });
}

void H2Connection::close() {
  if (state_ == State::closed) return;
  const auto keep = self();
  state_ = State::closed;
  boost::system::error_code ignored;
  stream_.close(ignored);
  unsent_ = std::string();
  session_.end();
  if (!session_.busy()) leave();
}

void H2Connection::abandon() {
  state_ = State::closed;
  boost::system::error_code ignored;
  stream_.close(ignored);
  session_.abandon();
}

void H2Connection::check_time(Clock::time_point now) {
  guarded([&] {
    if (state_ == State::closed) return;
    if (state_ == State::lingering) return now >= linger_until_ ? close() : void();
    if (!unsent_.empty() && now - written_ > thread_.limits.write_timeout) {
      thread_.stats.timeouts.fetch_add(1, std::memory_order_relaxed);
      return close();
    }
    if (!session_.check_time(now)) return close();
    if (now >= end_at_) session_.drain();
    if (!busy()) {
      const auto idle = now - idle_since();
      if (idle >= idle_enough) session_.shrink();
      if (idle >= thread_.limits.idle_timeout && !session_.is_over()) {
        thread_.stats.connections_closed_idle.fetch_add(1, std::memory_order_relaxed);
        session_.terminate(NGHTTP2_NO_ERROR);
      }
    }
    flush();
  });
}

std::size_t H2Connection::bytes() const { return sizeof *this + unsent_.capacity() + session_.bytes(); }

void H2Connection::wait_readable() {
  stream_.async_wait(Stream::wait_read, [keep = self()](const boost::system::error_code& error) {
    if (keep->state_ == State::closed) return;
    if (error) return keep->close();
    keep->guarded([&] { keep->read(); });
  });
}

void H2Connection::read() {
  std::array<char, read_bytes> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): it is read into
  for (int i = 0; i < reads_in_a_row; ++i) {
    const ssize_t size = ::recv(stream_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) break;
    if (size <= 0) return close();  // who sends no more doesn't want answers either
    take({buffer.data(), static_cast<std::size_t>(size)});
    if (state_ == State::closed) return;
    if (static_cast<std::size_t>(size) < buffer.size()) break;
  }
  if (state_ == State::open) flush();
  if (state_ != State::closed) wait_readable();
}

void H2Connection::take(std::string_view bytes) {
  if (state_ == State::lingering) {
    lingered_ += bytes.size();
    if (lingered_ > most_lingered) close();
    return;
  }
  if (!session_.take(bytes)) return close();
  if (const std::uint64_t requests = session_.requests(); requests != requests_) {
    requests_ = requests;
    touch(thread_.clock.now());
  }
}

void H2Connection::session_changed() {
  if (state_ == State::closed) {
    if (session_.busy()) return;
    // The session that calls this is a part of what may be let go with it.
    asio::post(stream_.get_executor(), [keep = self()] {});
    leave();
    return;
  }
  if (state_ != State::open) return;
  // Once in a turn of the loop: what else is answered in it goes along.
  if (std::exchange(flush_posted_, true)) return;
  asio::post(stream_.get_executor(), [keep = self()] {
    keep->flush_posted_ = false;
    if (keep->state_ == State::open) keep->guarded([&] { keep->flush(); });
  });
}

void H2Connection::flush() {
  static thread_local std::string collected;
  for (int i = 0; unsent_.empty(); ++i) {
    if (i == writes_in_a_row) {
      session_changed();
      break;
    }
    collected.clear();
    session_.collect(collected, write_bytes);
    if (collected.empty()) break;
    if (!write(collected)) return;
  }
  if (unsent_.empty() && session_.is_over()) return linger();
  set_busy(session_.busy() || !unsent_.empty());
}

bool H2Connection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size =
        ::send(stream_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (size < 0) {
      close();
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  if (bytes.empty()) return true;
  unsent_.assign(bytes);
  written_ = thread_.clock.now();
  wait_writable();
  return true;
}

void H2Connection::wait_writable() {
  if (std::exchange(writing_, true)) return;
  stream_.async_wait(Stream::wait_write, [keep = self()](const boost::system::error_code& error) {
    keep->writing_ = false;
    if (keep->state_ != State::open) return;
    if (error) return keep->close();
    keep->guarded([&] {
      const std::string bytes = std::exchange(keep->unsent_, {});
      if (keep->write(bytes)) keep->flush();
    });
  });
}

// The client has been told that this is the end. Closing at once could take that from it again, with what it
// hasn't read: the system resets a connection that is closed while bytes come in.
void H2Connection::linger() {
  state_ = State::lingering;
  linger_until_ = thread_.clock.now() + linger_time;
  ::shutdown(stream_.native_handle(), SHUT_WR);
  session_.end();
  set_busy(true);
}

}  // namespace nn::http
