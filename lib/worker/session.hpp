// One client of a worker, and what all of them share. For this module only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "protocol/frame.hpp"
#include "serving/engine.hpp"
#include "serving/event_log.hpp"
#include "serving/stats.hpp"
#include "worker/training.hpp"
#include "worker/worker.hpp"

namespace nn::worker {

class Session;

// The serving thread's state.
struct Service {
  asio::io_context& io;
  Clock& clock;
  const WorkerOptions& options;
  std::string token;
  serving::ModelStore& models;
  serving::Engine& engine;
  serving::EventLog& log;
  serving::WorkerStats stats;
  std::set<std::shared_ptr<Session>> sessions;
  std::int64_t inflight = 0;           // requests in the engine
  std::shared_ptr<Training> training;  // one at a time
  bool draining = false;
  std::function<void()> on_change;  // a session or a request ended
  std::optional<Error> broken{};    // the device failed: the worker has to end
};

// A table that a client sends rows of, and what they are answered with.
struct OpenStream {
  std::string model;
  std::uint64_t version = 0;  // 0: whichever is served
  format::MessageReader rows;
  std::shared_ptr<const serving::Binding> binding;  // to the version that answered last
  std::optional<format::MessageWriter> answers;
  std::shared_ptr<const serving::Binding> answering;  // whose schema the client has
  format::StreamLimits limits;

  OpenStream(std::string name, std::uint64_t wanted, std::uint64_t max_frame)
      : model(std::move(name)), version(wanted), rows("request", {max_frame}) {}
};

struct Request : serving::Job {
  std::weak_ptr<Session> session;
  std::uint64_t id = 0;
  std::shared_ptr<OpenStream> stream;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Service& service, net::Socket socket, std::string name);

  asio::awaitable<void> run();
  // A request has been computed, or given up.
  void finish(Request& request);
  // Tells the client that the worker ends; the connection closes when all is answered.
  void drain();
  // Closes a connection that has been silent for too long.
  void check_time(Clock::time_point now);
  bool busy() const { return !requests_.empty() || training_ || !link_->all_sent(); }
  void close() { link_->close(); }
  void close_when_sent() { link_->close_when_sent(); }
  const protocol::FrameLink& link() const { return *link_; }

 private:
  bool greet(const protocol::IncomingFrame& in);
  void handle(const protocol::IncomingFrame& in);
  void open(const protocol::IncomingFrame& in);
  void predict(const protocol::IncomingFrame& in);
  void cancel(std::uint64_t id);
  void train(const protocol::IncomingFrame& in);
  void take_rows(const protocol::IncomingFrame& in);
  void query(const protocol::IncomingFrame& in);
  void change(std::uint64_t id, std::string_view model, std::uint64_t version, bool load);
  std::shared_ptr<const serving::Binding> bind(OpenStream& stream,
                                               const std::shared_ptr<const Schema>& schema);
  void answer(Request& request);
  // A message for anybody; `advice` may name options.
  void refuse(std::uint64_t id, wire::Code code, std::string_view message, std::string_view advice = {});
  void refuse(std::uint64_t id, wire::Code code, const Error& error);
  void refuse(std::uint64_t id, const Error& error);  // with the code of its kind

  Service& service_;
  std::string name_;
  std::shared_ptr<protocol::FrameLink> link_;
  std::unordered_map<std::uint32_t, std::shared_ptr<OpenStream>> streams_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Request>> requests_;
  std::shared_ptr<Training> training_;
  std::uint64_t client_frame_ = format::default_max_frame;
  bool greeted_ = false;
  Clock::time_point started_;
};

// The answers to questions about health, status, models and stats, as JSON.
std::string describe(const Service& service, wire::What what);

}  // namespace nn::worker
