// A client's connection to one worker, which is made again when it is lost. For this module only.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>

#include "client/connect.hpp"
#include "client/liveness.hpp"
#include "predict/predictions.hpp"

namespace nn::client {

struct ConnectionOptions {
  std::string model;          // empty: the worker's only one
  std::uint64_t version = 0;  // 0: the one it serves
  net::Access access;
  std::uint64_t max_frame = format::default_max_frame;
};

// The outputs of some rows.
struct RemoteAnswer {
  Batch batch;
  const float* values = nullptr;  // [rows, width], in the batch's memory
};

struct RemoteFailure {
  wire::Code code;
  Error error;
};

// All calls in the thread of the io_context.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Done = std::function<void(std::variant<RemoteAnswer, RemoteFailure>)>;
  enum class State : std::uint8_t {
    connecting,  // or waiting to try again
    ready,
    draining,  // answers what it has, takes nothing new
    refused,   // for good: error() says why
    stopped,
  };

  // `table` is the schema of the rows to come. `on_change` is called when state() changed.
  Connection(asio::io_context& io, net::Endpoint endpoint, ConnectionOptions options,
             std::shared_ptr<const Schema> table, std::function<void()> on_change);

  void start();
  void stop();  // requests under way are forgotten

  State state() const { return state_; }
  const std::string& name() const { return name_; }
  const Error& error() const { return error_; }  // the last
  bool ever_ready() const { return kind_.has_value(); }
  bool ever_lost() const { return lost_; }  // an attempt to connect failed, or a connection ended
  const predict::PredictionKind& kind() const { return *kind_; }  // once ready
  const std::string& digest() const { return digest_; }
  std::size_t outstanding() const { return requests_.size(); }
  Clock::time_point not_before() const { return not_before_; }  // it was busy: later
  // When there was a connection last, or this was made.
  Clock::time_point last_connected() const {
    return state_ == State::ready || state_ == State::draining ? clock_.now() : connected_at_;
  }

  // `done` is called once: with the answer, or with what went wrong, also when the connection is
  // lost. The number is for cancel().
  std::uint64_t send(const Batch& rows, std::optional<std::chrono::microseconds> time_left, Done done);
  // The worker need not answer. It says what became of the request all the same: until then it
  // counts as outstanding, and `done` is called.
  void cancel(std::uint64_t id);

 private:
  struct Sent {
    Done done;
    std::int64_t rows;
  };
  asio::awaitable<void> run();
  asio::awaitable<void> serve_connection();
  asio::awaitable<void> greet();
  void open_stream();
  void handle(const protocol::IncomingFrame& in);
  void answered(const protocol::IncomingFrame& in);
  void take_schema();
  void lose(const Error& error);
  void end(const std::exception_ptr& why);
  void set(State state);
  void watch();

  asio::io_context& io_;
  Clock& clock_;
  net::Endpoint endpoint_;
  std::string name_;
  ConnectionOptions options_;
  std::shared_ptr<const Schema> table_;
  std::function<void()> on_change_;
  State state_ = State::connecting;
  Error error_;
  bool lost_ = false;
  net::Transport transport_;
  std::shared_ptr<protocol::FrameLink> link_;
  std::optional<format::MessageWriter> rows_;
  std::optional<format::MessageReader> answers_;
  std::shared_ptr<const Schema> answer_schema_;
  std::optional<predict::OutputColumn> column_;
  std::optional<predict::PredictionKind> kind_;
  std::string digest_;
  std::optional<std::uint64_t> version_;  // that answers
  std::unordered_map<std::uint64_t, Sent> requests_;
  std::uint64_t next_id_ = 1;
  std::uint64_t worker_max_frame_ = 0;  // of a body that it takes
  Clock::time_point not_before_{}, connected_at_;
  Liveness liveness_;
  std::chrono::milliseconds busy_pause_{0};
  int fruitless_ = 0;
  net::Timer timer_;  // between attempts
  net::Timer watch_;  // for silence
};

}  // namespace nn::client
