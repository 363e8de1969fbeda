#include "client/remote_model.hpp"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <cstring>
#include <map>
#include <utility>

#include "base/text.hpp"
#include "client/describe.hpp"
#include "client/remote_load.hpp"
#include "client/replicas.hpp"

namespace nn::client {
namespace {

using serving::Request;
constexpr std::size_t window = 64;  // requests at a worker, so that it has something to batch
using Told = std::function<void(std::variant<std::shared_ptr<serving::Servable>, Error>)>;

// The table's tensor that has all of the model's columns, where these are numbers.
std::optional<std::size_t> matrix_of(const Schema& table, const ColumnNames& names, const Schema& inputs) {
  std::vector<std::string_view> columns;
  for (const Field& input : inputs.fields) {
    if (!is_number(input.type) || !input.shape.empty()) return std::nullopt;
    columns.push_back(input.name);
  }
  return find_matrix(table, names, columns);
}

// The columns of a table that the model wants, in the model's order, with the table's types.
ColumnChoice wanted_of(const Schema& table, const Schema& inputs) {
  const ColumnNames names(table);
  if (const auto matrix = matrix_of(table, names, inputs)) return {table, {*matrix}};
  std::vector<std::size_t> positions;
  for (const Field& input : inputs.fields) {
    const auto found = names.named(input.name);
    if (found.empty()) fail_data("the table has no column '{}'", printable(input.name));
    if (found.size() > 1) {
      fail_data("the table has more than one column '{}', so it is not clear which one the model means",
                printable(input.name));
    }
    positions.push_back(found[0].second);
  }
  return {table, std::move(positions)};
}

// What makes tables need streams of their own.
std::string signature_of(const Schema& table) {
  std::string out;
  for (const Field& field : table.fields) {
    out += fmt::format("{}:{}", static_cast<int>(field.type), field.nullable ? 1 : 0);
    for (const std::int64_t extent : field.shape) out += fmt::format(",{}", extent);
    out += ';';
  }
  return out;
}

// What lives in the thread of the io_context: a dispatcher for each kind of table.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(asio::io_context& io, const Workers& workers, RemoteModelOptions options, ModelDescription description)
      : load(workers.connections().size() * window),
        io_(io),
        connections_(workers.connections()),
        options_(std::move(options)),
        description_(std::move(description)),
        limit_(io.get_executor()) {}

  const RemoteModelOptions& options() const { return options_; }
  const ModelDescription& description() const { return description_; }
  asio::io_context& io() { return io_; }

  // What the model answers is known when its first stream is open.
  void open(std::function<void(std::variant<predict::PredictionKind, Error>)> opened) {
    opened_ = std::move(opened);
    const Dispatcher& dispatcher = dispatcher_of(*description_.inputs);
    if (!opened_) return;
    limit_.expires_after(options_.patience);
    limit_.wait([self = shared_from_this(), &dispatcher](bool expired) {
      if (!expired || !self->opened_) return;
      const std::string why = dispatcher.reports().front().error;
      self->tell_opened(Error(ErrorKind::unavailable, why.empty() ? "no worker answers" : why));
    });
  }
  // `rows_then` as RemoteLoad::come() said it.
  void submit(std::shared_ptr<Request> request, std::int64_t rows_then) {
    if (broken_) return complete(std::move(request), *broken_);
    const std::uint64_t number = next_++;
    Batch rows = request->binding->table.columns.of(request->rows);
    const auto deadline = request->deadline;
    requests_[number] = {std::move(request), net::clock_of(io_).now(), rows_then};
    Dispatcher& dispatcher = dispatcher_of(*rows.schema);
    dispatcher.submit(number, std::move(rows), deadline, requests_[number].request->trace,
                      [asked = requests_[number].request] { return asked->is_cancelled(); });
  }
  void stop() {
    for (auto& [signature, dispatcher] : dispatchers_) dispatcher->stop();
    dispatchers_.clear();
    auto left = std::exchange(requests_, {});
    for (auto& [number, waiting] : left) {
      waiting.request->state = Request::State::cancelled;
      tell(std::move(waiting.request));
    }
  }
  // Bytes of requests that wait.
  std::atomic<std::uint64_t> bytes{0};
  RemoteLoad load;

 private:
  struct Waiting {
    std::shared_ptr<Request> request;
    Clock::time_point sent;
    std::int64_t rows_then = 0;  // that were under way, its own included
  };

  Dispatcher& dispatcher_of(const Schema& table) {
    auto& dispatcher = dispatchers_[signature_of(table)];
    if (dispatcher) return *dispatcher;
    DispatchOptions dispatch;
    dispatch.workers = connections_;
    dispatch.stream.model = options_.remote_name;
    dispatch.stream.version = description_.version;
    dispatch.stream.table = std::make_shared<Schema>(table);
    dispatch.stream.outlasts_end = false;
    dispatch.patience = options_.grace;
    dispatcher = std::make_unique<Replicas>(io_, std::move(dispatch), replicas_options(), events());
    dispatcher->start();
    return *dispatcher;
  }

  ReplicasOptions replicas_options() {
    constexpr double hedged = 0.05, retried = 0.2;  // of the requests
    ReplicasOptions out;
    out.hedge = options_.hedge;
    out.hedged_share = hedged;
    out.persistent = true;
    out.most_tries = options_.most_tries;
    out.retried_share = retried;
    out.window = window;
    out.balancer.of_two = true;
    out.balancer.seed = options_.seed;
    out.balancer.left_out = [this](std::size_t worker, const std::string& why) {
      if (options_.left_out) options_.left_out(connections_[worker]->name(), why);
    };
    return out;
  }

  Dispatcher::Events events() {
    Dispatcher::Events events;
    events.ready = [this](const predict::PredictionKind& kind) { tell_opened(kind); };
    events.answered = [this](std::uint64_t number, BlockAnswer answer) {
      auto waiting = requests_.extract(number);
      if (waiting) answered(waiting.mapped(), answer.parts.at(0).answer);
    };
    events.failed = [this](std::uint64_t number, const Error& error) {
      auto waiting = requests_.extract(number);
      if (waiting) complete(std::move(waiting.mapped().request), error);
    };
    events.broken = [this](const Error& error) { broken(error); };
    events.dropped = [](std::size_t) {};  // other models may need the connection
    return events;
  }

  void tell_opened(std::variant<predict::PredictionKind, Error> what) {
    limit_.cancel();
    if (opened_) std::exchange(opened_, nullptr)(std::move(what));
  }

  void answered(Waiting& waiting, const RemoteAnswer& answer) {
    Request& request = *waiting.request;
    const auto now = net::clock_of(io_).now();
    request.waited = std::chrono::duration_cast<std::chrono::microseconds>(waiting.sent - request.arrived);
    request.computed = std::chrono::duration_cast<std::chrono::microseconds>(now - waiting.sent);
    load.answered(waiting.rows_then, now - waiting.sent);
    try {
      const std::int64_t width = request.binding->builder.kind().width();
      const std::size_t size = static_cast<std::size_t>(request.rows.rows * width) * sizeof(float);
      if (request.out == nullptr) request.values.reserve_discarding(size);
      std::memcpy(request.out != nullptr ? request.out : request.values.as<float>(), answer.values, size);
      request.answer();
      tell(std::move(waiting.request));
    } catch (...) {
      complete(std::move(waiting.request), error_of(std::current_exception()));
    }
  }

  void complete(std::shared_ptr<Request> request, const Error& error) {
    const bool late = request->deadline && net::clock_of(io_).now() >= *request->deadline;
    request->state = request->is_cancelled() ? Request::State::cancelled
                     : late                  ? Request::State::late
                                             : Request::State::failed;
    // The device of a worker is none of this process.
    request->error = error.kind() == ErrorKind::device ? error.as(ErrorKind::unavailable) : error;
    if (options_.failed && request->state == Request::State::failed && error.kind() != ErrorKind::data)
      options_.failed(error);
    tell(std::move(request));
  }

  void tell(std::shared_ptr<Request> request) {
    bytes -= request->bytes;
    load.gone(request->rows.rows);
    const auto completion = std::move(request->completion);
    completion->complete({&request, 1});
  }

  // Workers that answer different things: nothing can be said for this model any more.
  void broken(const Error& error) {
    tell_opened(error);
    auto left = std::exchange(requests_, {});
    broken_ = make_error(ErrorKind::unavailable, "the workers of this model answer different things")
                  .within_file(error.what());
    for (auto& [number, waiting] : left) complete(std::move(waiting.request), *broken_);
  }

  asio::io_context& io_;
  std::vector<std::shared_ptr<Connection>> connections_;
  RemoteModelOptions options_;
  ModelDescription description_;
  std::function<void(std::variant<predict::PredictionKind, Error>)> opened_;
  net::Timer limit_;
  std::map<std::string, std::unique_ptr<Dispatcher>> dispatchers_;
  std::map<std::uint64_t, Waiting> requests_;
  std::uint64_t next_ = 0;
  std::optional<Error> broken_;  // why it answers nothing any more
};

class RemoteModel : public serving::Servable {
 public:
  RemoteModel(std::shared_ptr<Core> core, predict::PredictionKind kind)
      : Servable(core->options().name, core->description().version),
        core_(std::move(core)),
        kind_(std::move(kind)),
        outputs_(predict::PredictionBuilder(kind_, *core_->description().inputs, false, {}).schema()) {}
  // The core and its connections end in their thread, whoever was the last to need them.
  ~RemoteModel() override {
    asio::io_context& io = core_->io();
    asio::post(io, [core = std::move(core_)] { core->stop(); });
  }

  const std::string& digest() const override { return core_->description().digest; }
  const predict::PredictionKind& kind() const override { return kind_; }
  std::shared_ptr<const Schema> inputs() const override { return core_->description().inputs; }
  std::shared_ptr<const Schema> outputs() const override { return outputs_; }
  // The workers bind their own encoders.
  serving::BoundTable bind(const Schema& table) const override {
    return {.columns = wanted_of(table, *inputs())};
  }
  bool submit(std::shared_ptr<Request> request) override {
    const std::uint64_t before = core_->bytes.fetch_add(request->bytes);
    if (before > 0 && before + request->bytes > core_->options().queue_bytes) {
      core_->bytes -= request->bytes;
      return false;
    }
    const std::int64_t rows_then = core_->load.come(request->rows.rows);
    asio::post(core_->io(), [core = core_, request = std::move(request), rows_then]() mutable {
      core->submit(std::move(request), rows_then);
    });
    return true;
  }
  std::chrono::microseconds predicted_wait(std::int64_t rows, serving::Priority) const override {
    return core_->load.predicted_wait(rows);
  }

 private:
  std::shared_ptr<Core> core_;
  predict::PredictionKind kind_;
  std::shared_ptr<const Schema> outputs_;
};

}  // namespace

Workers::Workers(asio::io_context& io, const std::vector<net::Endpoint>& endpoints, const net::Access& access,
                 std::uint64_t max_frame)
    : own_(true) {
  for (const net::Endpoint& endpoint : endpoints) {
    connections_.push_back(std::make_shared<Connection>(io, ConnectionOptions{endpoint, access, max_frame}));
    asio::post(io, [connection = connections_.back()] { connection->start(); });
  }
}

Workers::Workers(std::vector<std::shared_ptr<Connection>> connections)
    : connections_(std::move(connections)) {}

Workers::~Workers() {
  if (!own_) return;
  for (const auto& connection : connections_) connection->stop();
}

void open_remote_model(asio::io_context& io, const Workers& workers, RemoteModelOptions options, Told told) {
  ModelQuestion question{options.remote_name, options.version, options.patience};
  describe(
      io, workers.connections(), std::move(question),
      [&io, &workers, options = std::move(options),
       told = std::move(told)](std::variant<ModelDescription, Error> described) {
        if (const auto* error = std::get_if<Error>(&described)) return told(*error);
        const auto core = std::make_shared<Core>(io, workers, options, std::get<ModelDescription>(described));
        // The core lives until its model is gone, or until it is told that there is none.
        core->open([core, told](std::variant<predict::PredictionKind, Error> opened) {
          if (const auto* error = std::get_if<Error>(&opened)) {
            asio::post(core->io(), [core] { core->stop(); });
            return told(*error);
          }
          told(std::make_shared<RemoteModel>(core, std::get<predict::PredictionKind>(std::move(opened))));
        });
      });
}

}  // namespace nn::client
