// Rows of one table on their way to one model of one worker. For this module only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "client/connection.hpp"
#include "predict/predictions.hpp"

namespace nn::client {

struct StreamOptions {
  std::string model;          // empty: the worker's only one
  std::uint64_t version = 0;  // 0: the one it serves
  std::string label = {};     // instead of a version
  bool keep = true;           // the version that answers first answers all
  bool outlasts_end = true;   // a worker that ends counts as there until it has: another may take its place
  std::uint64_t max_frame = format::default_max_frame;
  std::shared_ptr<const Schema> table;  // of the rows to come
};

// The outputs of some rows.
struct RemoteAnswer {
  Batch batch;
  const float* values = nullptr;  // [rows, width], in the batch's memory
  std::uint64_t version = 0;
};

using RemoteOutcome = std::variant<RemoteAnswer, RemoteFailure>;

// It is opened each time that its connection is there, and may share it with others. All calls in the
// thread of the io_context.
class RowStream : private Connection::Watcher {
 public:
  using Done = std::function<void(RemoteOutcome)>;
  using State = Connection::State;

  // `on_change` is called when state() is another, and may not destroy the stream.
  RowStream(asio::io_context& io, std::shared_ptr<Connection> connection, StreamOptions options,
            std::function<void()> on_change);
  // The worker is told, and requests under way are forgotten.
  ~RowStream() override;

  // Ready: it takes rows. Refused: error() says why it never will.
  State state() const { return state_; }
  const Connection& connection() const { return *connection_; }
  const std::string& name() const { return connection_->name(); }  // the worker's
  Error error() const;                                             // the last
  bool ever_ready() const { return kind_.has_value(); }
  const predict::PredictionKind& kind() const { return *kind_; }  // once ready
  const std::string& digest() const { return digest_; }
  std::size_t outstanding() const { return outstanding_; }      // requests under way
  Clock::time_point not_before() const { return not_before_; }  // it was busy: later
  // When it could be asked last, or this was made.
  Clock::time_point last_ready() const;
  // Since when the worker has been there without taking rows yet; nothing where it isn't, or takes them.
  std::optional<Clock::time_point> opening_since() const;

  // `done` is called once, later: with the answer, or with what went wrong, also when the connection is lost.
  // The number is for cancel(), after which the request counts as outstanding until the worker says what
  // became of it. The trace is passed on, for the worker's log; empty: none.
  std::uint64_t send(const Batch& rows, std::optional<std::chrono::microseconds> time_left,
                     std::string_view trace, Done done);
  void cancel(std::uint64_t id) { connection_->cancel(id); }

 private:
  struct Life {};  // of requests' replies: who outlives the stream doesn't call it

  void connection_changed() override;
  void open();
  void open_again();
  void opened(const protocol::IncomingFrame& in);
  void not_opened(const RemoteFailure& failure);
  RemoteOutcome read_answer(const protocol::IncomingFrame& in, std::int64_t rows,
                            std::optional<Error>& broken);
  void take_schema();
  void refuse(const Error& error);
  void set(State state);

  asio::io_context& io_;
  Clock& clock_;
  std::shared_ptr<Connection> connection_;
  StreamOptions options_;
  std::function<void()> on_change_;
  State state_ = State::connecting;
  std::optional<Error> error_;  // of its own
  std::uint32_t number_ = 0;    // on the connection that there is; 0: none
  std::optional<format::MessageWriter> rows_;
  std::optional<format::MessageReader> answers_;
  std::shared_ptr<const Schema> answer_schema_;
  std::optional<predict::OutputColumn> column_;
  std::optional<predict::PredictionKind> kind_;
  std::string digest_;
  std::optional<std::uint64_t> version_;  // that answers
  std::size_t outstanding_ = 0;
  Clock::time_point not_before_{}, ready_at_, there_at_{};
  std::chrono::milliseconds busy_pause_{0}, open_pause_{0};
  net::Timer timer_;  // until it is opened, or tried again
  std::shared_ptr<Life> life_ = std::make_shared<Life>();
};

}  // namespace nn::client
