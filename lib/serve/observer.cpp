#include "serve/observer.hpp"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <random>

#include "base/log.hpp"
#include "inference/rest_error.hpp"
#include "serve/metrics.hpp"
#include "serving/trace.hpp"

namespace nn::serve {
namespace {

using inference::Failure;
using std::chrono::duration_cast;
using std::chrono::microseconds;

constexpr std::chrono::milliseconds flush_time{100};  // that lines of the log wait for others

microseconds between(Clock::time_point from, Clock::time_point to) {
  if (from == Clock::time_point{} || to == Clock::time_point{}) return microseconds(-1);
  return duration_cast<microseconds>(std::max(to - from, Clock::duration::zero()));
}

// To some milliseconds, in a tenth of the time that the exact one takes.
std::int64_t unix_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &time);
  return std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

// The part of it that was computed, or was to be.
const serving::Request* computed(const Call& call) {
  return call.times.read != Clock::time_point{} ? call.computation.get() : nullptr;
}

bool was_answered(const Call& call) {
  return !call.failure && call.served != nullptr && computed(call) != nullptr;
}

// Why the server itself didn't answer, where it was too much for it.
std::optional<Shed> shed_of(const Call& call) {
  if (!call.failure) return std::nullopt;
  if (*call.failure == Failure::late) return Shed::deadline;
  const bool refused = *call.failure == Failure::unavailable || *call.failure == Failure::exhausted;
  if (refused && call.served) return Shed::queue;
  return std::nullopt;
}

// What a file of captured rows is called after: nothing for rows as the model is described.
std::string_view form_name(const inference::Signature& signature, std::size_t table) {
  using Form = inference::Signature::Form;
  constexpr std::array<std::string_view, 3> types{"", "f64", "u8"};
  const auto is = [&](Form form, DType type) { return signature.table_number(form, type) == table; };
  if (signature.form() == Form::matrix && table >= types.size()) return "columns";
  if (is(signature.form(), DType::f32)) return types[0];
  return types[is(signature.form(), DType::f64) ? 1 : 2];
}

}  // namespace

void append_ms(std::string& out, microseconds time) {
  const auto us = std::max<std::int64_t>(time.count(), 0);
  const fmt::format_int whole(us / 1000);
  out.append(whole.data(), whole.size());
  const auto rest = static_cast<int>(us % 1000);
  out += '.';
  out += static_cast<char>('0' + rest / 100);
  out += static_cast<char>('0' + rest / 10 % 10);
  out += static_cast<char>('0' + rest % 10);
}

bool is_request_id(std::string_view text) {
  constexpr std::size_t longest = 128;
  return !text.empty() && text.size() <= longest &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string_view traceparent_of(const http::Head& head) {
  const auto trace = head.fields.find("traceparent");
  return trace && serving::is_traceparent(*trace) ? *trace : std::string_view();
}

Observer::Observer(Service& service, boost::asio::io_context& io)
    : operations_(service.operations),
      clock_(net::clock_of(io)),
      counters_(operations_.counters.add_thread()),
      flush_(io.get_executor()),
      random_((std::uint64_t{std::random_device()()} << 32 | std::random_device()()) | 1) {
  if (operations_.access_log) log_.emplace(*operations_.access_log);
}

// xorshift64* of Vigna: ids have to differ, not to be secret.
std::uint64_t Observer::random() {
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  return random_ * 0x2545F4914F6CDD1DULL;
}

void Observer::come(const http::Exchange& exchange, Call& call) {
  const auto given = exchange.head().fields.find("x-request-id");
  call.has_own_id = given && is_request_id(*given);
  if (call.has_own_id) {
    call.id.assign(*given);
    return;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  std::uint64_t bits = random();
  call.id.resize(16);
  for (char& c : call.id) {
    c = digits[bits & 15];
    bits >>= 4;
  }
}

bool Observer::admit(http::Exchange& exchange, Call& call) {
  if (exchange.head().method == http::Method::options) return true;
  const Scope scope = scope_of(call.route.action);
  const auto authorization = exchange.head().fields.find("authorization");
  const AccessRules& rules = operations_.access;
  const AccessRules::Judgement judgement = rules.check(scope, exchange.peer(), authorization, sha256_);
  if (judgement.token != nullptr) call.token = judgement.token->name;
  if (judgement.verdict == AccessRules::Verdict::allowed) return true;
  const bool unknown = judgement.verdict == AccessRules::Verdict::unauthenticated;
  fail(exchange, call,
       {unknown ? Failure::unauthenticated : Failure::forbidden,
        rules.reason(judgement, scope, exchange.peer(), authorization)});
  // What it would take, for programs (RFC 6750, section 3).
  if (judgement.token != nullptr && !exchange.head().grpc) {
    exchange.response().fields.add(
        "www-authenticate", fmt::format("Bearer error=\"insufficient_scope\", scope=\"{}\"", name_of(scope)));
  }
  return false;
}

void Observer::reached(Call& call) {
  auto& counters = call.served->counters;
  if (!counters) {
    const serving::Servable& servable = *call.served->servable;
    counters = counters_.of(servable.name(), servable.version());
  }
  // Its rows may choose another one.
  if (call.counted != nullptr) call.counted->started.set(call.counted->started.get() - 1);
  counters->started.add();
  call.counted = counters.get();
}

void Observer::decorate(http::Exchange& exchange, Call& call) {
  http::Fields& fields = exchange.response().fields;
  fields.add("x-request-id", call.id);
  if (const auto trace = traceparent_of(exchange.head()); !trace.empty()) fields.add("traceparent", trace);
  if (call.served) {
    fields.add("x-nn-model-version", call.served->name);
    if (!call.arm.empty()) fields.add("x-nn-route", call.arm);
  }
  if (call.members.any()) {
    fields.add("x-nn-members", call.members.present);
    if (!call.members.missing.empty()) fields.add("x-nn-missing", call.members.missing);
  }
  if (was_answered(call)) {
    const serving::Request& request = *call.computation;
    std::string& text = call.scratch;
    text.assign("queue;dur=");
    append_ms(text, request.waited);
    text += ", compute;dur=";
    append_ms(text, request.computed);
    fields.add("server-timing", text);
  }
  if (!operations_.cors.empty() && exchange.head().fields.find("origin")) {
    fields.add("access-control-allow-origin", operations_.cors);
    fields.add("access-control-expose-headers",
               "Inference-Header-Content-Length, X-Request-Id, X-Nn-Model-Version, X-Nn-Route, X-Nn-Members, "
               "X-Nn-Missing, Server-Timing");
    if (operations_.cors != "*") fields.add("vary", "Origin");
  }
}

bool Observer::preflight(http::Exchange& exchange, std::string_view more_fields) const {
  if (operations_.cors.empty()) return false;
  const auto origin = exchange.head().fields.find("origin");
  http::Response& response = exchange.response();
  if (!origin || (!origin->starts_with("http://") && !origin->starts_with("https://"))) {
    response.status = 400;
    inference::append_error(response.body, "Origin header is missing in CORS preflight");
    return true;
  }
  response.status = 200;
  response.fields.add("access-control-allow-methods", "POST, GET");
  std::string allowed =
      "Content-Type, Content-Encoding, Authorization, Inference-Header-Content-Length, X-Request-Id, "
      "X-Request-Timeout-Ms, X-Nn-Version, Traceparent, Tracestate";
  response.fields.add("access-control-allow-headers", allowed.append(more_fields));
  response.fields.add("access-control-max-age", "600");
  return true;
}

// A body that was too large, too slow, or found no memory; a head that is wrong; no place for its connection.
void Observer::refused(const http::Exchange& exchange, Call& call, const http::Refusal& refusal) const {
  const int status = refusal.http_status;
  call.failure = status == 413   ? Failure::too_large
                 : status == 503 ? Failure::unavailable
                 : status >= 500 ? Failure::internal
                                 : Failure::invalid;
  call.status = exchange.head().grpc ? static_cast<int>(refusal.grpc_status) : status;
  call.error = refusal.message;
  // Without a path it was no request yet: its connection found no place, which is counted there.
  const bool memory = status == 503 && !exchange.head().path.empty();
  if (memory) counters_.shed[static_cast<std::size_t>(Shed::memory)].add();
}

// Where nobody has said it yet.
void Observer::note_status(http::Exchange& exchange, Call& call, bool sent) {
  if (call.stream != nullptr || call.failure) return;
  const http::Response& response = exchange.response();
  const bool grpc = exchange.head().grpc;
  if (!sent && !call.whole) {
    constexpr int closed_request = 499;
    call.failure = Failure::cancelled;
    call.status = grpc ? static_cast<int>(StatusCode::cancelled) : closed_request;
    call.error = "the client went away before its request had come";
    return;
  }
  call.status = grpc ? static_cast<int>(response.grpc_status) : response.status;
  const bool failed = grpc ? response.grpc_status != StatusCode::ok : response.status >= 400;
  if (!failed) return;
  const int status = grpc ? 0 : response.status;
  call.failure = status == 503 ? Failure::unavailable : status >= 500 ? Failure::internal : Failure::invalid;
}

void Observer::ended(http::Exchange& exchange, Call& call, bool sent) {
  note_status(exchange, call, sent);
  const Clock::time_point now = clock_.now();
  // Messages of a stream come one after the other.
  const Clock::time_point arrived = call.stream != nullptr ? call.times.come : exchange.head().arrived;
  const microseconds total = std::max(between(arrived, now), microseconds(0));
  call.times.ended = now;
  count(exchange, call, total);
  if (log_ && log_->wants(call.failure.has_value() || !sent, total)) log(exchange, call, sent, total);
  if (operations_.capture && call.counted != nullptr) capture(call, total);
}

void Observer::count(const http::Exchange& exchange, const Call& call, microseconds total) {
  const bool grpc = exchange.head().grpc;
  const auto us = static_cast<std::uint64_t>(total.count());
  if (call.failure && *call.failure == Failure::internal) {
    operations_.history.note_fault(exchange.head().path, call.status, call.error);
  }
  const auto shed = shed_of(call);
  if (call.counted == nullptr) {
    counters_.others.count(call.route.protocol, grpc, call.status, {});
    if (shed) counters_.shed[static_cast<std::size_t>(*shed)].add();
    return;
  }
  VersionCounters& to = *call.counted;
  if (shed) to.shed[static_cast<std::size_t>(*shed)].add();
  if (was_answered(call)) {
    const serving::Request& request = *call.computation;
    to.total.add(total);
    to.queue.add(request.waited);
    DeviceCounters& device = to.device(request.device);
    device.compute.add(request.computed);
    device.rows.add(static_cast<std::uint64_t>(std::max<std::int64_t>(request.rows.rows, 0)));
    to.parse_us.add(static_cast<std::uint64_t>(
        std::max<std::int64_t>(between(call.times.come, call.times.read).count(), 0)));
    to.write_us.add(static_cast<std::uint64_t>(
        std::max<std::int64_t>(between(call.times.over, call.times.ended).count(), 0)));
    to.last_ms.set(static_cast<std::uint64_t>(unix_ms()));
  } else {
    to.failed.add();
    to.failed_us.add(us);
    if (call.failure == Failure::cancelled) to.cancelled.add();
  }
  to.outcomes.count(call.route.protocol, grpc, call.status, call.arm);
}

void Observer::log(const http::Exchange& exchange, const Call& call, bool sent, microseconds total) {
  const http::Head& head = exchange.head();
  LogEntry entry;
  entry.id =
      call.has_own_id || call.v2.id.empty() || call.route.protocol != Protocol::v2 ? call.id : call.v2.id;
  entry.peer = exchange.peer().name;
  entry.protocol = name_of(call.route.protocol);
  entry.method = head.method_text;
  entry.path = head.path;
  entry.token = call.token;
  entry.grpc = head.grpc;
  entry.status = call.status;
  entry.sent = sent;
  entry.route = call.arm;
  entry.trace = traceparent_of(head);
  entry.error = call.error;
  entry.bytes_in = exchange.bytes_in();
  entry.bytes_out = exchange.bytes_out();
  if (call.served) {
    entry.model = call.served->servable->name();
    entry.version = call.served->servable->version();
  }
  entry.us.read = between(head.arrived, call.times.come);
  if (const serving::Request* request = computed(call)) {
    entry.rows = request->rows.rows;
    entry.step_rows = request->step_rows;
    entry.us.parse = between(call.times.come, call.times.read);
    entry.us.queue = request->waited;
    entry.us.compute = request->computed;
    entry.us.write = between(call.times.over, call.times.ended);
  }
  entry.us.total = total;
  if (log_->add(entry)) flush_soon();
}

void Observer::flush_soon() {
  if (flushing_) return;
  flushing_ = true;
  flush_.expires_after(flush_time);
  flush_.wait([this](bool expired) {
    if (!expired) return;
    flushing_ = false;
    log_->flush();
  });
}

// Copies the rows: those of the call are used again.
void Observer::capture(const Call& call, microseconds total) {
  constexpr double scale = 0x1p-53;
  if (static_cast<double>(random() >> 11) * scale >= operations_.capture->part()) return;
  const serving::Request* request = computed(call);
  if (request == nullptr || request->rows.rows == 0) return;
  if (operations_.capture->stopped()) return operations_.capture->drop(request->rows.rows);
  const inference::Signature& signature = call.served->signature;
  const std::shared_ptr<const Schema>& rows = request->rows.schema;
  auto& [alive, schema] = captured_[rows.get()];
  if (alive.expired()) {
    const predict::PredictionKind& kind = signature.kind();
    alive = rows;
    schema = captured_schema(
        *rows, {kind.classes ? "proba" : "value", kind.classes ? Shape{kind.width()} : kind.shape,
                kind.classes ? predict::json_array(kind.names) : std::string()});
    std::erase_if(captured_, [](const auto& entry) { return entry.second.first.expired(); });
  }
  const CapturedWords words{
      call.id,
      call.arm,
      call.served->servable->version(),
      call.status,
      total.count(),
      duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
  const float* answers = was_answered(call) ? request->values.as<float>() : nullptr;
  try {
    const auto& captured = captured_[rows.get()].second;
    operations_.capture->add(call.served->servable->name(), form_name(signature, call.rows.table_number()),
                             captured_batch(captured, request->rows, words, answers));
  } catch (const std::bad_alloc&) {
    note("no memory to capture a request");
  }
}

}  // namespace nn::serve
