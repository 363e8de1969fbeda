// What a session does with its client's requests: streams of rows, trainings, changes of what is served.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "format/reading.hpp"
#include "serving/trace.hpp"
#include "worker/session.hpp"

namespace nn::worker {
namespace {

constexpr std::size_t longest_command_line = 100'000;
constexpr char version_and_label[] = "a version and a label, one of which is meant";

// Of a version that isn't there: where that may pass, it is worth another try.
wire::Code code_of_absence(const Error& absence) {
  return absence.kind() == ErrorKind::unavailable ? wire::Code::busy : wire::Code::not_found;
}

// Clients are told no paths of this machine: what an error is about has to be said by its name.
Error about(std::string_view what, const Error& error) {
  const auto& where = error.where();
  return !where.empty() && where.front().local ? error.within(what) : error;
}

// What isn't of the form goes into no log.
std::string_view trace_of(const wire::Predict& message) {
  const std::string_view trace = flatbuffers::GetStringView(message.trace());
  return serving::is_traceparent(trace) ? trace : std::string_view();
}

}  // namespace

void ClientRequest::completed() {
  --service.inflight;
  if (const auto own = session.lock()) own->finish(*this);
  if (service.draining) service.on_change();
}

// Binds the stream to the version that it is to be answered by; says why there is none.
std::optional<Error> Session::bind(OpenStream& stream, const Schema& schema) {
  stream.used = service_.clock.now();
  if (stream.keep && stream.binding) return std::nullopt;
  const auto catalog = service_.catalog.get();
  serving::Catalog::Found found = catalog->find(stream.model, stream.version, stream.label);
  if (!found.servable) return found.absence;
  if (stream.binding && stream.binding->servable == found.servable) return std::nullopt;
  stream.binding = serving::bind(std::move(found.servable), schema);
  return std::nullopt;
}

// What the stream keeps may have grown. Says why that can't be.
std::optional<Error> Session::keep(OpenStream& stream) {
  const std::uint64_t now = StreamMemory::least_stream + stream.rows.kept_bytes();
  if (!stream_memory_.change(stream.kept, now)) {
    return make_error(ErrorKind::unavailable,
                      "no memory is left for what open streams keep: this one's {} bytes", now)
        .advise(" (--max-memory)");
  }
  stream.kept = now;
  return std::nullopt;
}

void Session::forget(std::uint32_t number) {
  const auto stream = streams_.find(number);
  if (stream == streams_.end()) return;
  stream_memory_.change(stream->second->kept, 0);
  streams_.erase(stream);
}

std::shared_ptr<OpenStream> Session::new_stream(const wire::Open& message) const {
  auto stream = std::make_shared<OpenStream>(flatbuffers::GetString(message.model()), message.version(),
                                             service_.options.max_frame);
  stream->limits.max_frame = client_frame_;
  stream->keep = message.keep();
  stream->label = flatbuffers::GetStringView(message.label());
  return stream;
}

void Session::open(const protocol::IncomingFrame& in, const std::shared_ptr<OpenStream>& stream,
                   const Rows& rows) {
  const std::uint64_t id = in.frame->id();
  try {
    if (rows.error) throw Error(*rows.error);
    if (!stream->rows.schema()) fail_data("no schema");
    if (stream->version != 0 && !stream->label.empty()) fail_data(version_and_label);
    if (const auto absence = bind(*stream, *stream->rows.schema()))
      return refuse(id, code_of_absence(*absence), *absence);
    const serving::Binding& binding = *stream->binding;
    stream->answering = stream->binding;
    stream->answers.emplace(*binding.builder.schema(), stream->limits);
    const std::uint32_t number = in.as<wire::Open>()->stream();
    forget(number);
    if (const auto none = keep(*stream)) return refuse(id, *none);
    auto& builder = link_->maker().builder();
    const auto digest = builder.CreateString(binding.servable->digest());
    link_->send(link_->maker().finish(id, wire::CreateOpened(builder, binding.servable->version(), digest),
                                      stream->answers->take()));
    streams_[number] = stream;
  } catch (const Error& error) {
    ++service_.stats.invalid;
    refuse(id, error);
  }
}

void Session::predict(const protocol::IncomingFrame& in, const std::shared_ptr<OpenStream>& stream,
                      Rows rows) {
  const auto* message = in.as<wire::Predict>();
  const std::uint64_t id = in.frame->id();
  serving::WorkerStats& stats = service_.stats;
  ++stats.requests_total;
  if (service_.draining) return refuse(id, wire::Code::draining, "the worker ends");
  if (!stream) {
    ++stats.invalid;
    return refuse(id, wire::Code::invalid, fmt::format("stream {} is not open", message->stream()));
  }
  if (service_.inflight >= service_.options.max_inflight) {
    ++stats.busy;
    return refuse(id, wire::Code::busy, fmt::format("{} requests are in flight", service_.inflight));
  }
  const auto request = std::make_shared<ClientRequest>(service_, weak_from_this());
  request->arrived = service_.clock.now();
  try {
    if (rows.error) throw Error(*rows.error);
    if (!rows.batch) fail_data("a request without rows");
    request->rows = std::move(*rows.batch);
    if (const auto none = keep(*stream)) throw none->as(ErrorKind::data);
    if (const auto absence = bind(*stream, *request->rows.schema))
      return refuse(id, code_of_absence(*absence), *absence);
    // Compressed, any number of rows fits a small request: what can't be answered isn't computed.
    const std::int64_t width = std::max<std::int64_t>(stream->binding->servable->kind().width(), 1);
    if (static_cast<std::uint64_t>(request->rows.rows) >
        client_frame_ / sizeof(float) / static_cast<std::uint64_t>(width)) {
      throw data_error("the answer to {} rows is over the limit of {} bytes", request->rows.rows,
                       client_frame_)
          .advise(format::max_frame_advice);
    }
  } catch (const Error& error) {
    // The rows that follow on the stream may refer to what could not be read.
    ++stats.invalid;
    forget(message->stream());
    return refuse(id, error);
  }
  request->binding = stream->binding;
  request->bytes = rows.bytes;
  request->client = number_;
  request->completion = service_.completion;
  request->id = id;
  request->trace = trace_of(*message);
  request->stream = stream;
  if (message->deadline_us() > 0) {
    constexpr std::uint64_t longest_us = std::uint64_t{86'400} * 1'000'000;
    request->deadline =
        request->arrived + std::chrono::microseconds(std::min(message->deadline_us(), longest_us));
  }
  serving::Servable& servable = *request->binding->servable;
  if (servable.try_now(*request)) return finish(*request);
  if (!servable.submit(request)) {
    ++stats.busy;
    return refuse(id, wire::Code::busy, "too much waits for this model already");
  }
  ++service_.inflight;
  requests_[id] = request;
}

void Session::describe(const protocol::IncomingFrame& in) {
  const auto* message = in.as<wire::Describe>();
  const std::uint64_t id = in.frame->id();
  const std::string_view label = flatbuffers::GetStringView(message->label());
  if (message->version() != 0 && !label.empty()) return refuse(id, wire::Code::invalid, version_and_label);
  const auto catalog = service_.catalog.get();
  const serving::Catalog::Found found =
      catalog->find(flatbuffers::GetStringView(message->model()), message->version(), label);
  if (!found.servable) return refuse(id, code_of_absence(*found.absence), *found.absence);
  Schema table = *found.servable->inputs();
  if (const table::Reading* reading = found.servable->reading())
    table.metadata.set(format::reading_key, format::reading_to_json(*reading));
  format::MessageWriter inputs(table, format::StreamLimits{client_frame_});
  auto& builder = link_->maker().builder();
  const auto digest = builder.CreateString(found.servable->digest());
  const auto described = wire::CreateDescribed(builder, found.servable->version(), digest);
  link_->send(link_->maker().finish(id, described, inputs.take()));
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
  if (!become_client(id)) return;
  TrainingRequest request;
  request.job = flatbuffers::GetStringView(message->job());
  request.resume = message->resume();
  request.from = message->from();
  if (const auto* arguments = message->arguments()) {
    for (const auto* argument : *arguments)
      request.arguments.emplace_back(flatbuffers::GetStringView(argument));
  }
  const auto bytes = in.body.bytes();
  if (bytes.size() > longest_command_line)
    return refuse(id, wire::Code::invalid, "the command line is too long");
  request.command_line.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const TrainingOptions how{service_.train_program, options.train_folder,   options.device,
                            options.max_frame,      options.max_rows_bytes, options.drain_timeout};
  auto training = std::make_shared<Training>(service_.io, how, link_, id);
  try {
    training->start(request, [weak = weak_from_this(), &service = service_,
                              name = origin_.name](const std::optional<Error>& error) {
      JsonFields fields = {{"client", name}};
      if (error) fields.emplace("error", error->what());
      service.log.write("trained", fields);
      service.training.reset();
      if (const auto self = weak.lock()) self->training_.reset();
      service.on_change();
    });
  } catch (const Error& error) {
    ++service_.stats.invalid;
    return refuse(id, about("nn-train", error));
  }
  ++service_.stats.trainings_total;
  service_.log.write("train",
                     {{"client", origin_.name}, {"job", request.job}, {"arguments", request.arguments}});
  service_.training = training_ = std::move(training);
}

void Session::take_rows(const protocol::IncomingFrame& in) {
  take_for_training(in, [&] { training_->take(in.body, in.as<wire::Rows>()->last()); });
}

void Session::take_model(const protocol::IncomingFrame& in) {
  take_for_training(in, [&] { training_->take_start(in.body, in.as<wire::Model>()->last()); });
}

template <typename Take>
void Session::take_for_training(const protocol::IncomingFrame& in, Take take) {
  if (!training_ || training_->id() != in.frame->id()) return;  // it has ended, as the client will read
  try {
    take();
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

void Session::finish(ClientRequest& request) {
  using State = serving::Request::State;
  const auto own = requests_.find(request.id);
  if (own != requests_.end() && own->second.get() == &request) requests_.erase(own);
  log_traced(request);
  serving::WorkerStats& stats = service_.stats;
  const std::string& name = request.binding->servable->name();
  auto model = stats.models.find(name);
  if (model == stats.models.end()) model = stats.models.try_emplace(name).first;
  switch (request.state) {
    case State::answered:
      ++model->second.requests;
      model->second.rows += static_cast<std::uint64_t>(request.rows.rows);
      model->second.queue.add(request.waited);
      model->second.compute.add(request.computed);
      model->second.total.add(
          std::chrono::duration_cast<std::chrono::microseconds>(service_.clock.now() - request.arrived));
      return answer(request);
    case State::late:
      ++stats.late;
      return refuse(request.id, wire::Code::deadline,
                    fmt::format("late: it waited {} us", request.waited.count()));
    case State::cancelled: ++stats.cancelled; return refuse(request.id, wire::Code::cancelled, "cancelled");
    default:
      ++model->second.failed;
      log_failure(request);
      if (request.error->kind() == ErrorKind::device && !service_.broken) {
        service_.broken = request.error;
        asio::post(service_.io, service_.on_change);
      }
      return refuse(request.id, *request.error);
  }
}

// Whoever traces a request finds it here, if it is one of those that are kept.
void Session::log_traced(const ClientRequest& request) {
  if (!serving::is_sampled(request.trace)) return;
  service_.log.write("request", {{"client", origin_.name},
                                 {"model", request.binding->servable->name()},
                                 {"version", request.binding->servable->version()},
                                 {"rows", request.rows.rows},
                                 {"answered", request.state == serving::Request::State::answered},
                                 {"wait_us", request.waited.count()},
                                 {"compute_us", request.computed.count()},
                                 {"trace", request.trace}});
}

void Session::log_failure(const ClientRequest& request) {
  JsonFields fields{{"client", origin_.name},
                    {"model", request.binding->servable->name()},
                    {"error", request.error->what()}};
  if (!request.trace.empty()) fields.emplace("trace", request.trace);
  service_.log.write("failed", fields);
}

void Session::answer(ClientRequest& request) {
  OpenStream& stream = *request.stream;
  if (stream.answering.lock() != request.binding) {
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
  const auto message = wire::CreateAnswer(builder, request.binding->servable->version(), us(request.waited),
                                          us(request.computed));
  link_->send(link_->maker().finish(request.id, message, stream.answers->take()));
}

void Session::change(std::uint64_t id, std::string_view model, std::uint64_t version, bool load) {
  if (!origin_.may_administer) {
    return refuse(id, wire::Code::unauthenticated, "this client may not load and unload models",
                  "; see --admin-token-file in nn-worker(1)");
  }
  JsonFields fields = {{"client", origin_.name}, {"model", model}, {"version", version}};
  const auto told = [weak = weak_from_this(), &service = service_, id, load, name = printable(model),
                     fields = std::move(fields)](const std::optional<Error>& error) mutable {
    asio::post(service.io, [weak, &service, id, load, name, error, fields]() mutable {
      if (error) fields.emplace("error", error->what());
      service.log.write(load ? "load_request" : "unload_request", fields);
      const auto self = weak.lock();
      if (!self) return;
      if (error) {
        return self->refuse(id, code_of_absence(*error), about(fmt::format("model '{}'", name), *error));
      }
      self->link_->send(self->link_->maker().report(id, report(service, wire::What::models)));
    });
  };
  service_.loader.change(std::string(model), version, load, told);
}

}  // namespace nn::worker
