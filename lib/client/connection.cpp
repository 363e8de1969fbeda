#include "client/connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/log.hpp"

namespace nn::client {
namespace {

constexpr std::uint32_t only_stream = 1;
constexpr std::chrono::milliseconds first_pause{50}, longest_pause{2000};
constexpr int most_fruitless = 5;  // connections in a row that were lost before an answer came
constexpr std::chrono::milliseconds first_busy_pause{2}, longest_busy_pause{200};

// Bytes that make no sense on a connection that has worked: a new one may do better.
[[noreturn]] void fail_connection(const Error& error) { throw error.as(ErrorKind::unavailable); }

}  // namespace

Connection::Connection(asio::io_context& io, net::Endpoint endpoint, ConnectionOptions options,
                       std::shared_ptr<const Schema> table, std::function<void()> on_change)
    : io_(io),
      clock_(net::clock_of(io)),
      endpoint_(std::move(endpoint)),
      name_(net::to_string(endpoint_)),
      options_(std::move(options)),
      table_(std::move(table)),
      on_change_(std::move(on_change)),
      error_(make_error(ErrorKind::unavailable, "no answer yet").within(name_)),
      connected_at_(clock_.now()),
      liveness_(connected_at_),
      timer_(io.get_executor()),
      watch_(io.get_executor()) {}

void Connection::start() {
  asio::co_spawn(
      io_, [self = shared_from_this()] { return self->run(); },
      [self = shared_from_this()](const std::exception_ptr& error) {
        if (error) self->end(error);
      });
  watch();
}

void Connection::stop() {
  state_ = State::stopped;
  requests_.clear();
  timer_.cancel();
  watch_.cancel();
  if (link_) link_->close();
}

void Connection::set(State state) {
  if (state_ == State::stopped) return;
  connected_at_ = last_connected();
  state_ = state;
  on_change_();
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
    if (state_ == State::refused) co_return;
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
  const bool for_good = fruitless_ >= most_fruitless || (transport_.child && !ever_ready()) ||
                        (error.kind() == ErrorKind::io && link_ == nullptr) ||
                        error.kind() == ErrorKind::data || error.kind() == ErrorKind::unsupported ||
                        error.kind() == ErrorKind::usage;
  set(for_good ? State::refused : State::connecting);
  for (const auto& [id, sent] : requests) {
    sent.done(RemoteFailure{wire::Code::draining, error_.as(ErrorKind::unavailable)});
  }
}

asio::awaitable<void> Connection::serve_connection() {
  link_.reset();
  transport_ = {};
  link_ = co_await open_connection(endpoint_, options_.access, options_.max_frame, transport_);
  const auto link = link_;
  // A worker that doesn't get through its greeting is none.
  auto limit = close_after(link, io_, 2 * options_.access.connect_timeout);
  co_await greet();
  limit.cancel();
  liveness_ = Liveness(clock_.now());
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

asio::awaitable<void> Connection::greet() {
  const auto welcome = co_await nn::client::greet(*link_, options_.access, options_.max_frame, transport_);
  worker_max_frame_ = welcome.as<wire::Welcome>()->max_frame();
  open_stream();
  const protocol::IncomingFrame in = co_await expect(*link_, wire::Message::Opened);
  digest_ = flatbuffers::GetString(in.as<wire::Opened>()->digest());
  version_ = in.as<wire::Opened>()->version();
  answers_.emplace(name_, format::StreamLimits{options_.max_frame});
  answers_->read(in.body);
  if (!answers_->schema()) fail_data("no schema of the answers");
  take_schema();
}

void Connection::open_stream() {
  rows_.emplace(*table_, format::StreamLimits{options_.max_frame});
  auto& builder = link_->maker().builder();
  const auto model = builder.CreateString(options_.model);
  // All rows are answered by one version: where another connection is needed, it is that of the first.
  const std::uint64_t version = options_.version > 0 ? options_.version : version_.value_or(0);
  link_->send(
      link_->maker().finish(0, wire::CreateOpen(builder, only_stream, model, version, true), rows_->take()));
}

// Another version may answer from here on; it must answer the same.
void Connection::take_schema() {
  if (answers_->schema() == answer_schema_) return;
  answer_schema_ = answers_->schema();
  predict::PredictionKind kind = predict::kind_of(*answer_schema_);
  if (kind_ && *kind_ != kind) {
    fail_data("the model was replaced by one that answers something else: {}",
              predict::difference(*kind_, "the old one", kind, "the new one"));
  }
  column_.emplace(kind, *answer_schema_);
  kind_ = std::move(kind);
}

std::uint64_t Connection::send(const Batch& rows, std::optional<std::chrono::microseconds> time_left,
                               Done done) {
  const std::uint64_t id = next_id_++;
  rows_->write(rows);
  format::OutgoingMessages body = rows_->take();
  if (worker_max_frame_ > 0 && body.size() > worker_max_frame_) {
    // Sent, it would only end the connection, and so would each try after it.
    const Error error = data_error("a request of {} bytes is over the worker's limit of {} bytes",
                                   body.size(), worker_max_frame_)
                            .within(name_)
                            .advise("{}", rows.rows > 1 ? "; a smaller --batch makes smaller requests" : "");
    asio::post(io_, [done = std::move(done), error] { done(RemoteFailure{wire::Code::invalid, error}); });
    return id;
  }
  auto& builder = link_->maker().builder();
  const std::uint64_t deadline =
      time_left ? static_cast<std::uint64_t>(std::max<std::int64_t>(time_left->count(), 1)) : 0;
  link_->send(
      link_->maker().finish(id, wire::CreatePredict(builder, only_stream, deadline), std::move(body)));
  requests_[id] = {std::move(done), rows.rows};
  return id;
}

void Connection::cancel(std::uint64_t id) {
  if (!requests_.contains(id) || !link_) return;
  auto& builder = link_->maker().builder();
  link_->send(link_->maker().finish(id, wire::CreateCancel(builder)));
}

void Connection::handle(const protocol::IncomingFrame& in) {
  switch (in.frame->message_type()) {
    case wire::Message::Answer: return answered(in);
    case wire::Message::Report: return;  // that it lives
    case wire::Message::Goodbye: return set(State::draining);
    case wire::Message::Failed: break;
    default: fail_data("a message that workers do not send here");
  }
  const auto& failed = *in.as<wire::Failed>();
  if (in.frame->id() == 0) {
    const Error error = protocol::error_of(failed);
    if (failed.code() == wire::Code::invalid) fail_connection(error);  // what it got is not what was sent
    throw error;
  }
  const auto sent = requests_.find(in.frame->id());
  if (sent == requests_.end()) return;
  if (failed.code() == wire::Code::busy) {
    busy_pause_ = std::clamp(2 * busy_pause_, first_busy_pause, longest_busy_pause);
    not_before_ = clock_.now() + busy_pause_;
  }
  const bool ends = failed.code() == wire::Code::draining || failed.code() == wire::Code::device;
  if (ends && state_ == State::ready) set(State::draining);
  const Error error = protocol::error_of(failed).within(name_);
  const Done done = std::move(sent->second.done);
  requests_.erase(sent);
  done(RemoteFailure{failed.code(), error});
}

void Connection::answered(const protocol::IncomingFrame& in) {
  // Also of a request that nobody waits for: what follows may refer to its dictionaries.
  std::optional<Batch> batch;
  try {
    batch = answers_->read(in.body);
  } catch (const Error& error) {
    fail_connection(error);
  }
  take_schema();
  if (const std::uint64_t version = in.as<wire::Answer>()->version(); version != version_) {
    warn("{}: version {} answers from here on; the rows before were answered by version {}", name_, version,
         version_.value_or(0));
    version_ = version;
  }
  const auto sent = requests_.find(in.frame->id());
  if (sent == requests_.end()) return;
  busy_pause_ = std::chrono::milliseconds(0);
  fruitless_ = 0;
  if (!batch || batch->rows != sent->second.rows) {
    fail_data("{} rows were asked for, {} answered", sent->second.rows, batch ? batch->rows : 0);
  }
  Buffer converted;
  const predict::OutputColumn::Outputs outputs = column_->read(*batch, converted);
  if (!outputs.error.empty()) fail_data("{}", outputs.error);
  RemoteAnswer answer{std::move(*batch), outputs.values};
  if (converted.size() > 0) answer.batch.columns.push_back(make_column(std::move(converted)));  // keeps it
  const Done done = std::move(sent->second.done);
  requests_.erase(sent);
  done(std::move(answer));
}

void Connection::watch() {
  watch_.expires_after(std::chrono::seconds(1));
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
