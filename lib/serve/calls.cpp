#include "serve/calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "inference/describe.hpp"

namespace nn::serve {
namespace {

using inference::Failure;

inference::V1Verb verb_of(Action action) {
  switch (action) {
    case Action::classify: return inference::V1Verb::classify;
    case Action::regress: return inference::V1Verb::regress;
    default: return inference::V1Verb::predict;
  }
}

// The model's name and version are in the message.
void take_model(Call& call) {
  Route& route = call.route;
  route.model = call.grpc_v2.model();
  const std::string_view version = call.grpc_v2.version();
  if (version.empty()) return;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), route.version);
  if (error == std::errc() && end == version.data() + version.size()) return;
  throw Fault{Failure::invalid,
              fmt::format("the version '{}' is no number", printable(version.substr(0, 80)))};
}

void earlier(std::optional<Clock::time_point>& deadline, std::optional<Clock::time_point> other) {
  if (other && (!deadline || *other < *deadline)) deadline = other;
}

Fault fault_of(const serving::Request& request) {
  using State = serving::Request::State;
  switch (request.state) {
    case State::late: return {Failure::late, "the deadline passed before it was computed"};
    case State::cancelled: return {Failure::cancelled, "nobody waited for it any more"};
    default: break;
  }
  if (!request.error) return {Failure::internal, "it was not computed"};
  return {inference::failure_of(*request.error), request.error->public_statement()};
}

}  // namespace

Calls::Calls(Service& service, boost::asio::io_context& io)
    : service_(service), mailbox_(std::make_shared<Mailbox>(io, [this](serving::Request& request) {
        finish(static_cast<Computation&>(request));
      })) {}

Calls::~Calls() { mailbox_->close(); }

void Calls::look() { versions_.look(*service_.catalog.get()); }

std::shared_ptr<serving::Servable> Calls::find(const Route& route, std::string_view model) const {
  const auto catalog = service_.catalog.get();
  if (route.bad_version) throw Fault{Failure::invalid, "the version is no number of one"};
  const auto* entry = catalog->models.find(model);
  const bool v1 = route.protocol == Protocol::v1 || route.protocol == Protocol::grpc_tensorflow;
  if (entry == nullptr) {
    throw Fault{Failure::not_found, v1 ? inference::v1_no_servable(model, route.version)
                                       : inference::v2_no_model(model, route.version)};
  }
  if (!route.label.empty() && !entry->value.labels.contains(route.label)) {
    throw Fault{Failure::invalid, inference::v1_no_label(route.label)};
  }
  auto found = catalog->find(model, route.version, route.label);
  if (found.servable) return std::move(found.servable);
  const bool comes = found.absence && found.absence->kind() == ErrorKind::unavailable;
  const bool known = route.version != 0 && entry->value.versions.contains(route.version);
  if (comes || (route.version == 0 && !entry->value.versions.empty()) || known) {
    throw Fault{Failure::unavailable, found.absence->public_statement(), std::chrono::seconds(1)};
  }
  throw Fault{Failure::not_found, v1 ? inference::v1_no_servable(model, route.version)
                                     : inference::v2_no_model(model, route.version)};
}

void Calls::start(http::Exchange& exchange, Call& call) {
  try {
    read(exchange, call);
    submit(exchange, call);
    return;
  } catch (const Fault& fault) {
    fail(exchange, call, fault);
  } catch (const Error& error) {
    fail(exchange, call, {inference::failure_of(error), error.public_statement()});
  } catch (const std::bad_alloc&) {
    fail(exchange, call, {Failure::unavailable, "out of memory for now", std::chrono::seconds(1)});
  }
  exchange.send();
}

void Calls::read(http::Exchange& exchange, Call& call) {
  if (call.route.protocol == Protocol::grpc_v2) {
    call.grpc_v2.read(exchange.body());
    take_model(call);
  }
  call.served = versions_.of(find(call.route, call.route.model));
  const inference::Signature& signature = call.served->signature;
  switch (call.route.protocol) {
    case Protocol::v1:
      v1_.read(exchange.body(), verb_of(call.route.action), signature, call.rows, call.v1);
      break;
    case Protocol::v2:
      v2_.read(exchange.body(), exchange.head().fields.find("inference-header-content-length"), signature,
               call.rows, call.v2);
      break;
    case Protocol::grpc_v2:
      call.grpc_v2.fill(signature, {service_.options.max_rows, service_.options.max_inflated}, call.rows);
      break;
    default: throw Fault{Failure::unsupported, "it can't be asked that way yet"};
  }
  const std::int64_t rows = call.rows.batch().rows;
  if (rows <= service_.options.max_rows) return;
  throw Fault{Failure::invalid, fmt::format("{} rows are more than the {} that a request may have", rows,
                                            service_.options.max_rows)};
}

void Calls::prepare(http::Exchange& exchange, Call& call) {
  if (!call.computation || call.computation.use_count() > 1)
    call.computation = std::make_shared<Computation>();
  Computation& computation = *call.computation;
  computation.reset();
  computation.binding = call.served->binding(call.rows.table_number());
  computation.rows = call.rows.batch();
  computation.bytes = exchange.body().size();
  computation.wants_batch = false;
  computation.arrived = exchange.head().arrived;
  computation.deadline = exchange.head().deadline;
  const auto timeout = call.route.protocol == Protocol::v2        ? call.v2.timeout
                       : call.route.protocol == Protocol::grpc_v2 ? call.grpc_v2.timeout()
                                                                  : std::nullopt;
  if (timeout) earlier(computation.deadline, computation.arrived + *timeout);
  computation.call = &call;
}

void Calls::submit(http::Exchange& exchange, Call& call) {
  prepare(exchange, call);
  const std::shared_ptr<Computation> computation = call.computation;
  if (call.served->servable->try_now(*computation)) {
    answer(exchange, call);
    return;
  }
  computation->exchange = exchange.shared_from_this();
  computation->completion = mailbox_;
  if (call.served->servable->submit(computation)) return;
  computation->exchange.reset();
  throw Fault{Failure::unavailable, "too much waits for this model already", std::chrono::seconds(1)};
}

void Calls::finish(Computation& computation) {
  const std::shared_ptr<http::Exchange> exchange = std::move(computation.exchange);
  answer(*exchange, *computation.call);
}

void Calls::answer(http::Exchange& exchange, Call& call) {
  serving::Request& request = *call.computation;
  if (request.state != serving::Request::State::answered) {
    if (request.error && request.error->kind() == ErrorKind::device && !service_.broken.exchange(true)) {
      service_.on_broken();
    }
    fail(exchange, call, fault_of(request));
    exchange.send();
    return;
  }
  http::Response& response = exchange.response();
  const serving::Servable& servable = *call.served->servable;
  const std::int64_t rows = request.rows.rows;
  const auto count = static_cast<std::size_t>(rows * servable.kind().width());
  const inference::Answers answers{&call.served->signature, rows, {request.values.as<float>(), count}};
  const bool strict = service_.options.strict_json;
  const inference::V2Answerer answerer{servable.name(), servable.version(), {}};
  try {
    switch (call.route.protocol) {
      case Protocol::v1: append_v1_answer(response.body, call.v1, answers, strict); break;
      case Protocol::v2:
        if (const auto header = append_v2_answer(response.body, call.v2, answerer, answers, strict)) {
          response.content_type = "application/octet-stream";
          const fmt::format_int text(*header);
          response.fields.add("inference-header-content-length", {text.data(), text.size()});
        }
        break;
      default: append_infer_answer(response.body, call.grpc_v2, answerer, answers); break;
    }
    response.may_compress = true;
    response.fields.add("x-nn-model-version", call.served->name);
    call.status = exchange.head().grpc ? 0 : 200;
  } catch (const Error& error) {
    fail(exchange, call, {inference::failure_of(error), error.public_statement()});
  }
  exchange.send();
}

}  // namespace nn::serve
