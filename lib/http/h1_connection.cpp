#include "http/h1_connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/log.hpp"

namespace nn::http {
namespace {

constexpr std::size_t first_room = 2 << 10;  // what an idle connection keeps
constexpr std::size_t most_room = 16 << 10;  // of heads and chunks
constexpr std::chrono::seconds idle_enough{1};

int family_of(int fd) {
  int family = 0;
  socklen_t size = sizeof family;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) fail_errno("connection");
  return family;
}

}  // namespace

std::shared_ptr<Connection> make_h1_connection(ThreadContext& thread, UniqueFd socket, Peer peer) {
  auto connection = std::make_shared<H1Connection>(thread, std::move(socket), std::move(peer));
  connection->join();
  connection->start();
  return connection;
}

std::shared_ptr<Connection> make_refused_connection(ThreadContext& thread, UniqueFd socket, Peer peer) {
  auto connection = std::make_shared<H1Connection>(thread, std::move(socket), std::move(peer));
  connection->join();
  connection->start_refused();
  return connection;
}

H1Connection::H1Connection(ThreadContext& thread, UniqueFd socket, Peer peer)
    : Connection(thread, std::move(peer)), stream_(thread.io) {
  const asio::generic::stream_protocol protocol(family_of(socket.get()), 0);
  stream_.assign(protocol, socket.get());
  socket.release();
  now_ = thread.clock.now();
  end_at_ = Clock::time_point::max();
  if (const auto age = thread.limits.connection_age; age.count() > 0) {
    end_at_ = now_ + age * static_cast<std::int64_t>(900 + thread.jitter() % 200) / 1000;
  }
}

void H1Connection::start() { pump(); }

void H1Connection::start_refused() {
  const auto self = shared_from_this();
  try {
    queue_.reserve(1);
    queue_.push_back(take_spare());
    refuse(*queue_.back(), {503, "no connection is free"});
  } catch (const std::exception&) {
    return close();  // no memory for telling it
  }
  pump();
}

void H1Connection::drain() { check_time(thread_.clock.now()); }

void H1Connection::close() {
  if (state_ == State::closed) return;
  const auto self = shared_from_this();
  state_ = State::closed;
  boost::system::error_code ignored;
  stream_.close(ignored);
  in_.release();
  drop_queue();
  if (queue_.empty()) leave();
}

// What nobody computes any more is finished at once; the others are told.
void H1Connection::drop_queue() {
  receiving_ = nullptr;
  for (std::size_t i = 0; i < queue_.size();) {
    if (queue_[i]->stage_ == Stage::handling) {
      ++i;
      continue;
    }
    auto exchange = std::move(queue_[i]);
    queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(i));
    finish(std::move(exchange), false);
  }
  tell_gone();
}

// Whoever is told may complete exchanges at once, this or others.
void H1Connection::tell_gone() noexcept {
  const auto untold = [](const ExchangePtr& e) { return e->stage_ == Stage::handling && !e->gone_; };
  for (;;) {
    const auto at = std::find_if(queue_.begin(), queue_.end(), untold);
    if (at == queue_.end()) return;
    const ExchangePtr exchange = *at;
    exchange->gone_ = true;
    try {
      if (exchange->work) exchange->work->gone();
    } catch (const std::exception& error) {  // it goes on as one that isn't told
      note("http: {}", error.what());
    }
  }
}

void H1Connection::abandon() {
  boost::system::error_code ignored;
  stream_.close(ignored);
  state_ = State::closed;
  for (const ExchangePtr& exchange : queue_) {
    exchange->connection_ = nullptr;
    exchange->body_.detach();
  }
  thread_.under_way.fetch_sub(static_cast<std::int64_t>(queue_.size()), std::memory_order_relaxed);
  queue_.clear();
  spare_.clear();
}

std::size_t H1Connection::bytes() const {
  std::size_t sum = in_.capacity();
  for (const auto* list : {&queue_, &spare_}) {
    for (const ExchangePtr& exchange : *list) sum += exchange->memory();
  }
  return sum;
}

bool H1Connection::ages(Clock::time_point now) const { return now >= end_at_; }

void H1Connection::pump() noexcept {
  if (pumping_) return;
  const auto self = shared_from_this();
  pumping_ = true;
  try {
    do {
      do {
        while (take_input()) {
        }
      } while (flush() && state_ == State::open && !in_.empty());
      if (state_ == State::open && ended_ && queue_.empty()) close();
    } while (!read());
    if (is_busy() != busy()) {
      set_busy(is_busy());
    } else {
      touch(now_);
    }
  } catch (const std::exception&) {
    close();  // out of memory: nobody else has a part in it
  }
  pumping_ = false;
}

bool H1Connection::read() {
  if (reading_ || ended_ || state_ == State::closed) return true;
  asio::mutable_buffer buffer;
  into_body_ = false;
  if (receiving_ != nullptr && in_.empty() && body_left_ != 0) {
    Fault fault;
    const auto space = receiving_->body_.space(body_left_, fault);
    if (fault) {
      refuse_incoming(fault);
      return false;
    }
    buffer = asio::buffer(space.data, space.size);
    into_body_ = space.size != 0;
  }
  if (!into_body_) {
    if (receiving_ == nullptr && is_full()) return true;
    in_.make_room(receiving_ != nullptr ? most_room : first_room);
    buffer = asio::buffer(in_.tail(), in_.room());
  }
  reading_ = true;
  const auto self = std::static_pointer_cast<H1Connection>(shared_from_this());
  stream_.async_read_some(buffer, [self](const boost::system::error_code& error, std::size_t bytes) {
    self->on_read(error, bytes);
  });
  return true;
}

void H1Connection::on_read(const boost::system::error_code& error, std::size_t bytes) {
  reading_ = false;
  const bool shrinks = std::exchange(shrinking_, false);
  if (state_ == State::closed) return;
  if (error == asio::error::operation_aborted) {
    if (shrinks && in_.empty()) in_.release();
    return pump();
  }
  if (error && error != asio::error::eof) return close();
  if (error) return on_end();
  if (state_ == State::lingering) {
    lingered_ += bytes;
    return lingered_ > most_lingered ? close() : pump();
  }
  if (last_ && receiving_ == nullptr) {  // nothing but its end is of interest
    in_.clear();
    return pump();
  }
  now_ = thread_.clock.now();
  if (into_body_) {
    if (receiving_ == nullptr) return pump();  // refused meanwhile
    receiving_->body_.commit(bytes);
    receiving_->bytes_in_ += bytes;
    body_left_ -= bytes;
  } else {
    in_.commit(bytes);
  }
  if (receiving_ != nullptr) {
    const auto& limits = thread_.limits;
    body_until_ = put_off(body_until_, bytes, limits.body_rate, now_ + limits.head_timeout);
  }
  pump();
}

// The client sends no more. It may still read: what is computed is sent to it, if it is worth that.
void H1Connection::on_end() {
  ended_ = last_ = true;
  if (state_ == State::lingering) return close();
  if (receiving_ != nullptr) {
    auto exchange = queue_.back();
    queue_.pop_back();
    receiving_ = nullptr;
    finish(std::move(exchange), false);
  }
  in_.clear();
  tell_gone();
  pump();
}

void H1Connection::check_time(Clock::time_point now) {
  const auto self = shared_from_this();
  try {
    look_at_time(now);
  } catch (const std::exception&) {
    close();  // no memory for telling why
  }
}

void H1Connection::look_at_time(Clock::time_point now) {
  const auto& limits = thread_.limits;
  now_ = now;
  if (state_ == State::closed) return;
  if (state_ == State::lingering) return now >= write_until_ ? close() : void();
  if (writing_ && now >= write_until_) {
    ++thread_.stats.timeouts;
    return close();
  }
  if (receiving_ != nullptr && now >= body_until_) {
    ++thread_.stats.timeouts;
    refuse_incoming({408, "the body of the request comes too slowly"});
    return pump();
  }
  if (in_head_ && !is_full() && now >= head_until_) {
    ++thread_.stats.timeouts;
    if (skipping_ != 0) return close();  // it has its answer
    refuse_incoming({408, "the head of the request comes too slowly"});
    return pump();
  }
  if (busy()) return;
  const auto idle = now - idle_since();
  if (idle >= limits.idle_timeout || ages(now) || (thread_.draining && idle >= idle_enough)) {
    ++thread_.stats.connections_closed_idle;
    return close();
  }
  if (idle < idle_enough) return;
  if (!spare_.empty()) std::vector<ExchangePtr>().swap(spare_);
  if (in_.capacity() > first_room && !shrinking_) {
    shrinking_ = true;
    stream_.cancel();
  }
}

}  // namespace nn::http
