#include "serve/calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/text.hpp"
#include "inference/describe.hpp"
#include "serve/streams.hpp"

namespace nn::serve {
namespace {

using inference::Failure;

void earlier(std::optional<Clock::time_point>& deadline, std::optional<Clock::time_point> other) {
  if (other && (!deadline || *other < *deadline)) deadline = other;
}

// From when on its own time counts: messages of a stream come one after the other.
Clock::time_point begin_of(const http::Exchange& exchange, const Call& call) {
  return call.stream != nullptr ? call.times.come : exchange.head().arrived;
}

// Who takes turns with others where requests wait: the holders of a token, whatever their connections are,
// and each connection where there is none, or it has no name.
std::uint64_t client_of(const http::Exchange& exchange, const Call& call) {
  if (call.token.empty()) return exchange.peer().number;
  return std::hash<std::string_view>()(call.token) | std::uint64_t{1} << 63;
}

// Triton's numbers: 1 is the best, and 0 says nothing. All that is worse than the usual is the same.
serving::Priority priority_of(std::uint64_t level) {
  if (level == 1) return serving::Priority::high;
  return level < 3 ? serving::Priority::normal : serving::Priority::batch;
}

Fault why_not_answered(const serving::Request& request) {
  using State = serving::Request::State;
  switch (request.state) {
    case State::late: return {Failure::late, "the deadline passed before it was computed"};
    case State::cancelled: return {Failure::cancelled, "nobody waited for it any more"};
    default: break;
  }
  if (!request.error) return {Failure::internal, "it was not computed"};
  Fault fault{inference::failure_of(*request.error), request.error->public_statement()};
  if (fault.failure == Failure::unavailable) fault.retry_after = std::chrono::seconds(1);
  return fault;
}

// An answer of an ensemble says who took part.
void note_members(Call& call) {
  const std::span<const std::string> names = call.served->servable->members();
  call.members.present.clear();
  call.members.missing.clear();
  for (std::size_t m = 0; m < names.size(); ++m) {
    const bool present = (call.computation->took_part >> m & 1) != 0;
    std::string& list = present ? call.members.present : call.members.missing;
    if (!list.empty()) list += ',';
    list += names[m];
  }
}

}  // namespace

Calls::Calls(Service& service, boost::asio::io_context& io, Observer& observer)
    : service_(service),
      observer_(observer),
      mailbox_(std::make_shared<Mailbox>(
          io, [this](serving::Request& request) { finish(static_cast<Computation&>(request)); })),
      cold_starts_(service, io, mailbox_),
      arms_(service, versions_, io),
      dialects_({{service.options.max_rows, service.options.max_inflated}, service.options.strict_json}) {}

Calls::~Calls() { mailbox_->close(); }

void Calls::look() {
  arms_.look();  // before: it holds versions that are served
  versions_.look(*service_.catalog.get());
}

std::shared_ptr<serving::Servable> Calls::find(const Route& route, std::string_view model) const {
  const auto catalog = service_.catalog.get();
  const auto* entry = catalog->models.find(model);
  const bool v1 = route.protocol == Protocol::v1 || route.protocol == Protocol::grpc_tensorflow;
  if (catalog->models.empty()) {
    throw Fault{Failure::unavailable, "no model is there yet", std::chrono::seconds(1)};
  }
  if (entry == nullptr) {
    throw Fault{Failure::not_found, v1 ? inference::v1_no_servable(model, route.version)
                                       : inference::v2_no_model(model, route.version)};
  }
  if (!route.label.empty() && !entry->value.labels.contains(route.label)) {
    throw Fault{Failure::invalid, inference::v1_no_label(route.label)};
  }
  std::string_view label = route.label;
  if (route.version == 0 && label.empty()) label = default_label(entry->value);
  auto found = catalog->find(model, route.version, label);
  if (found.servable) return std::move(found.servable);
  if (!found.cold.empty()) {
    throw Fault{Failure::unavailable, "it is being loaded", std::chrono::seconds(1), std::move(found.cold)};
  }
  const bool comes = found.absence && found.absence->kind() == ErrorKind::unavailable;
  const bool known = route.version != 0 && entry->value.versions.contains(route.version);
  if (comes || (route.version == 0 && !entry->value.versions.empty()) || known) {
    throw Fault{Failure::unavailable, found.absence->public_statement(), std::chrono::seconds(1)};
  }
  throw Fault{Failure::not_found, v1 ? inference::v1_no_servable(model, route.version)
                                     : inference::v2_no_model(model, route.version)};
}

const Fault* Calls::refused_at_door(http::Exchange& exchange, Call& call) {
  const http::Head& head = exchange.head();
  if (head.method != http::Method::post) return nullptr;
  std::shared_ptr<serving::Servable> servable;
  try {
    servable = find(call.route, call.route.model);
  } catch (const Fault&) {
    return nullptr;  // which may be another arm's, and is told when the body is there
  }
  const auto refused = serving::refusal(*servable, 0, serving::Priority::normal, head.arrived, head.deadline,
                                        service_.options.door);
  return refused ? &fault_of(*refused, false) : nullptr;
}

void Calls::start(http::Exchange& exchange, Call& call) {
  call.times.come = observer_.now();
  try_start(exchange, call);
}

bool Calls::wait_for_model(http::Exchange& exchange, Call& call, Fault& fault,
                           const std::optional<Error>& why_not, Again again) {
  if (fault.cold.empty()) return false;
  if (why_not) {
    fault.message = why_not->public_statement();
    return false;
  }
  // A message of a stream is gone when its model is there.
  if (call.stream != nullptr && !call.patience && !call.stream->hold(call)) {
    fault.message = "the bodies of requests take all the memory that there is for them";
    return false;
  }
  std::optional<Clock::time_point> deadline = exchange.head().deadline;
  // Of other protocols the body is read when it is known what the model wants.
  const bool is_read = call.route.action == Action::infer || call.route.action == Action::stream_infer;
  if (is_read && call.route.protocol == Protocol::grpc_v2) {
    if (const auto timeout = dialects_.of(call.route).timeout(call))
      earlier(deadline, begin_of(exchange, call) + *timeout);
  }
  // Where models make room for each other it may be gone again: then it waits on.
  if (!call.patience) call.patience = observer_.now() + service_.options.load_timeout;
  const bool waits = cold_starts_.wait(
      fault.cold, *call.patience, deadline,
      [this, held = exchange.shared_from_this(), &call, act = std::move(again)](
          const std::optional<Fault>& late, const std::optional<Error>& why) {
        if (late) return fail_call(*held, call, *late);
        if (held->gone())
          return fail_call(*held, call, {Failure::cancelled, "nobody waited for it any more"});
        act(why);
      });
  if (!waits) fault.message = "too many wait for models that are being loaded";
  return waits;
}

void Calls::try_start(http::Exchange& exchange, Call& call, const std::optional<Error>& why_not) {
  try {
    read(exchange, call);
    return submit(exchange, call);
  } catch (Fault& fault) {
    const auto again = [this, &exchange, &call](const auto& why) { try_start(exchange, call, why); };
    if (!wait_for_model(exchange, call, fault, why_not, again)) fail_call(exchange, call, fault);
  } catch (const Error& error) {
    fail_call(exchange, call, {inference::failure_of(error), error.public_statement()});
  } catch (const std::bad_alloc&) {
    fail_call(exchange, call, {Failure::unavailable, "out of memory for now", std::chrono::seconds(1)});
  }
}

void Calls::read(http::Exchange& exchange, Call& call) {
  Dialect& dialect = dialects_.of(call.route);
  dialect.read(exchange, call);
  call.served = arms_.choose(exchange, call);
  if (!call.served) call.served = versions_.of(find(call.route, call.route.model));
  observer_.reached(call);
  dialect.fill(exchange, call);
  if (auto other = arms_.choose_by_rows(call)) {
    call.served = std::move(other);
    observer_.reached(call);
    dialect.fill(exchange, call);
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
  computation.call = &call;
  computation.binding = call.served->binding(call.rows.table_number());
  computation.rows = call.rows.batch();
  computation.bytes = exchange.body().size() + call.rows.bytes();
  computation.wants_batch = false;
  computation.client = client_of(exchange, call);
  computation.priority = priority_of(dialects_.of(call.route).priority(call));
  computation.trace = traceparent_of(exchange.head());
  computation.arrived = Clock::machine().now();  // a body that comes slowly hasn't waited for us
  computation.deadline = exchange.head().deadline;
  if (const auto timeout = dialects_.of(call.route).timeout(call)) {
    earlier(computation.deadline, begin_of(exchange, call) + *timeout);
  }
}

void Calls::submit(http::Exchange& exchange, Call& call) {
  prepare(exchange, call);
  call.times.read = call.computation->arrived;
  const std::shared_ptr<Computation> computation = call.computation;
  if (const auto refused =
          serving::refusal(*call.served->servable, computation->rows.rows, computation->priority,
                           computation->arrived, computation->deadline, service_.options.door)) {
    return fail_call(exchange, call, fault_of(*refused, exchange.head().grpc));
  }
  if (call.served->servable->try_now(*computation)) return answer(exchange, call);
  computation->exchange = exchange.shared_from_this();
  computation->completion = mailbox_;
  if (call.served->servable->submit(computation)) return;
  computation->exchange.reset();
  fail_call(exchange, call, fault_of({}, exchange.head().grpc));
}

// Kept, so that refusing costs neither memory nor an exception's time, least of all where there is too much
// to do.
const Fault& Calls::fault_of(const serving::Refusal& refusal, bool grpc) {
  if (refusal.reason == serving::Refusal::Reason::deadline) return too_late_;
  too_much_.failure = shed_failure(grpc);
  too_much_.retry_after = refusal.retry_after;
  return too_much_;
}

Failure Calls::shed_failure(bool grpc) const {
  return grpc || service_.options.shed_status == 429 ? Failure::exhausted : Failure::unavailable;
}

void Calls::finish(Computation& computation) {
  const std::shared_ptr<http::Exchange> exchange = std::move(computation.exchange);
  answer(*exchange, *computation.call);
}

void Calls::answer(http::Exchange& exchange, Call& call) {
  call.times.over = observer_.now();
  serving::Request& request = *call.computation;
  if (request.state != serving::Request::State::answered) {
    if (request.error && request.error->kind() == ErrorKind::device && !service_.broken.exchange(true)) {
      service_.on_broken();
    }
    arms_.note(call, {});
    // One without a deadline has waited for longer than any may.
    const bool waited = request.state == serving::Request::State::late && !request.deadline;
    return fail_call(
        exchange, call,
        waited ? Fault{shed_failure(exchange.head().grpc), "it waited for too long", std::chrono::seconds(1)}
               : why_not_answered(request));
  }
  http::Response& response = exchange.response();
  const std::int64_t rows = request.rows.rows;
  const auto count = static_cast<std::size_t>(rows * call.served->servable->kind().width());
  const inference::Answers answers{
      &call.served->signature, rows, {request.values.as<float>(), count}, request.labels};
  note_members(call);
  arms_.note(call, answers.values);
  auto shadow = arms_.take_shadow(call, answers.values);
  try {
    dialects_.of(call.route).answer(response, call, answers);
  } catch (const Error& error) {
    return fail_call(exchange, call, {inference::failure_of(error), error.public_statement()});
  }
  response.may_compress = true;
  call.status = exchange.head().grpc ? 0 : 200;
  send(exchange, call);
  if (shadow) arms_.run(std::move(shadow));
}

// In a stream of messages it is a message that says so, and the stream goes on.
void Calls::fail_call(http::Exchange& exchange, Call& call, const Fault& fault) {
  if (call.stream != nullptr) {
    note_fault(call, fault);
    exchange.response().body.clear();
    inference::append_stream_error(exchange.response().body, call.grpc_v2.id(), fault.message);
  } else {
    fail(exchange, call, fault);
  }
  send(exchange, call);
}

void Calls::send(http::Exchange& exchange, Call& call) {
  if (call.stream == nullptr) {
    observer_.decorate(exchange, call);
    return exchange.send();
  }
  exchange.send_message();
  observer_.ended(exchange, call, !exchange.gone());
  call.let_go();
  call.stream->over(call);
}

}  // namespace nn::serve
