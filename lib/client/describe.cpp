#include "client/describe.hpp"

#include <utility>

namespace nn::client {
namespace {

using Told = std::function<void(std::variant<ModelDescription, Error>)>;

// Keeps itself until it has told.
class Inquiry : public std::enable_shared_from_this<Inquiry> {
 public:
  Inquiry(asio::io_context& io, std::vector<std::shared_ptr<Connection>> workers, ModelQuestion question,
          Told told)
      : question_(std::move(question)), told_(std::move(told)), limit_(io.get_executor()) {
    for (auto& worker : workers) asked_.push_back(std::make_unique<Asked>(*this, std::move(worker)));
  }

  void start() {
    limit_.expires_after(question_.patience);
    limit_.wait([self = shared_from_this()](bool expired) {
      if (!expired || self->asked_.empty()) return;
      const Error why = self->last_ ? *self->last_ : self->asked_[0]->worker->error();
      self->tell(why.as(ErrorKind::unavailable));
    });
    for (std::size_t w = 0; w < asked_.size(); ++w) asked_[w]->connection_changed();
  }

 private:
  // Watches one worker while the question is open.
  struct Asked : Connection::Watcher {
    Asked(Inquiry& its_inquiry, std::shared_ptr<Connection> its_worker)
        : inquiry(its_inquiry), worker(std::move(its_worker)) {
      worker->add(*this);
    }
    ~Asked() override { worker->remove(*this); }
    void connection_changed() override { inquiry.look_at(*this); }
    Inquiry& inquiry;
    std::shared_ptr<Connection> worker;
  };

  void look_at(Asked& asked) {
    Connection& worker = *asked.worker;
    if (worker.state() == Connection::State::refused) last_ = worker.error();
    if (worker.state() != Connection::State::ready) return;
    if (!worker.worker_can("describe")) {
      last_ = make_error(ErrorKind::unsupported, "this worker is too old: it doesn't describe its models")
                  .within_file(worker.name());
      return;
    }
    auto& builder = worker.builder();
    const auto model = builder.CreateString(question_.model);
    worker.request(wire::CreateDescribe(builder, model, question_.version), {},
                   [self = shared_from_this(), name = worker.name()](const auto& reply) {
                     self->answered(name, reply);
                   });
  }

  void answered(const std::string& name,
                const std::variant<const protocol::IncomingFrame*, RemoteFailure>& reply) {
    if (const auto* failure = std::get_if<RemoteFailure>(&reply)) {
      last_ = failure->error;
      if (failure->error.kind() != ErrorKind::unavailable) tell(failure->error);
      return;
    }
    try {
      const protocol::IncomingFrame& in = *std::get<0>(reply);
      const auto* described = in.as<wire::Described>();
      if (described == nullptr) fail_data("a message that workers do not send here");
      format::MessageReader reader(name);
      reader.read(in.body);
      if (!reader.schema()) fail_data("no schema of the model's inputs");
      tell(ModelDescription{described->version(), flatbuffers::GetString(described->digest()),
                            reader.schema()});
    } catch (const Error& error) {
      tell(within(error, name));
    }
  }

  void tell(std::variant<ModelDescription, Error> what) {
    if (!told_) return;
    limit_.cancel();
    std::exchange(told_, nullptr)(std::move(what));
    asked_.clear();
  }

  ModelQuestion question_;
  Told told_;
  net::Timer limit_;
  std::vector<std::unique_ptr<Asked>> asked_;
  std::optional<Error> last_;
};

}  // namespace

void describe(asio::io_context& io, std::vector<std::shared_ptr<Connection>> workers, ModelQuestion question,
              std::function<void(std::variant<ModelDescription, Error>)> told) {
  std::make_shared<Inquiry>(io, std::move(workers), std::move(question), std::move(told))->start();
}

}  // namespace nn::client
