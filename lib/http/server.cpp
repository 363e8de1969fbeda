#include "http/server.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <thread>

#include "base/scheduling.hpp"
#include "http/connection.hpp"
#include "net/timer.hpp"

namespace nn::http {
namespace {

constexpr std::chrono::milliseconds sweep_time{250};
constexpr std::int64_t most_refused_at_once = 1024;  // beyond the limit, while they are told so

}  // namespace

struct Server::State {
  class Thread;

  State(asio::io_context& owner, const ServerLimits& with)
      : io(owner), limits(with), memory(with.request_bytes) {}
  std::int64_t connections() const;
  Thread& least_busy();

  asio::io_context& io;
  const ServerLimits limits;
  RequestMemory memory;
  ServerStats stats;
  std::vector<std::unique_ptr<Thread>> threads;
  std::function<void()> drained;
  std::size_t draining = 0;  // threads that still have connections
  bool stopped = false;
};

// An io_context with the connections that live there, and what looks at them several times a second.
class Server::State::Thread {
 public:
  // In a thread of its own where `io` is null.
  Thread(State& state, std::size_t index, asio::io_context* io, const MakeHandler& make_handler)
      : state_(state),
        index_(index),
        own_io_(io == nullptr ? std::make_unique<asio::io_context>(1) : nullptr),
        io_(io == nullptr ? *own_io_ : *io) {
    if (own_io_) net::set_clock(io_, net::clock_of(state.io));
    handler_ = make_handler(io_);
    context_.reset(
        new ThreadContext{io_, net::clock_of(io_), *handler_, state.limits, state.memory, state.stats});
    context_->jitter.seed(static_cast<std::uint32_t>(index + 1));
    sweep_.emplace(io_.get_executor());
    context_->on_empty = [this] { tell_drained(); };
    if (own_io_) {
      work_.emplace(io_.get_executor());
      thread_ = std::thread([this] { run(); });
    }
  }
  ~Thread() { end(); }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  ThreadContext& context() { return *context_; }
  Handler& handler() { return *handler_; }

  // Calls the function in this thread, at once where that is the caller's.
  template <typename Call>
  void in_thread(Call call) {
    if (own_io_) {
      asio::post(io_, std::move(call));
    } else {
      call();
    }
  }

  // In this thread from here on, except end().

  struct Client {
    UniqueFd socket;
    Peer peer;
    std::size_t asked = 0;  // threads that had no idle connection to close for it
  };
  void admit(Client client) {
    if (ended_) {
      context_->connections.fetch_sub(1, std::memory_order_relaxed);
      return;
    }
    start_sweeps();
    if (state_.connections() <= state_.limits.connections || close_idle())
      return add(make_h1_connection, std::move(client));
    if (++client.asked < state_.threads.size()) return pass_on(std::move(client));
    state_.stats.connections_refused.fetch_add(1, std::memory_order_relaxed);
    if (state_.connections() > state_.limits.connections + most_refused_at_once) {
      context_->connections.fetch_sub(1, std::memory_order_relaxed);
    } else {
      add(make_refused_connection, std::move(client));
    }
  }
  void drain() {
    context_->draining = true;
    each([](Connection& connection) { connection.drain(); });
    if (context_->busy.empty() && context_->idle.empty()) tell_drained();
  }

  // Any thread: closes all connections; handlers are called no more.
  void end() {
    if (ended_.exchange(true)) return;
    if (own_io_) {
      asio::post(io_, [this] {
        close_all();
        work_.reset();
        io_.stop();
      });
      thread_.join();
    } else {
      close_all();
    }
    for (auto* list : {&context_->busy, &context_->idle}) {
      for (const auto& connection : *list) connection->abandon();
      list->clear();
    }
  }

 private:
  // An exception here is nobody's: connections have their own. It ends the owner's run().
  void run() {
    take_short_turns();
    try {
      io_.run();
    } catch (...) {
      asio::post(state_.io, [error = std::current_exception()] { std::rethrow_exception(error); });
    }
  }
  // Of all as they are now: whoever is called may end others.
  template <typename Call>
  void each(const Call& call) {
    std::vector<std::shared_ptr<Connection>> all(context_->busy.begin(), context_->busy.end());
    all.insert(all.end(), context_->idle.begin(), context_->idle.end());
    for (const auto& connection : all) call(*connection);
  }
  void close_all() {
    sweep_->cancel();
    context_->on_empty = nullptr;
    each([](Connection& connection) { connection.close(); });
  }
  bool close_idle() {
    if (context_->idle.empty()) return false;
    state_.stats.connections_closed_idle.fetch_add(1, std::memory_order_relaxed);
    const auto connection = context_->idle.front();
    connection->close();
    return true;
  }
  template <typename Make>
  void add(const Make& make, Client client) {
    try {
      make(*context_, std::move(client.socket), std::move(client.peer));
    } catch (const std::exception&) {  // no memory or no descriptor for it
      context_->connections.fetch_sub(1, std::memory_order_relaxed);
    }
  }
  void pass_on(Client client) {
    Thread& next = *state_.threads[(index_ + 1) % state_.threads.size()];
    next.context_->connections.fetch_add(1, std::memory_order_relaxed);
    context_->connections.fetch_sub(1, std::memory_order_relaxed);
    next.in_thread([&next, client = std::move(client)]() mutable { next.admit(std::move(client)); });
  }
  void start_sweeps() {
    if (sweeping_) return;
    sweeping_ = true;
    sweep();
  }
  void sweep() {
    sweep_->expires_after(sweep_time);
    sweep_->wait([this](bool expired) {
      if (!expired || ended_) return;
      const auto now = context_->clock.now();
      each([now](Connection& connection) { connection.check_time(now); });
      if (context_->busy.empty()) context_->spare_streams.clear();
      sweeping_ = !context_->busy.empty() || !context_->idle.empty();
      if (sweeping_) sweep();
    });
  }
  void tell_drained() {
    asio::post(state_.io, [&state = state_] {
      if (state.draining != 0 && --state.draining == 0 && state.drained) std::exchange(state.drained, {})();
    });
    context_->on_empty = nullptr;
  }

  State& state_;
  const std::size_t index_;
  std::unique_ptr<asio::io_context> own_io_;
  asio::io_context& io_;
  std::unique_ptr<Handler> handler_;
  std::unique_ptr<ThreadContext> context_;
  std::optional<net::Timer> sweep_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  bool sweeping_ = false;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

std::int64_t Server::State::connections() const {
  std::int64_t sum = 0;
  for (const auto& thread : threads) sum += thread->context().connections.load(std::memory_order_relaxed);
  return sum;
}

Server::State::Thread& Server::State::least_busy() {
  const auto connections_of = [](const std::unique_ptr<Thread>& thread) {
    return thread->context().connections.load(std::memory_order_relaxed);
  };
  return **std::min_element(threads.begin(), threads.end(), [&](const auto& a, const auto& b) {
    return connections_of(a) < connections_of(b);
  });
}

Server::Server(asio::io_context& io, ServerLimits limits, std::size_t threads, MakeHandler make_handler)
    : state_(std::make_unique<State>(io, limits)) {
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) {
    state_->threads.push_back(
        std::make_unique<State::Thread>(*state_, i, threads == 0 ? &io : nullptr, make_handler));
  }
}

Server::~Server() { stop(); }

void Server::come(net::Listeners::Client client) {
  if (state_->stopped) return;
  const std::uint64_t number = 1 + state_->stats.connections_total.fetch_add(1, std::memory_order_relaxed);
  Peer peer{std::move(client.name), client.admin, client.local, client.tls, client.metrics, number};
  boost::system::error_code error;
  UniqueFd socket(client.socket.release(error));
  if (error) return;
  State::Thread& thread = state_->least_busy();
  thread.context().connections.fetch_add(1, std::memory_order_relaxed);
  thread.in_thread([&thread, client = State::Thread::Client{std::move(socket), std::move(peer)}]() mutable {
    thread.admit(std::move(client));
  });
}

void Server::drain(std::function<void()> then) {
  state_->drained = std::move(then);
  state_->draining = state_->threads.size();
  for (const auto& thread : state_->threads) thread->in_thread([&thread = *thread] { thread.drain(); });
}

void Server::stop() {
  state_->stopped = true;
  for (const auto& thread : state_->threads) thread->end();
}

void Server::in_thread(std::size_t number, std::function<void()> call) {
  state_->threads[number]->in_thread(std::move(call));
}

void Server::in_each_thread(const std::function<void(Handler&)>& call) {
  for (const auto& thread : state_->threads) {
    thread->in_thread([&thread = *thread, call] { call(thread.handler()); });
  }
}

std::int64_t Server::connections() const { return state_->connections(); }

std::int64_t Server::requests_under_way() const {
  std::int64_t sum = 0;
  for (const auto& thread : state_->threads)
    sum += thread->context().under_way.load(std::memory_order_relaxed);
  return sum;
}

std::uint64_t Server::request_bytes() const { return state_->memory.used(); }

const ServerStats& Server::stats() const { return state_->stats; }

}  // namespace nn::http
