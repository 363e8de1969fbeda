// A client's connection to one worker, over which many streams of rows go, and which is made again when it is
// lost. For this module only.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>

#include "client/connect.hpp"
#include "client/liveness.hpp"
#include "client/worker_record.hpp"

namespace nn::client {

struct ConnectionOptions {
  net::Endpoint endpoint;
  net::Access access;  // one with_token()
  std::uint64_t max_frame = format::default_max_frame;
  // How the worker is reached, each time anew; none: open_connection().
  std::function<asio::awaitable<std::shared_ptr<protocol::FrameLink>>(net::Transport&)> open = {};
  LivenessTimes liveness = {};
  // Of the worker, also over other connections; null: a new one.
  std::shared_ptr<WorkerRecord> record = {};
  bool slow_start = false;  // whoever comes, or comes back, gets little at first
};

// Why a request has no reply.
struct RemoteFailure {
  wire::Code code;
  Error error;
};

// All calls in the thread of the io_context.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  enum class State : std::uint8_t {
    connecting,  // or waiting to try again
    ready,
    draining,  // answers what it has, takes nothing new
    refused,   // for good: error() says why
    stopped,
  };
  // The message that answers a request, good until the function returns; or why there is none. What it throws
  // ends the connection, which is made again.
  using Reply = std::function<void(const std::variant<const protocol::IncomingFrame*, RemoteFailure>&)>;
  // Whoever wants to know that state() is another.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void connection_changed() = 0;
  };

  Connection(asio::io_context& io, ConnectionOptions options);

  void start();
  void stop();  // requests under way are forgotten
  void add(Watcher& watcher) { watchers_.insert(&watcher); }
  void remove(Watcher& watcher) { watchers_.erase(&watcher); }

  State state() const { return state_; }
  const std::string& name() const { return name_; }
  const Error& error() const { return error_; }  // the last
  const std::shared_ptr<WorkerRecord>& record() const { return options_.record; }
  bool ever_lost() const { return lost_; }  // an attempt to connect failed, or a connection ended
  // When there was a connection last, or this was made.
  Clock::time_point last_connected() const;
  // The largest body that the worker takes; 0: it didn't say.
  std::uint64_t worker_max_frame() const { return worker_max_frame_; }
  bool worker_can(std::string_view ability) const { return abilities_.contains(ability); }
  std::uint32_t new_stream() { return ++streams_; }
  // What a worker may take for its greeting, and for a stream's.
  std::chrono::milliseconds greeting_limit() const { return 2 * options_.access.connect_timeout; }

  // The builder of the message for the next request().
  flatbuffers::FlatBufferBuilder& builder() { return link_->maker().builder(); }
  // Sends a message of a worker that is ready or draining. `reply` is called once, also when the connection
  // is lost, but for stop(). The number is for cancel().
  template <typename T>
  std::uint64_t request(flatbuffers::Offset<T> message, format::OutgoingMessages body, Reply reply) {
    const std::uint64_t id = next_id_++;
    requests_[id] = std::move(reply);
    link_->send(link_->maker().finish(id, message, std::move(body)));
    return id;
  }
  // Sends a message that has no reply.
  template <typename T>
  void tell(flatbuffers::Offset<T> message, std::uint64_t id = 0) {
    link_->send(link_->maker().finish(id, message));
  }
  // The worker need not answer. It says what became of the request all the same.
  void cancel(std::uint64_t id);
  // A worker that doesn't do what it should: perhaps a new connection does better.
  void break_off();

 private:
  asio::awaitable<void> run();
  asio::awaitable<void> serve_connection();
  void welcome(const wire::Welcome& welcome);
  void handle(const protocol::IncomingFrame& in);
  void lose(const Error& error);
  void end(const std::exception_ptr& why);
  void set(State state);
  bool is_up() const { return state_ == State::ready; }
  void watch();

  asio::io_context& io_;
  Clock& clock_;
  ConnectionOptions options_;
  std::string name_;
  std::set<Watcher*> watchers_;
  State state_ = State::connecting;
  Error error_;
  bool lost_ = false, ever_ready_ = false;
  net::Transport transport_;
  std::shared_ptr<protocol::FrameLink> link_;
  std::unordered_map<std::uint64_t, Reply> requests_;
  std::uint64_t next_id_ = 1;
  std::uint32_t streams_ = 0;
  std::uint64_t worker_max_frame_ = 0;
  std::set<std::string, std::less<>> abilities_;
  Clock::time_point connected_at_;
  Liveness liveness_;
  int fruitless_ = 0;  // connections in a row that were lost before an answer came
  net::Timer timer_;   // between attempts
  net::Timer watch_;   // for silence
};

}  // namespace nn::client
