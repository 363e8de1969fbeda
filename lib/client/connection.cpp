#include "client/connection.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <vector>

namespace nn::client {
namespace {

constexpr std::chrono::milliseconds first_pause{50}, longest_pause{2000};
constexpr int most_fruitless = 5;

// Bytes that make no sense on a connection that has worked: a new one may do better.
[[noreturn]] void fail_connection(const Error& error) { throw error.as(ErrorKind::unavailable); }

}  // namespace

Connection::Connection(asio::io_context& io, ConnectionOptions options)
    : io_(io),
      clock_(net::clock_of(io)),
      options_(std::move(options)),
      name_(net::to_string(options_.endpoint)),
      error_(make_error(ErrorKind::unavailable, "no answer yet").within_file(name_)),
      connected_at_(clock_.now()),
      liveness_(connected_at_, options_.liveness),
      timer_(io.get_executor()),
      watch_(io.get_executor()) {
  if (!options_.record) options_.record = std::make_shared<WorkerRecord>();
  if (!options_.open) {
    options_.open = [this](net::Transport& transport) {
      return open_connection(options_.endpoint, options_.access, options_.max_frame, transport);
    };
  }
}

void Connection::start() {
  asio::co_spawn(
      io_, [self = shared_from_this()] { return self->run(); },
      [self = shared_from_this()](const std::exception_ptr& error) {
        if (error) self->end(error);
      });
  watch();
}

void Connection::stop() {
  if (is_up()) options_.record->lost();
  state_ = State::stopped;
  requests_.clear();
  timer_.cancel();
  watch_.cancel();
  if (link_) link_->close();
}

Clock::time_point Connection::last_connected() const {
  return state_ == State::ready || state_ == State::draining ? clock_.now() : connected_at_;
}

void Connection::set(State state) {
  if (state_ == State::stopped) return;
  connected_at_ = last_connected();
  if (is_up()) options_.record->lost();
  state_ = state;
  if (is_up()) options_.record->connected(clock_.now(), options_.slow_start);
  const std::vector<Watcher*> watchers(watchers_.begin(), watchers_.end());
  for (Watcher* watcher : watchers) {
    if (watchers_.contains(watcher)) watcher->connection_changed();
  }
}

asio::awaitable<void> Connection::run() {
  auto pause = first_pause;
  while (state_ != State::stopped && state_ != State::refused) {
    Error error(ErrorKind::unavailable, "the connection ended");
    try {
      co_await serve_connection();
    } catch (const Error& thrown) {
      error = thrown;
    }
    if (link_) link_->close();
    if (state_ == State::stopped) co_return;
    const bool there = link_ != nullptr;
    if (state_ == State::ready || !there) pause = first_pause;  // it may just be starting
    lose(error);
    if (state_ == State::refused || state_ == State::stopped) co_return;
    timer_.expires_after(pause);
    co_await timer_.wait();
    pause = std::min(2 * pause, longest_pause);
  }
}

// Something went wrong here, which no other connection makes better.
void Connection::end(const std::exception_ptr& why) {
  error_ = within(error_of(why), name_);
  if (link_) link_->close();
  set(State::refused);
}

// Requests that were sent and not answered are somebody else's now.
void Connection::lose(const Error& error) {
  error_ = within(error, name_);
  lost_ = true;
  const auto requests = std::exchange(requests_, {});
  if (state_ == State::ready || state_ == State::draining) ++fruitless_;
  // Failures that won't be better next time: the worker understood, and refused; or its command doesn't
  // start one.
  const bool for_good = fruitless_ >= most_fruitless || (transport_.child && !ever_ready_) ||
                        (error.kind() == ErrorKind::io && link_ == nullptr) ||
                        error.kind() == ErrorKind::data || error.kind() == ErrorKind::unsupported ||
                        error.kind() == ErrorKind::usage;
  set(for_good ? State::refused : State::connecting);
  const RemoteFailure failure{wire::Code::draining, error_.as(ErrorKind::unavailable)};
  for (const auto& [id, reply] : requests) {
    if (state_ != State::stopped) reply(failure);
  }
}

asio::awaitable<void> Connection::serve_connection() {
  link_.reset();
  transport_ = {};
  link_ = co_await options_.open(transport_);
  if (state_ == State::stopped) co_return;
  const auto link = link_;
  {
    // A worker that doesn't get through its greeting is none.
    const auto limit = close_after(link, io_, greeting_limit());
    const auto in = co_await greet(*link, options_.access, options_.max_frame, transport_);
    welcome(*in.as<wire::Welcome>());
  }
  liveness_ = Liveness(clock_.now(), options_.liveness);
  ever_ready_ = true;
  set(State::ready);
  protocol::IncomingFrame in;
  for (;;) {
    try {
      if (!co_await link->read(in)) co_return;
    } catch (const Error& error) {
      fail_connection(error);
    }
    handle(in);
  }
}

void Connection::welcome(const wire::Welcome& welcome) {
  worker_max_frame_ = welcome.max_frame();
  abilities_.clear();
  if (const auto* abilities = welcome.capabilities()) {
    for (const auto* ability : *abilities) abilities_.insert(ability->str());
  }
}

void Connection::cancel(std::uint64_t id) {
  if (link_ && requests_.contains(id)) tell(wire::CreateCancel(builder()), id);
}

void Connection::break_off() {
  if (link_) link_->close();
}

void Connection::handle(const protocol::IncomingFrame& in) {
  const wire::Message type = in.frame->message_type();
  const std::uint64_t id = in.frame->id();
  const auto* failed = in.as<wire::Failed>();
  if (type == wire::Message::Goodbye) return set(State::draining);
  if (failed != nullptr && id == 0) {
    const Error error = protocol::error_of(*failed);
    if (failed->code() == wire::Code::invalid) fail_connection(error);  // what it got is not what was sent
    throw error;
  }
  const auto found = requests_.find(id);
  if (found == requests_.end()) {
    if (failed != nullptr || type == wire::Message::Report) return;  // that it lives
    fail_connection(data_error("a message that nobody asked for"));
  }
  if (type == wire::Message::Answer) fruitless_ = 0;
  const Reply reply = std::move(found->second);
  requests_.erase(found);
  if (failed == nullptr) return reply(&in);
  const wire::Code code = failed->code();
  const RemoteFailure failure{code, protocol::error_of(*failed).within_file(name_)};
  const bool ends = code == wire::Code::draining || code == wire::Code::device;
  if (ends && state_ == State::ready) set(State::draining);
  reply(failure);
}

void Connection::watch() {
  watch_.expires_after(std::min(std::chrono::milliseconds(1000), options_.liveness.ask_after / 4));
  watch_.wait([self = shared_from_this()](bool expired) {
    if (!expired || self->state_ == State::stopped || self->state_ == State::refused) return;
    if (self->state_ != State::connecting) {
      switch (self->liveness_.look(self->clock_.now(), self->link_->last_received())) {
        case Liveness::Step::wait: break;
        case Liveness::Step::ask: ask_whether_alive(*self->link_); break;
        case Liveness::Step::give_up: self->link_->close();
      }
    }
    self->watch();
  });
}

}  // namespace nn::client
