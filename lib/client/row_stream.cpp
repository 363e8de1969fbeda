#include "client/row_stream.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.hpp"

namespace nn::client {
namespace {

constexpr std::chrono::milliseconds first_busy_pause{2}, longest_busy_pause{200};
constexpr std::chrono::milliseconds first_open_pause{50}, longest_open_pause{2000};

}  // namespace

RowStream::RowStream(asio::io_context& io, std::shared_ptr<Connection> connection, StreamOptions options,
                     std::function<void()> on_change)
    : io_(io),
      clock_(net::clock_of(io)),
      connection_(std::move(connection)),
      options_(std::move(options)),
      on_change_(std::move(on_change)),
      ready_at_(clock_.now()),
      timer_(io.get_executor()) {
  connection_->add(*this);
  const State now = connection_->state();
  if (now == State::ready) {
    there_at_ = clock_.now();
    try {
      open();
    } catch (...) {
      connection_->remove(*this);
      throw;
    }
  }
  if (now == State::refused || now == State::stopped) state_ = now;
}

RowStream::~RowStream() {
  connection_->remove(*this);
  if (number_ > 0 && connection_->state() == State::ready) {
    connection_->tell(wire::CreateClose(connection_->builder(), number_));
  }
}

Error RowStream::error() const {
  if (error_) return *error_;
  if (state_ == State::draining) return within(make_error(ErrorKind::unavailable, "the worker ends"), name());
  return connection_->error();
}

Clock::time_point RowStream::last_ready() const {
  const bool is_there = state_ == State::ready || (state_ == State::draining && options_.outlasts_end);
  return is_there ? clock_.now() : ready_at_;
}

std::optional<Clock::time_point> RowStream::opening_since() const {
  if (state_ != State::connecting || connection_->state() != State::ready) return std::nullopt;
  return there_at_;
}

void RowStream::set(State state) {
  ready_at_ = last_ready();
  state_ = state;
  on_change_();
}

void RowStream::refuse(const Error& error) {
  error_ = within(error, name());
  timer_.cancel();
  set(State::refused);
}

void RowStream::connection_changed() {
  if (state_ == State::refused) return;
  switch (connection_->state()) {
    case State::ready: there_at_ = clock_.now(); return open();
    case State::draining: return set(state_ == State::ready ? State::draining : State::connecting);
    default:
      number_ = 0;
      timer_.cancel();
      return set(connection_->state());
  }
}

void RowStream::open() {
  if (!options_.label.empty() && !connection_->worker_can("labels")) {
    return refuse(Error(ErrorKind::unsupported, "this worker is too old: it knows no labels"));
  }
  number_ = connection_->new_stream();
  rows_.emplace(*options_.table, format::StreamLimits{options_.max_frame});
  auto& builder = connection_->builder();
  const auto model = builder.CreateString(options_.model);
  // All rows are answered by one version: where another connection is needed, it is that of the first.
  const bool again = options_.keep && options_.version == 0;
  const std::uint64_t version = again ? version_.value_or(0) : options_.version;
  const auto label = builder.CreateString(version == 0 ? options_.label : "");
  const auto message = wire::CreateOpen(builder, number_, model, version, options_.keep, label);
  connection_->request(message, rows_->take(),
                       [this, life = std::weak_ptr(life_), number = number_](const auto& reply) {
                         if (life.expired() || number != number_ || state_ == State::refused) return;
                         timer_.cancel();
                         if (const auto* failure = std::get_if<RemoteFailure>(&reply))
                           return not_opened(*failure);
                         try {
                           opened(*std::get<0>(reply));
                         } catch (const Error& error) {
                           refuse(error);
                         }
                       });
  timer_.expires_after(connection_->greeting_limit());
  timer_.wait([this, life = std::weak_ptr(life_)](bool expired) {
    if (expired && !life.expired()) connection_->break_off();
  });
}

void RowStream::opened(const protocol::IncomingFrame& in) {
  const auto* opened = in.as<wire::Opened>();
  if (opened == nullptr) fail_data("a message that workers do not send here");
  digest_ = flatbuffers::GetString(opened->digest());
  version_ = opened->version();
  answers_.emplace(name(), format::StreamLimits{options_.max_frame});
  answers_->read(in.body);
  if (!answers_->schema()) fail_data("no schema of the answers");
  take_schema();
  open_pause_ = std::chrono::milliseconds(0);
  error_.reset();
  set(State::ready);
}

// What another try doesn't mend is for good; the end of the connection is told apart.
void RowStream::not_opened(const RemoteFailure& failure) {
  if (connection_->state() != State::ready) return;
  number_ = 0;
  if (failure.error.kind() != ErrorKind::unavailable) return refuse(failure.error);
  error_ = failure.error;
  open_again();
  set(State::connecting);
}

void RowStream::open_again() {
  open_pause_ = std::clamp(2 * open_pause_, first_open_pause, longest_open_pause);
  timer_.expires_after(open_pause_);
  timer_.wait([this, life = std::weak_ptr(life_)](bool expired) {
    if (expired && !life.expired() && connection_->state() == State::ready) open();
  });
}

// Another version may answer from here on; it must answer the same.
void RowStream::take_schema() {
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

std::uint64_t RowStream::send(const Batch& rows, std::optional<std::chrono::microseconds> time_left,
                              std::string_view trace, Done done) {
  rows_->write(rows);
  format::OutgoingMessages body = rows_->take();
  ++outstanding_;
  const std::uint64_t limit = connection_->worker_max_frame();
  if (limit > 0 && body.size() > limit) {
    // Sent, it would only end the connection, and so would each try after it.
    const Error error =
        data_error("a request of {} bytes is over the worker's limit of {} bytes", body.size(), limit)
            .within_file(name())
            .advise("{}", rows.rows > 1 ? "; a smaller --batch makes smaller requests" : "");
    asio::post(io_, [this, life = std::weak_ptr(life_), done = std::move(done), error] {
      if (life.expired()) return;
      --outstanding_;
      done(RemoteFailure{wire::Code::invalid, error});
    });
    return 0;
  }
  const std::uint64_t deadline =
      time_left ? static_cast<std::uint64_t>(std::max<std::int64_t>(time_left->count(), 1)) : 0;
  auto& builder = connection_->builder();
  const auto words = trace.empty() ? 0 : builder.CreateString(trace);
  const auto message = wire::CreatePredict(builder, number_, deadline, words);
  return connection_->request(
      message, std::move(body),
      [this, life = std::weak_ptr(life_), count = rows.rows, done = std::move(done)](const auto& reply) {
        if (life.expired()) return;
        --outstanding_;
        if (const auto* failure = std::get_if<RemoteFailure>(&reply)) {
          if (failure->code == wire::Code::busy) {
            busy_pause_ = std::clamp(2 * busy_pause_, first_busy_pause, longest_busy_pause);
            not_before_ = clock_.now() + busy_pause_;
          }
          return done(*failure);
        }
        std::optional<Error> broken;
        RemoteOutcome outcome = read_answer(*std::get<0>(reply), count, broken);
        done(std::move(outcome));
        if (broken) throw Error(*broken);
      });
}

// Also of a request that nobody waits for any more: what follows may refer to its dictionaries.
// Bytes that can't be read make the connection `broken`.
RemoteOutcome RowStream::read_answer(const protocol::IncomingFrame& in, std::int64_t rows,
                                     std::optional<Error>& broken) {
  std::optional<Batch> batch;
  const auto* message = in.as<wire::Answer>();
  try {
    if (message == nullptr) fail_data("a message that workers do not send here");
    batch = answers_->read(in.body);
  } catch (const Error& error) {
    broken = error.as(ErrorKind::unavailable);  // a new connection may do better
    return RemoteFailure{wire::Code::draining, within(*broken, name())};
  }
  try {
    take_schema();
    const std::uint64_t version = message->version();
    if (options_.keep && version != version_) {
      warn("{}: version {} answers from here on; the rows before were answered by version {}", name(),
           version, version_.value_or(0));
    }
    version_ = version;
    busy_pause_ = std::chrono::milliseconds(0);
    if (!batch || batch->rows != rows) {
      fail_data("{} rows were asked for, {} answered", rows, batch ? batch->rows : 0);
    }
    Buffer converted;
    const predict::OutputColumn::Outputs outputs = column_->read(*batch, converted);
    if (!outputs.error.empty()) fail_data("{}", outputs.error);
    RemoteAnswer answer{std::move(*batch), outputs.values, version};
    if (converted.size() > 0) answer.batch.columns.push_back(make_column(std::move(converted)));  // keeps it
    return answer;
  } catch (const Error& error) {
    refuse(error);
    return RemoteFailure{wire::Code::draining, error_->as(ErrorKind::unavailable)};
  }
}

}  // namespace nn::client
