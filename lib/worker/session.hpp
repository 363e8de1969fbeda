// One client of a worker. For this module only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "format/arrow/messages.hpp"
#include "worker/service.hpp"
#include "worker/stream_memory.hpp"

namespace nn::worker {

// A table that a client sends rows of, and what they are answered with.
struct OpenStream {
  std::string model;
  std::uint64_t version = 0;  // 0: whichever is served
  std::string label;          // the one that it points to, unless it is empty
  bool keep = false;          // the version of the first answer for all, while rows come
  format::MessageReader rows;
  std::shared_ptr<const serving::Binding> binding;  // to the version that answered last
  Clock::time_point used;                           // when a request came last
  std::optional<format::MessageWriter> answers;
  std::weak_ptr<const serving::Binding> answering;  // whose schema the client has
  format::StreamLimits limits;
  std::uint64_t kept = 0;  // bytes, as counted

  OpenStream(std::string name, std::uint64_t wanted, std::uint64_t max_frame)
      : model(std::move(name)),
        version(wanted),
        rows("request", {.max_frame = max_frame, .keep_metadata = false}) {}
};

struct ClientRequest : serving::Request {
  ClientRequest(Service& its_service, std::weak_ptr<Session> its_session)
      : service(its_service), session(std::move(its_session)) {}
  void completed() override;

  Service& service;
  std::weak_ptr<Session> session;
  std::uint64_t id = 0;
  std::shared_ptr<OpenStream> stream;
};

// Where a client came in.
struct Origin {
  std::string name;            // for logs
  bool may_administer = true;  // load and unload
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Service& service, net::Socket socket, Origin origin);

  // Ends with the connection, and throws nothing.
  asio::awaitable<void> run();
  // A request has been computed, or given up.
  void finish(ClientRequest& request);
  // Tells the client that the worker ends; the connection closes when all is answered.
  void drain();
  // Closes a connection that has been silent for too long, and lets go what it doesn't use.
  void check_time(Clock::time_point now);
  // Makes room for somebody else: tells the client why, and closes.
  void evict(std::string_view why, std::string_view advice);
  bool busy() const { return !requests_.empty() || training_ || !link_->all_sent(); }
  bool is_client() const { return client_; }  // it has opened something
  Clock::time_point started() const { return started_; }
  void close_when_sent() { link_->close_when_sent(); }
  const protocol::FrameLink& link() const { return *link_; }
  // What ended it, unless the client did.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  void close();
  // What a body says, or why it can't be read.
  struct Rows {
    std::optional<Batch> batch;
    std::optional<Error> error;
    std::uint64_t bytes = 0;  // of memory, roughly
  };
  asio::awaitable<void> serve();
  void end(std::string_view why);
  bool greet(const protocol::IncomingFrame& in);
  asio::awaitable<void> handle(const protocol::IncomingFrame& in);
  void handle_at_once(const protocol::IncomingFrame& in);
  bool become_client(std::uint64_t id);
  void open(const protocol::IncomingFrame& in, const std::shared_ptr<OpenStream>& stream, const Rows& rows);
  std::shared_ptr<OpenStream> new_stream(const wire::Open& message) const;
  void predict(const protocol::IncomingFrame& in, const std::shared_ptr<OpenStream>& stream, Rows rows);
  void describe(const protocol::IncomingFrame& in);
  void cancel(std::uint64_t id);
  void train(const protocol::IncomingFrame& in);
  void take_rows(const protocol::IncomingFrame& in);
  void take_model(const protocol::IncomingFrame& in);
  template <typename Take>
  void take_for_training(const protocol::IncomingFrame& in, Take take);
  void change(std::uint64_t id, std::string_view model, std::uint64_t version, bool load);
  std::optional<Error> keep(OpenStream& stream);
  void forget(std::uint32_t number);
  std::optional<Error> bind(OpenStream& stream, const Schema& schema);
  void answer(ClientRequest& request);
  void log_traced(const ClientRequest& request);
  void log_failure(const ClientRequest& request);
  // A message for anybody; `advice` may name options.
  void refuse(std::uint64_t id, wire::Code code, std::string_view message, std::string_view advice = {});
  void refuse(std::uint64_t id, wire::Code code, const Error& error);
  void refuse(std::uint64_t id, const Error& error);  // with the code of its kind

  Service& service_;
  Origin origin_;
  const std::uint64_t number_;
  std::shared_ptr<protocol::FrameLink> link_;
  std::unordered_map<std::uint32_t, std::shared_ptr<OpenStream>> streams_;
  StreamMemory stream_memory_;
  std::unordered_map<std::uint64_t, std::shared_ptr<ClientRequest>> requests_;
  std::shared_ptr<Training> training_;
  std::uint64_t client_frame_ = format::default_max_frame;
  bool greeted_ = false, client_ = false;
  std::optional<Error> failure_;
  Clock::time_point started_;
};

}  // namespace nn::worker
