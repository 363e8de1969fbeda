#include "client/remote_train.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_lines.hpp"
#include "base/json_text.hpp"
#include "base/log.hpp"
#include "base/run_end.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "client/connect.hpp"
#include "client/liveness.hpp"
#include "model/model.hpp"
#include "tensor/blocks.hpp"
#include "tensor/read_ahead.hpp"

namespace nn::client {
namespace {

constexpr std::uint64_t id = 1;  // of the only request
constexpr std::uint64_t most_unsent = 4u << 20;
constexpr std::size_t model_chunk = 256u << 10;
constexpr std::chrono::milliseconds look_for_rows{2};
constexpr std::chrono::seconds time_to_stop{30};

std::string_view text_of(const format::MessageBuffer& body) {
  return {reinterpret_cast<const char*>(body.bytes().data()), body.size};
}

bool is_able(const wire::Welcome& welcome, std::string_view ability) {
  if (welcome.capabilities() == nullptr) return false;
  const auto& can = *welcome.capabilities();
  return std::any_of(can.begin(), can.end(), [&](const auto* one) { return one->string_view() == ability; });
}

class RemoteTrainer {
 public:
  RemoteTrainer(std::unique_ptr<BatchSource> rows, const RemoteTraining& options);
  void run();

 private:
  void train_there();
  asio::awaitable<void> train();
  asio::awaitable<void> send_all();
  asio::awaitable<void> send_start();
  asio::awaitable<void> send_rows();
  void begin();
  bool take(const protocol::IncomingFrame& in);  // true at the end
  void take_line(std::string_view line);
  asio::awaitable<void> watch();
  void look_at_signals();

  const RemoteTraining& options_;
  const net::Access access_;
  std::shared_ptr<const Schema> schema_;
  std::optional<std::int64_t> total_rows_;
  ReadAhead reader_;
  OutputFile model_;
  model::ModelCheck check_;  // of what is written to it
  LineFile log_, metrics_;
  std::string end_;        // the worker's line that ends the log
  bool finished_ = false;  // that is what it says
  format::MessageWriter writer_;
  asio::io_context io_{1};
  Clock& clock_ = net::clock_of(io_);
  net::Transport transport_;
  std::shared_ptr<protocol::FrameLink> link_;
  std::optional<Progress> progress_;
  std::optional<Clock::time_point> stopping_;
  std::exception_ptr error_;
  bool done_ = false;
  std::uint64_t worker_max_frame_ = 0;  // of a body that it takes
};

RemoteTrainer::RemoteTrainer(std::unique_ptr<BatchSource> rows, const RemoteTraining& options)
    : options_(options),
      access_(with_token(options.access)),
      schema_(rows->schema()),
      total_rows_(rows->total_rows()),
      reader_(std::move(rows), 2),
      model_(options.output),
      log_(options.log, {.append = options.resume, .standard = STDOUT_FILENO}),
      metrics_(options.metrics, {}),
      writer_(*schema_, format::StreamLimits{options.max_frame}),
      progress_(std::in_place, "rows", static_cast<std::uint64_t>(total_rows_.value_or(0))) {}

// The log ends as the worker's does, unless something went wrong here, or on the way.
void RemoteTrainer::run() {
  try {
    train_there();
  } catch (...) {
    try {
      log_.write(end_.empty() || finished_ ? run_ended_by(std::current_exception()) + "}\n" : end_);
    } catch (...) {  // what ended the training counts
    }
    throw;
  }
  log_.write(finished_ ? end_ : run_finished() + "}\n");
}

void RemoteTrainer::train_there() {
  const std::string name = net::to_string(options_.endpoint);
  asio::co_spawn(io_, train(), [this](std::exception_ptr error) {
    if (error && !error_) error_ = std::move(error);
    done_ = true;
    if (link_) link_->close();
  });
  while (!done_) {
    io_.run_for(std::chrono::milliseconds(50));
    look_at_signals();
  }
  progress_.reset();
  try {
    if (!error_) check_.finish();
  } catch (const Error&) {
    error_ = std::current_exception();
  }
  if (!error_) {
    model_.commit();
    return;
  }
  try {
    std::rethrow_exception(error_);
  } catch (const Error& error) {
    const Error named = within(error, name);
    if (stop_requested() == 0) throw named;
    print_message(named.what());
    throw_if_stopped();
  }
}

// The worker is asked to stop, and says what it has kept.
void RemoteTrainer::look_at_signals() {
  if (stop_requested() == 0) return;
  if (!stopping_) {
    stopping_ = clock_.now() + time_to_stop;
    if (!link_) throw_if_stopped();
    link_->send(link_->maker().finish(id, wire::CreateCancel(link_->maker().builder())));
  } else if (clock_.now() > *stopping_) {
    throw_if_stopped();
  }
}

asio::awaitable<void> RemoteTrainer::train() {
  link_ = co_await open_connection(options_.endpoint, access_, options_.max_frame, transport_);
  const auto link = link_;
  auto limit = close_after(link, io_, 2 * access_.connect_timeout);
  const protocol::IncomingFrame welcome = co_await greet(*link, access_, options_.max_frame, transport_);
  limit.cancel();
  if (!is_able(*welcome.as<wire::Welcome>(), "train")) {
    throw make_error(ErrorKind::unsupported, "this worker does not train")
        .advise("; it would have to be started with --train FOLDER");
  }
  if (!options_.from.empty() && !is_able(*welcome.as<wire::Welcome>(), "train-from"))
    fail(ErrorKind::unsupported, "this worker is of a version that begins no training with a model");
  worker_max_frame_ = welcome.as<wire::Welcome>()->max_frame();
  begin();
  const auto failed = [this](std::exception_ptr error) {
    if (!error) return;
    if (!error_) error_ = std::move(error);
    link_->close();
  };
  asio::co_spawn(io_, send_all(), failed);
  asio::co_spawn(io_, watch(), failed);
  protocol::IncomingFrame in;
  while (co_await link->read(in)) {
    if (take(in)) co_return;
  }
  throw make_error(ErrorKind::unavailable, "the connection ended before the model came")
      .advise("; --resume goes on from a checkpoint");
}

void RemoteTrainer::begin() {
  auto& builder = link_->maker().builder();
  const auto job = builder.CreateString(options_.job);
  const auto arguments = builder.CreateVectorOfStrings(options_.arguments);
  link_->send(link_->maker().finish(
      id, wire::CreateTrain(builder, job, options_.resume, arguments, !options_.from.empty()),
      protocol::message_of_bytes(options_.command_line)));
}

asio::awaitable<void> RemoteTrainer::send_all() {
  if (!options_.from.empty()) co_await send_start();
  if (!done_) co_await send_rows();
}

asio::awaitable<void> RemoteTrainer::send_start() {
  const auto link = link_;
  const UniqueFd file = open_input(options_.from);
  for (bool last = false; !last;) {
    auto memory = std::make_shared<Buffer>(model_chunk);
    const std::size_t n = read_some(file.get(), memory->bytes(), options_.from);
    last = n == 0;
    link->send(link->maker().finish(id, wire::CreateModel(link->maker().builder(), last),
                                    {{std::move(memory), n}, {}}));
    co_await link->sent_down_to(most_unsent);
    if (done_) co_return;
  }
}

asio::awaitable<void> RemoteTrainer::send_rows() {
  const auto link = link_;
  Blocks blocks(rows_of_message(*schema_));
  net::Timer pause(io_.get_executor());
  std::uint64_t sent = 0;
  while (!reader_.ended()) {
    auto batch = reader_.try_next();
    if (!batch) {
      pause.expires_after(look_for_rows);
      co_await pause.wait();
      if (done_) co_return;
      continue;
    }
    blocks.refill(std::move(*batch));
    while (!blocks.empty()) {
      Batch rows = blocks.cut();
      sent += static_cast<std::uint64_t>(rows.rows);
      writer_.write(rows);
      format::OutgoingMessages body = writer_.take();
      if (worker_max_frame_ > 0 && body.size() > worker_max_frame_) {
        fail_data("a message of {} bytes of rows is over the worker's limit of {} bytes", body.size(),
                  worker_max_frame_);
      }
      link->send(link->maker().finish(id, wire::CreateRows(link->maker().builder(), false), std::move(body)));
      co_await link->sent_down_to(most_unsent);
      if (done_) co_return;
      if (progress_) progress_->update(sent, "sending");
    }
  }
  reader_.next();  // throws what ended it
  link->send(link->maker().finish(id, wire::CreateRows(link->maker().builder(), true), writer_.take()));
  progress_.emplace("epochs", options_.epochs);
}

bool RemoteTrainer::take(const protocol::IncomingFrame& in) {
  switch (in.frame->message_type()) {
    case wire::Message::Progress: take_line(text_of(in.body)); return false;
    case wire::Message::Notice:
      progress_->clear();
      for (const std::string& line : split(trim(text_of(in.body)), '\n')) {
        print_message(fmt::format("{}: {}", net::to_string(options_.endpoint), printable(line, 1000)));
      }
      return false;
    case wire::Message::Model:
      check_.add(in.body.bytes());
      model_.write(in.body.bytes());
      return in.as<wire::Model>()->last();
    case wire::Message::Failed: throw protocol::error_of(*in.as<wire::Failed>());
    case wire::Message::Goodbye:
    case wire::Message::Report: return false;
    default: fail_data("a message that workers do not send here");
  }
}

// A line of the log, into ours and on the progress line.
void RemoteTrainer::take_line(std::string_view line) {
  constexpr std::size_t deepest = 16;
  const auto record =
      json_nests_deeper(line, deepest) ? nlohmann::json() : nlohmann::json::parse(line, nullptr, false);
  if (record.is_object() && record.contains("end")) {
    end_ = line;
    finished_ = record["end"] == "finished";
    return;
  }
  log_.write(line);
  if (!record.is_object() || !record.contains("epoch")) return;
  metrics_.write(line);
  const auto figure = [&](const char* name) {
    const auto found = record.find(name);
    return found != record.end() && found->is_number() ? found->get<double>() : 0.0;
  };
  std::string figures = fmt::format("loss {:.4g}", figure("loss"));
  for (const char* name : {"val_loss", "val_accuracy", "val_rmse"}) {
    if (record.contains(name)) figures += fmt::format("  {} {:.4g}", name, figure(name));
  }
  progress_->update(static_cast<std::uint64_t>(std::max(figure("epoch"), 0.0)), figures);
}

// A worker that is asked and says nothing for long is as good as gone.
asio::awaitable<void> RemoteTrainer::watch() {
  const auto link = link_;
  net::Timer timer(io_.get_executor());
  Liveness liveness(clock_.now());
  while (!done_) {
    timer.expires_after(std::chrono::seconds(1));
    co_await timer.wait();
    if (done_) co_return;
    switch (liveness.look(clock_.now(), link->last_received())) {
      case Liveness::Step::wait: break;
      case Liveness::Step::ask: ask_whether_alive(*link); break;
      case Liveness::Step::give_up:
        throw make_error(ErrorKind::unavailable, "no sign of life for {} s",
                         LivenessTimes{}.give_up_after.count() / 1000);
    }
  }
}

}  // namespace

void train_remote(std::unique_ptr<BatchSource> rows, const RemoteTraining& options) {
  RemoteTrainer(std::move(rows), options).run();
}

}  // namespace nn::client
