#include "serve/arms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "base/checksum.hpp"
#include "repository/model_name.hpp"
#include "repository/standing.hpp"
#include "serve/experiments.hpp"
#include "serving/door.hpp"

namespace nn::serve {
namespace {

using From = traffic::Key::From;

// What a request was given that names its version itself, where others get arms.
constexpr std::string_view pinned = "pinned";

// The client's address without its port: "127.0.0.1", "[::1]".
std::string_view address_of(std::string_view peer) {
  const auto colon = peer.rfind(':');
  return peer.substr(0, std::min(colon, peer.size()));
}

std::uint64_t hash_of_rows(const Batch& batch) {
  Checksum sum;
  const auto rows = static_cast<std::size_t>(batch.rows);
  for (std::size_t i = 0; i < batch.columns.size(); ++i) {
    const nn::Field& field = batch.schema->fields[i];
    const Column& column = batch.columns[i];
    if (column.offsets != nullptr) {
      const auto begin = static_cast<std::size_t>(column.offsets[0]),
                 end = static_cast<std::size_t>(column.offsets[rows]);
      sum.add(std::span(column.data + begin, end - begin));
      sum.add(std::as_bytes(std::span(column.offsets, rows + 1)));
    } else if (column.data != nullptr) {
      sum.add(std::span(column.data,
                        rows * static_cast<std::size_t>(element_count(field.shape)) * size_of(field.type)));
    }
  }
  return sum.value();
}

std::string_view id_of(const http::Head& head, const Call& call) {
  if (const auto id = head.fields.find("x-request-id")) return *id;
  switch (call.route.protocol) {
    case Protocol::v2: return call.v2.id;
    case Protocol::grpc_v2: return call.grpc_v2.id();
    default: return {};
  }
}

Batch copy_of(const Batch& batch) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(batch.rows));
  std::iota(rows.begin(), rows.end(), 0);
  Batch out{batch.schema, batch.first_row, batch.rows, {}};
  for (std::size_t i = 0; i < batch.columns.size(); ++i)
    out.columns.push_back(take(batch.schema->fields[i], batch.columns[i], rows));
  return out;
}

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

// A failure that isn't the client's: what a judge counts.
bool is_versions_fault(const serving::Request& request) {
  if (request.state == serving::Request::State::late) return true;
  if (request.state != serving::Request::State::failed) return false;
  return !request.error ||
         (request.error->kind() != ErrorKind::data && request.error->kind() != ErrorKind::usage);
}

}  // namespace

Arms::Arms(Service& service, ServedVersions& versions, boost::asio::io_context& io)
    : service_(service),
      versions_(versions),
      mailbox_(std::make_shared<Mailbox>(
          io, [this](serving::Request& request) { compared(static_cast<ShadowRun&>(request)); })),
      random_(std::random_device{}()) {
  look();
}

Arms::~Arms() { mailbox_->close(); }

// SplitMix64 (Steele, Lea and Flood 2014).
std::uint64_t Arms::random() {
  std::uint64_t z = random_ += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

std::shared_ptr<Served> Arms::resolve(const traffic::Target& target, const std::string& model,
                                      const serving::Catalog& catalog) {
  const std::string& name = target.model.empty() ? model : target.model;
  const auto* entry = catalog.models.find(name);
  if (entry == nullptr) return nullptr;
  auto found = catalog.find(name, target.version, target.label);
  // Without the label `stable` the stable version is what a client gets otherwise.
  if (!found.servable && target.label == "stable" && !entry->value.labels.contains(target.label))
    found = catalog.find(name);
  return found.servable ? versions_.of(found.servable) : nullptr;
}

std::shared_ptr<ModelArms> Arms::arms_of(const std::shared_ptr<traffic::ModelTraffic>& traffic,
                                         const std::string& model, const serving::Catalog& catalog) {
  const auto before = models_.find(model);
  auto arms = std::make_shared<ModelArms>();
  arms->traffic = traffic;
  arms->routes = traffic->routes();
  arms->recorder = before != models_.end() && before->second->traffic == traffic
                       ? before->second->recorder
                       : traffic->recorders().make();
  for (const traffic::Arm& arm : arms->routes->router.arms()) {
    std::shared_ptr<Served> served = resolve(arm.target, model, catalog);
    if (served) arms->available |= 1u << arms->arms.size();
    arms->arms.push_back(std::move(served));
  }
  arms->cold = !catalog.find(model).cold.empty();
  if (arms->routes->shadow) arms->shadow = resolve(arms->routes->shadow->target, model, catalog);
  return arms;
}

void Arms::look() {
  if (service_.experiments == nullptr) return;
  const auto catalog = service_.catalog.get();
  const auto models = service_.experiments->models();
  std::unordered_map<std::string, std::shared_ptr<ModelArms>> now;
  for (const auto& [name, traffic] : *models) now.emplace(name, arms_of(traffic, name, *catalog));
  models_ = std::move(now);
}

// Whoever has none gets one that lasts a year.
std::string_view Arms::cookie(http::Exchange& exchange, const std::string& name) {
  if (const auto field = exchange.head().fields.find("cookie")) {
    const std::string_view value = traffic::cookie_value(*field, name);
    if (!value.empty()) return value;
  }
  cookie_ = fmt::format("{:016x}", random());
  exchange.response().fields.add(
      "set-cookie", fmt::format("{}={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax", name, cookie_));
  return cookie_;
}

void Arms::append_key_fields(std::string& out) const {
  for (const auto& [name, arms] : models_) {
    if (arms->routes->key.from == From::header) out.append(", ").append(arms->routes->key.name);
  }
}

// Nothing: it is chosen by chance.
std::optional<std::uint64_t> Arms::hash_of(http::Exchange& exchange, const Call& call,
                                           const traffic::Routes& routes) {
  const http::Head& head = exchange.head();
  std::string_view key;
  switch (routes.key.from) {
    case From::header: key = head.fields.find(routes.key.name).value_or(""); break;
    case From::cookie:
      key = traffic::cookie_value(head.fields.find("cookie").value_or(""), routes.key.name);
      break;
    case From::set_cookie: key = cookie(exchange, routes.key.name); break;
    case From::query: key = traffic::query_value(head.query, routes.key.name); break;
    case From::ip: key = address_of(exchange.peer().name); break;
    case From::id: key = id_of(head, call); break;
    case From::input:
    case From::random: break;
  }
  if (key.empty()) return std::nullopt;
  return routes.router.hash(key);
}

std::shared_ptr<Served> Arms::give(Call& call, std::uint64_t hash) {
  ModelArms& arms = *call.arms;
  const traffic::Router::Choice choice = arms.routes->router.choose(hash, arms.available);
  const bool is_there = arms.arms[choice.arm] != nullptr;
  if ((choice.fell_back || !is_there) && !arms.cold)
    arms.traffic->counters().fallbacks.fetch_add(1, std::memory_order_relaxed);
  if (!is_there) {
    // Not even the arm that takes others' places: it gets what those do whose model has no arms.
    call.arm = repository::stable_label;
    call.role = Call::Role::other;
    return nullptr;
  }
  call.arm = arms.routes->names[choice.arm];
  call.role = !arms.routes->judged ? Call::Role::other
              : choice.control     ? Call::Role::control
              : choice.arm == 1    ? Call::Role::canary
                                   : Call::Role::other;
  return arms.arms[choice.arm];
}

// What the client names in a field counts as if its path had named it.
void Arms::pin(const http::Head& head, Route& route) const {
  if (!service_.options.allow_pin || route.version != 0 || !route.label.empty()) return;
  const auto wanted = head.fields.find("x-nn-version");
  if (!wanted || wanted->empty()) return;
  if (const auto version = repository::parse_version_number(*wanted)) {
    route.version = *version;
  } else {
    route.label = *wanted;
  }
}

std::shared_ptr<Served> Arms::choose(http::Exchange& exchange, Call& call) {
  pin(exchange.head(), call.route);
  call.arm = {};  // before those whose name it may be
  call.arms.reset();
  call.role = Call::Role::other;
  const Route& route = call.route;
  if (models_.empty()) return nullptr;
  const auto model = models_.find(route.model);
  if (model == models_.end()) return nullptr;
  if (route.version != 0 || !route.label.empty()) {
    call.arm = pinned;
    return nullptr;
  }
  call.arms = model->second;
  const traffic::Routes& routes = *call.arms->routes;
  call.by_rows =
      routes.key.from == From::input || (routes.key.from == From::id && call.route.protocol == Protocol::v2 &&
                                         !exchange.head().fields.find("x-request-id"));
  // Rows are read as the one that most of them will get wants them.
  if (call.by_rows) return call.arms->arms[routes.router.fallback()];
  const auto hash = hash_of(exchange, call, routes);
  return give(call, hash ? *hash : random());
}

std::shared_ptr<Served> Arms::choose_by_rows(Call& call) {
  if (!call.arms || !call.by_rows) return nullptr;
  const traffic::Router& router = call.arms->routes->router;
  std::uint64_t hash = random();
  if (call.arms->routes->key.from == From::input) {
    const std::uint64_t rows = hash_of_rows(call.rows.batch());
    hash = router.hash({reinterpret_cast<const char*>(&rows), sizeof rows});
  } else if (!call.v2.id.empty()) {
    hash = router.hash(call.v2.id);
  }
  std::shared_ptr<Served> served = give(call, hash);
  return served == call.served ? nullptr : served;
}

void Arms::note(const Call& call, std::span<const float> values) {
  if (call.role == Call::Role::other || !call.arms) return;
  const serving::Request& request = *call.computation;
  const bool answered = request.state == serving::Request::State::answered;
  if (!answered && !is_versions_fault(request)) return;
  const auto us = static_cast<double>((request.waited + request.computed).count());
  const bool nonfinite = answered && !all_finite(values);
  const std::uint64_t epoch = call.arms->routes->epoch;
  if (call.role == Call::Role::canary) {
    call.arms->recorder->canary(epoch, !answered, nonfinite, us);
  } else {
    call.arms->recorder->control(epoch, !answered, nonfinite, us);
  }
}

void Arms::drop(ModelArms& arms, std::int64_t rows) {
  arms.traffic->counters().shadow_dropped.fetch_add(static_cast<std::uint64_t>(rows),
                                                    std::memory_order_relaxed);
  traffic::Comparison dropped;
  dropped.add_dropped();
  arms.recorder->shadow(arms.routes->epoch, dropped);
}

std::shared_ptr<ShadowRun> Arms::take_shadow(const Call& call, std::span<const float> values) {
  if (!call.arms || !call.arms->shadow || call.arms->shadow == call.served) return nullptr;
  ModelArms& arms = *call.arms;
  if (!arms.routes->wants_shadow(random())) return nullptr;
  const Batch& rows = call.rows.batch();
  const std::uint64_t bytes = call.computation->bytes + values.size_bytes();
  const bool comparable = arms.shadow->servable->kind() == call.served->servable->kind();
  // Where more waits than a tenth of what others may wait, shadows are the first that aren't let in.
  const bool crowded = serving::refusal(*arms.shadow->servable, rows.rows, serving::Priority::shadow,
                                        call.times.over, std::nullopt, service_.options.door)
                           .has_value();
  if (!comparable || crowded || shadows_ >= most_shadows || shadow_bytes_ + bytes > most_shadow_bytes) {
    drop(arms, rows.rows);
    return nullptr;
  }
  try {
    auto& binding = arms.shadow_bindings[rows.schema.get()];
    if (!binding) binding = serving::bind(arms.shadow->servable, *rows.schema);
    auto shadow = std::make_shared<ShadowRun>();
    shadow->arms = call.arms;
    shadow->binding = binding;
    shadow->rows = copy_of(rows);
    shadow->reference.assign(values.begin(), values.end());
    shadow->reference_us = static_cast<double>(call.computation->computed.count());
    shadow->bytes = bytes;
    shadow->priority = serving::Priority::shadow;
    shadow->wants_batch = false;
    shadow->arrived = call.computation->arrived;
    return shadow;
  } catch (const std::exception&) {  // it wants other columns, or there is no memory for it
    drop(arms, rows.rows);
    return nullptr;
  }
}

void Arms::run(std::shared_ptr<ShadowRun> shadow) {
  shadow->completion = mailbox_;
  ++shadows_;
  shadow_bytes_ += shadow->bytes;
  serving::Servable& servable = *shadow->binding->servable;
  if (servable.submit(shadow)) return;
  --shadows_;
  shadow_bytes_ -= shadow->bytes;
  drop(*shadow->arms, shadow->rows.rows);
}

void Arms::compared(ShadowRun& shadow) {
  --shadows_;
  shadow_bytes_ -= shadow.bytes;
  ModelArms& arms = *shadow.arms;
  traffic::Comparison pair;
  if (shadow.state != serving::Request::State::answered) {
    // Whoever has the lowest priority waits for others, not for its version, until it is too late.
    const bool waited = shadow.state == serving::Request::State::late;
    if (waited || !is_versions_fault(shadow)) return drop(arms, shadow.rows.rows);
    pair.add_error();
    return arms.recorder->shadow(arms.routes->epoch, pair);
  }
  const predict::PredictionKind& kind = shadow.binding->servable->kind();
  const auto width = static_cast<std::size_t>(kind.width());
  std::vector<double> deviations;
  if (!kind.classes) {
    arms.spreads.resize(width);
    for (std::size_t i = 0; i < shadow.reference.size(); ++i) {
      ModelArms::Spread& spread = arms.spreads[i % width];
      if (!std::isfinite(shadow.reference[i])) continue;
      const double difference = shadow.reference[i] - spread.mean;
      spread.n += 1;
      spread.mean += difference / spread.n;
      spread.squares += difference * (shadow.reference[i] - spread.mean);
    }
    for (const ModelArms::Spread& spread : arms.spreads)
      deviations.push_back(spread.n > 1 ? std::sqrt(spread.squares / (spread.n - 1)) : 0);
  }
  const auto result = pair.add({kind.width(), kind.classes, deviations}, shadow.reference,
                               {shadow.values.as<float>(), shadow.reference.size()});
  pair.add_cost(shadow.reference_us, static_cast<double>(shadow.computed.count()));
  traffic::TrafficCounters& counters = arms.traffic->counters();
  counters.shadow_agree.fetch_add(static_cast<std::uint64_t>(result.agreed), std::memory_order_relaxed);
  counters.shadow_differ.fetch_add(static_cast<std::uint64_t>(result.rows - result.agreed),
                                   std::memory_order_relaxed);
  arms.recorder->shadow(arms.routes->epoch, pair);
}

}  // namespace nn::serve
