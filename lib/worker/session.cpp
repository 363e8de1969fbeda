#include "worker/session.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/version.hpp"

namespace nn::worker {
namespace {

constexpr std::size_t most_streams = 1024;  // of a connection
constexpr std::uint64_t most_unsent = 4u << 20;
constexpr std::size_t longest_command_line = 100'000;
constexpr std::chrono::seconds hello_timeout{10};
constexpr std::chrono::seconds stuck_timeout{60};  // of a client that doesn't take its answers

// Takes the same time wherever they differ.
bool same_secret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0u : 1u;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const char c = a.empty() ? '\0' : a[i % a.size()];
    difference |= static_cast<unsigned char>(c ^ b[i]);
  }
  return difference == 0;
}

}  // namespace

Session::Session(Service& service, net::Socket socket, std::string name)
    : service_(service),
      name_(std::move(name)),
      link_(std::make_shared<protocol::FrameLink>(std::move(socket), service.options.max_frame)),
      started_(service.clock.now()) {}

asio::awaitable<void> Session::run() {
  const auto self = shared_from_this();
  const auto link = link_;
  service_.log.write("connect", {{"client", name_}});
  std::string why;
  try {
    protocol::IncomingFrame in;
    while (co_await link->read(in)) {
      if (greeted_ || greet(in)) handle(in);
      // A client that sends on and takes no answers is not read from any more.
      if (link->unsent_bytes() > most_unsent) co_await link->sent_down_to(most_unsent);
      if (const auto training = training_) co_await training->taken_down_to(most_unsent);
      if (link->closing()) break;
    }
  } catch (const Error& error) {
    why = error.what();
    if (error.kind() == ErrorKind::data) {
      ++service_.stats.protocol_errors;
      refuse(0, wire::Code::invalid, error);
      link->close_when_sent();
    }
  } catch (const std::exception& error) {  // of this client's doing or not: the others go on
    why = error.what();
    refuse(0, wire::Code::internal, why);
  }
  if (training_) training_->stop(wire::Code::cancelled);
  for (const auto& [id, request] : requests_) request->cancelled = true;
  service_.stats.cancelled += requests_.size();
  requests_.clear();
  streams_.clear();
  link->close_when_sent();
  service_.stats.received_bytes += link->received_bytes();
  service_.stats.sent_bytes += link->sent_bytes();
  JsonFields fields = {{"client", name_}, {"received_bytes", link->received_bytes()}};
  if (!why.empty()) fields.emplace("error", why);
  service_.log.write("disconnect", fields);
  service_.sessions.erase(self);
  service_.on_change();
}

void Session::refuse(std::uint64_t id, wire::Code code, std::string_view message, std::string_view advice) {
  link_->send(link_->maker().failed(id, code, message, advice));
}

void Session::refuse(std::uint64_t id, wire::Code code, const Error& error) {
  link_->send(link_->maker().failed(id, code, error));
}

void Session::refuse(std::uint64_t id, const Error& error) {
  refuse(id, protocol::code_of(error.kind()), error);
}

bool Session::greet(const protocol::IncomingFrame& in) {
  const auto* hello = in.as<wire::Hello>();
  if (hello == nullptr) fail_data("the connection does not begin with a greeting");
  if (hello->version() != protocol::protocol_version) {
    refuse(in.frame->id(), wire::Code::unsupported,
           fmt::format("protocol version {}; this worker ({}) speaks {}", hello->version(), tools_version(),
                       protocol::protocol_version));
    link_->close_when_sent();
    return false;
  }
  if (!service_.token.empty() && !same_secret(flatbuffers::GetStringView(hello->token()), service_.token)) {
    service_.log.write("unauthenticated", {{"client", name_}});
    if (hello->token() == nullptr) {
      refuse(in.frame->id(), wire::Code::unauthenticated, "this worker asks for a token", " (--token-file)");
    } else {
      refuse(in.frame->id(), wire::Code::unauthenticated, "wrong token");
    }
    link_->close_when_sent();
    return false;
  }
  if (hello->max_frame() > 0) client_frame_ = std::min(hello->max_frame(), std::uint64_t{1} << 31);
  auto& builder = link_->maker().builder();
  const auto agent = builder.CreateString(fmt::format("nn-worker {}", tools_version()));
  const auto device = builder.CreateString(backend::to_string(service_.options.device));
  std::vector<std::string> abilities = {"predict", "admin"};
  if (!service_.options.train_folder.empty()) abilities.emplace_back("train");
  const auto can = builder.CreateVectorOfStrings(abilities);
  const auto inflight = static_cast<std::uint32_t>(service_.options.max_inflight);
  link_->send(link_->maker().finish(in.frame->id(),
                                    wire::CreateWelcome(builder, protocol::protocol_version, agent, device,
                                                        service_.options.max_frame, inflight, can)));
  greeted_ = true;
  return false;
}

void Session::handle(const protocol::IncomingFrame& in) {
  const std::uint64_t id = in.frame->id();
  switch (in.frame->message_type()) {
    case wire::Message::Predict: return predict(in);
    case wire::Message::Open: return open(in);
    case wire::Message::Close: streams_.erase(in.as<wire::Close>()->stream()); return;
    case wire::Message::Cancel: return cancel(id);
    case wire::Message::Query: return query(in);
    case wire::Message::Train: return train(in);
    case wire::Message::Rows: return take_rows(in);
    case wire::Message::Load: {
      const auto* load = in.as<wire::Load>();
      return change(id, flatbuffers::GetStringView(load->model()), load->version(), true);
    }
    case wire::Message::Unload: {
      const auto* unload = in.as<wire::Unload>();
      return change(id, flatbuffers::GetStringView(unload->model()), unload->version(), false);
    }
    default:
      fail_data("a message that clients do not send ({})", wire::EnumNameMessage(in.frame->message_type()));
  }
}

std::shared_ptr<const serving::Binding> Session::bind(OpenStream& stream,
                                                      const std::shared_ptr<const Schema>& schema) {
  const auto model = service_.models.find(stream.model, stream.version);
  if (!model) return nullptr;
  if (stream.binding && stream.binding->model == model) return stream.binding;
  Metadata metadata;
  metadata.set("nn.model", model->predictor.digest());
  metadata.set("nn.members", predict::json_array({model->name}));
  stream.binding = std::make_shared<serving::Binding>(serving::Binding{
      model, model->predictor.bind(*schema),
      predict::PredictionBuilder(model->predictor.kind(), *schema, false, std::move(metadata))});
  return stream.binding;
}

void Session::open(const protocol::IncomingFrame& in) {
  const auto* message = in.as<wire::Open>();
  const std::uint64_t id = in.frame->id();
  if (streams_.size() >= most_streams) {
    return refuse(id, wire::Code::busy, fmt::format("{} open streams on one connection", most_streams));
  }
  auto stream = std::make_shared<OpenStream>(flatbuffers::GetString(message->model()), message->version(),
                                             service_.options.max_frame);
  stream->limits.max_frame = client_frame_;
  try {
    stream->rows.read(in.body);
    if (!stream->rows.schema()) fail_data("no schema");
    const auto binding = bind(*stream, stream->rows.schema());
    if (!binding) {
      return refuse(id, wire::Code::not_found,
                    service_.models.reason_for_absence(stream->model, stream->version));
    }
    stream->answering = binding;
    stream->answers.emplace(*binding->builder.schema(), stream->limits);
    auto& builder = link_->maker().builder();
    const auto digest = builder.CreateString(binding->model->predictor.digest());
    link_->send(link_->maker().finish(id, wire::CreateOpened(builder, binding->model->version, digest),
                                      stream->answers->take()));
    streams_[message->stream()] = std::move(stream);
  } catch (const Error& error) {
    ++service_.stats.invalid;
    refuse(id, error);
  }
}

void Session::predict(const protocol::IncomingFrame& in) {
  const auto* message = in.as<wire::Predict>();
  const std::uint64_t id = in.frame->id();
  serving::WorkerStats& stats = service_.stats;
  ++stats.requests_total;
  if (service_.draining) return refuse(id, wire::Code::draining, "the worker ends");
  const auto found = streams_.find(message->stream());
  if (found == streams_.end()) {
    ++stats.invalid;
    return refuse(id, wire::Code::invalid, fmt::format("stream {} is not open", message->stream()));
  }
  const std::shared_ptr<OpenStream> stream = found->second;
  auto request = std::make_shared<Request>();
  request->arrived = service_.clock.now();
  try {
    auto rows = stream->rows.read(in.body);
    if (service_.inflight >= service_.options.max_inflight) {
      ++stats.busy;
      return refuse(id, wire::Code::busy, fmt::format("{} requests are in flight", service_.inflight));
    }
    if (!rows) fail_data("a request without rows");
    request->rows = std::move(*rows);
    request->binding = bind(*stream, request->rows.schema);
    if (!request->binding) {
      return refuse(id, wire::Code::not_found,
                    service_.models.reason_for_absence(stream->model, stream->version));
    }
  } catch (const Error& error) {
    // The rows that follow on the stream may refer to what could not be read.
    ++stats.invalid;
    streams_.erase(message->stream());
    return refuse(id, error);
  }
  request->session = weak_from_this();
  request->id = id;
  request->stream = stream;
  if (message->deadline_us() > 0) {
    constexpr std::uint64_t longest_us = std::uint64_t{86'400} * 1'000'000;
    request->deadline =
        request->arrived + std::chrono::microseconds(std::min(message->deadline_us(), longest_us));
  }
  if (service_.engine.try_now(*request)) return finish(*request);
  ++service_.inflight;
  requests_[id] = request;
  service_.engine.submit(std::move(request));
}

void Session::train(const protocol::IncomingFrame& in) {
  const auto* message = in.as<wire::Train>();
  const std::uint64_t id = in.frame->id();
  const WorkerOptions& options = service_.options;
  if (options.train_folder.empty()) {
    return refuse(id, wire::Code::unsupported, "this worker does not train", " (--train FOLDER)");
  }
  if (service_.draining) return refuse(id, wire::Code::draining, "the worker ends");
  if (service_.training) return refuse(id, wire::Code::busy, "another training is under way");
  TrainingRequest request;
  request.job = flatbuffers::GetStringView(message->job());
  request.resume = message->resume();
  if (const auto* arguments = message->arguments()) {
    for (const auto* argument : *arguments)
      request.arguments.emplace_back(flatbuffers::GetStringView(argument));
  }
  const auto bytes = in.body.bytes();
  if (bytes.size() > longest_command_line)
    return refuse(id, wire::Code::invalid, "the command line is too long");
  request.command_line.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const TrainingOptions how{options.train_folder, options.device, options.max_frame, options.max_rows_bytes,
                            options.drain_timeout};
  auto training = std::make_shared<Training>(service_.io, how, link_, id);
  try {
    training->start(request, [weak = weak_from_this(), &service = service_,
                              name = name_](const std::optional<Error>& error) {
      JsonFields fields = {{"client", name}};
      if (error) fields.emplace("error", error->what());
      service.log.write("trained", fields);
      service.training.reset();
      if (const auto self = weak.lock()) self->training_.reset();
      service.on_change();
    });
  } catch (const Error& error) {
    ++service_.stats.invalid;
    return refuse(id, error);
  }
  ++service_.stats.trainings_total;
  service_.log.write("train", {{"client", name_}, {"job", request.job}, {"arguments", request.arguments}});
  service_.training = training_ = std::move(training);
}

void Session::take_rows(const protocol::IncomingFrame& in) {
  if (!training_ || training_->id() != in.frame->id()) return;  // it has ended, as the client will read
  try {
    training_->take(in.body, in.as<wire::Rows>()->last());
  } catch (const Error& error) {
    refuse(in.frame->id(), error);
    training_->stop(wire::Code::invalid);
    training_.reset();
  }
}

void Session::cancel(std::uint64_t id) {
  if (training_ && training_->id() == id) return training_->stop(wire::Code::cancelled);
  const auto found = requests_.find(id);
  if (found != requests_.end()) found->second->cancelled = true;
}

void Session::finish(Request& request) {
  const auto own = requests_.find(request.id);
  if (own != requests_.end() && own->second.get() == &request) requests_.erase(own);
  serving::WorkerStats& stats = service_.stats;
  const std::string& name = request.binding->model->name;
  auto model = stats.models.find(name);
  if (model == stats.models.end()) model = stats.models.try_emplace(name).first;
  switch (request.state) {
    case serving::Job::State::answered:
      ++model->second.requests;
      model->second.rows += static_cast<std::uint64_t>(request.rows.rows);
      model->second.queue.add(request.waited);
      model->second.compute.add(request.computed);
      model->second.total.add(
          std::chrono::duration_cast<std::chrono::microseconds>(service_.clock.now() - request.arrived));
      return answer(request);
    case serving::Job::State::late:
      ++stats.late;
      return refuse(request.id, wire::Code::deadline,
                    fmt::format("late: it waited {} us", request.waited.count()));
    case serving::Job::State::dropped:
      ++stats.cancelled;
      return refuse(request.id, wire::Code::cancelled, "cancelled");
    default:
      ++model->second.failed;
      service_.log.write("failed", {{"client", name_}, {"model", name}, {"error", request.error->what()}});
      if (request.error->kind() == ErrorKind::device && !service_.broken) {
        service_.broken = request.error;
        asio::post(service_.io, service_.on_change);
      }
      return refuse(request.id, *request.error);
  }
}

void Session::answer(Request& request) {
  OpenStream& stream = *request.stream;
  if (stream.answering != request.binding) {
    stream.answering = request.binding;
    stream.answers.emplace(*request.binding->builder.schema(), stream.limits);
  }
  try {
    stream.answers->write(*request.answers);
  } catch (const Error& error) {
    return refuse(request.id, error);
  }
  auto& builder = link_->maker().builder();
  const auto us = [](std::chrono::microseconds time) {
    return static_cast<std::uint32_t>(std::min<std::int64_t>(time.count(), UINT32_MAX));
  };
  const auto message =
      wire::CreateAnswer(builder, request.binding->model->version, us(request.waited), us(request.computed));
  link_->send(link_->maker().finish(request.id, message, stream.answers->take()));
}

void Session::query(const protocol::IncomingFrame& in) {
  link_->send(link_->maker().report(in.frame->id(), describe(service_, in.as<wire::Query>()->what())));
}

void Session::change(std::uint64_t id, std::string_view model, std::uint64_t version, bool load) {
  JsonFields fields = {{"client", name_}, {"model", model}, {"version", version}};
  const auto done = [weak = weak_from_this(), &service = service_, id, load,
                     fields = std::move(fields)](const std::optional<Error>& error) mutable {
    if (error) fields.emplace("error", error->what());
    service.log.write(load ? "load_request" : "unload_request", fields);
    const auto self = weak.lock();
    if (!self) return;
    if (error) return self->refuse(id, wire::Code::not_found, *error);
    self->link_->send(self->link_->maker().report(id, describe(service, wire::What::models)));
  };
  service_.models.change(std::string(model), version, load, done);
}

void Session::drain() {
  link_->on_all_sent(service_.on_change);
  auto& builder = link_->maker().builder();
  link_->send(link_->maker().finish(0, wire::CreateGoodbye(builder)));
}

void Session::check_time(Clock::time_point now) {
  const auto silent = now - link_->last_activity();
  if (!greeted_ && now - started_ > hello_timeout) return close();
  if (!link_->all_sent()) {
    if (silent > stuck_timeout) close();
    return;
  }
  if (training_) {  // its client asks from time to time whether we live
    if (now - link_->last_received() > stuck_timeout) close();
    return;
  }
  const auto idle = service_.options.idle_timeout;
  if (idle.count() > 0 && requests_.empty() && silent > idle) close();
}

std::string describe(const Service& service, wire::What what) {
  using nlohmann::json;
  const auto models = [&] {
    json out = json::array();
    for (const serving::ModelStore::Listed& listed : service.models.list()) {
      json versions = json::array();
      for (const auto& model : listed.versions) {
        versions.push_back({{"version", model->version}, {"digest", model->predictor.digest()}});
      }
      out.push_back({{"name", listed.name}, {"versions", std::move(versions)}});
    }
    return out;
  };
  switch (what) {
    case wire::What::health: {
      const auto listed = service.models.list();
      const bool ready =
          std::any_of(listed.begin(), listed.end(), [](const auto& m) { return !m.versions.empty(); }) ||
          (listed.empty() && !service.options.train_folder.empty());
      return json{{"status", service.draining ? "draining" : ready ? "ok" : "no model"}}.dump();
    }
    case wire::What::models: return models().dump();
    case wire::What::stats: {
      json out = serving::to_json(service.stats);
      out["nn_worker_connections"] = service.sessions.size();
      out["nn_worker_requests_inflight"] = service.inflight;
      out["nn_worker_model_swaps_total"] = service.models.swaps();
      return out.dump();
    }
    default: break;
  }
  json out = {{"agent", fmt::format("nn-worker {}", tools_version())},
              {"pid", ::getpid()},
              {"device", backend::to_string(service.options.device)},
              {"draining", service.draining},
              {"connections", service.sessions.size()},
              {"inflight", service.inflight},
              {"training", service.training != nullptr},
              {"max_inflight", service.options.max_inflight},
              {"models", models()}};
  return out.dump();
}

}  // namespace nn::worker
