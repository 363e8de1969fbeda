#include "worker/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/version.hpp"

namespace nn::worker {
namespace {

constexpr std::size_t most_streams = 1024;  // of a connection
constexpr std::uint64_t most_unsent = 4u << 20, most_unsent_of_all = 64u << 20;
constexpr std::uint64_t off_loop_bytes = 32 << 10;  // of a body that is read elsewhere
constexpr std::chrono::seconds hello_timeout{10};
constexpr std::chrono::milliseconds hello_timeout_when_full{200};
constexpr std::chrono::seconds stuck_timeout{60};   // of a client that doesn't take its answers
constexpr std::chrono::seconds guest_timeout{30};   // of one that greets and asks for nothing
constexpr std::chrono::seconds keep_time{30};       // of a version that a silent stream was promised
constexpr std::chrono::seconds stalled_timeout{5};  // of a body that others wait for
constexpr std::uint64_t least_rate = 128 << 10;     // bytes a second of a body that others wait for

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

Session::Session(Service& service, net::Socket socket, Origin origin)
    : service_(service),
      origin_(std::move(origin)),
      number_(++service.stats.connections_total),
      link_(std::make_shared<protocol::FrameLink>(std::move(socket), service.options.max_frame)),
      stream_memory_(service.kept, std::max(service.options.max_memory / 4, service.options.max_frame)),
      started_(service.clock.now()) {
  link_->refuse_bodies(true);
  link_->set_pool(service.bodies);
  const std::uint64_t own = std::max(service.options.max_memory / 4, service.options.max_frame);
  link_->set_budgets(std::make_shared<protocol::ByteBudget>(service.io.get_executor(), own), service.memory);
}

asio::awaitable<void> Session::run() {
  const auto self = shared_from_this();
  service_.log.write("connect", {{"client", origin_.name}});
  std::string why;
  try {
    co_await serve();
    if (!greeted_ && link_->received_bytes() > 0) failure_ = data_error("the client was not welcome");
  } catch (const Error& error) {
    failure_ = error;
    why = error.what();
    if (error.kind() == ErrorKind::data) {
      ++service_.stats.protocol_errors;
      refuse(0, wire::Code::invalid, error);
    }
  } catch (const std::exception& error) {  // of this client's doing or not: the others go on
    why = error.what();
    failure_ = Error(ErrorKind::internal, why);
    refuse(0, wire::Code::internal, "an internal error; the worker's log says more");
  }
  end(why);
}

asio::awaitable<void> Session::serve() {
  const auto link = link_;
  protocol::IncomingFrame in;
  while (co_await link->read(in)) {
    if (greeted_ || greet(in)) co_await handle(in);
    in.body = {};
    // A client that sends on and takes no answers is not read from any more.
    const std::uint64_t most = std::min(most_unsent, most_unsent_of_all / (service_.sessions.size() + 1));
    if (link->unsent_bytes() > most) co_await link->sent_down_to(most);
    if (const auto training = training_) co_await training->taken_down_to(most_unsent);
    if (link->closing()) break;
  }
}

void Session::end(std::string_view why) {
  if (training_) training_->stop(wire::Code::cancelled);
  for (const auto& [id, request] : requests_) request->cancelled = true;
  service_.stats.cancelled += requests_.size();
  requests_.clear();
  streams_.clear();
  stream_memory_.clear();
  if (client_) --service_.clients;
  link_->close_when_sent();
  service_.stats.received_bytes += link_->received_bytes();
  service_.stats.sent_bytes += link_->sent_bytes();
  JsonFields fields = {{"client", origin_.name}, {"received_bytes", link_->received_bytes()}};
  if (!why.empty()) fields.emplace("error", why);
  service_.log.write("disconnect", fields);
  service_.sessions.erase(shared_from_this());
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

// Where a training takes no rows nothing is read either, and the end of the connection isn't seen.
void Session::close() {
  link_->close();
  if (training_) training_->stop(wire::Code::cancelled);
}

void Session::evict(std::string_view why, std::string_view advice) {
  ++service_.stats.connections_refused;
  refuse(0, wire::Code::busy, why, advice);
  link_->close_when_sent();
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
  const std::string_view token = flatbuffers::GetStringView(hello->token());
  const bool admin = !service_.admin_token.empty() && same_secret(token, service_.admin_token);
  if (!service_.token.empty() && !admin && !same_secret(token, service_.token)) {
    service_.log.write("unauthenticated", {{"client", origin_.name}});
    if (hello->token() == nullptr) {
      refuse(in.frame->id(), wire::Code::unauthenticated, "this worker asks for a token", " (--token-file)");
    } else {
      refuse(in.frame->id(), wire::Code::unauthenticated, "wrong token");
    }
    link_->close_when_sent();
    return false;
  }
  if (!service_.admin_token.empty()) origin_.may_administer = admin;
  if (hello->max_frame() > 0) client_frame_ = std::min(hello->max_frame(), std::uint64_t{1} << 31);
  link_->refuse_bodies(false);
  auto& builder = link_->maker().builder();
  const auto agent = builder.CreateString(fmt::format("nn-worker {}", tools_version()));
  const auto device = builder.CreateString(backend::to_string(service_.options.device));
  std::vector<std::string> abilities = {"predict", "keep", "labels", "describe"};
  if (origin_.may_administer) abilities.emplace_back("admin");
  if (!service_.options.train_folder.empty()) abilities.insert(abilities.end(), {"train", "train-from"});
  const auto can = builder.CreateVectorOfStrings(abilities);
  const auto inflight = static_cast<std::uint32_t>(service_.options.max_inflight);
  link_->send(link_->maker().finish(in.frame->id(),
                                    wire::CreateWelcome(builder, protocol::protocol_version, agent, device,
                                                        service_.options.max_frame, inflight, can)));
  greeted_ = true;
  return false;
}

// Large bodies are read in another thread: this client waits for that, and nobody else.
asio::awaitable<void> Session::handle(const protocol::IncomingFrame& in) {
  std::shared_ptr<OpenStream> stream;
  const auto* opening = in.as<wire::Open>();
  if (opening != nullptr) {
    if (!become_client(in.frame->id())) co_return;
    if (streams_.size() >= most_streams) {
      refuse(in.frame->id(), wire::Code::busy,
             fmt::format("{} open streams on one connection", most_streams));
      co_return;
    }
    stream = new_stream(*opening);
  } else if (const auto* predicting = in.as<wire::Predict>()) {
    const auto found = streams_.find(predicting->stream());
    if (found != streams_.end()) stream = found->second;
  } else {
    handle_at_once(in);
    co_return;
  }
  const auto read = [&stream, &in] {
    Rows rows;
    try {
      if (stream) rows.batch = stream->rows.read(in.body);
      rows.bytes = in.body.size > off_loop_bytes ? format::decoded_size(in.body) : in.body.size;
    } catch (...) {
      rows.error = error_of(std::current_exception());
    }
    return rows;
  };
  Rows rows;
  if (in.body.size <= off_loop_bytes) {
    rows = read();
  } else {
    rows = co_await asio::co_spawn(
        service_.parsers->get_executor(), [&read]() -> asio::awaitable<Rows> { co_return read(); },
        asio::use_awaitable);
  }
  opening != nullptr ? open(in, stream, rows) : predict(in, stream, std::move(rows));
}

void Session::handle_at_once(const protocol::IncomingFrame& in) {
  const std::uint64_t id = in.frame->id();
  switch (in.frame->message_type()) {
    case wire::Message::Close: return forget(in.as<wire::Close>()->stream());
    case wire::Message::Cancel: return cancel(id);
    case wire::Message::Query:
      return link_->send(link_->maker().report(id, report(service_, in.as<wire::Query>()->what())));
    case wire::Message::Describe: return describe(in);
    case wire::Message::Train: return train(in);
    case wire::Message::Rows: return take_rows(in);
    case wire::Message::Model: return take_model(in);
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

// Whoever only asks how the worker is takes no client's place.
bool Session::become_client(std::uint64_t id) {
  if (client_) return true;
  if (service_.clients >= service_.options.max_connections) {
    ++service_.stats.connections_refused;
    refuse(id, wire::Code::busy, "no connection is free",
           fmt::format(": --max-connections {}", service_.options.max_connections));
    link_->close_when_sent();
    return false;
  }
  ++service_.clients;
  client_ = true;
  return true;
}

void Session::drain() {
  link_->on_all_sent(service_.on_change);
  auto& builder = link_->maker().builder();
  link_->send(link_->maker().finish(0, wire::CreateGoodbye(builder)));
}

void Session::check_time(Clock::time_point now) {
  if (link_->closing()) return;  // it has its own limit
  const auto catalog = service_.catalog.get();
  for (auto& [number, stream] : streams_) {
    if (!stream->binding) continue;
    const bool promised = stream->keep && now - stream->used <= keep_time;
    if (!promised && !catalog->serves(*stream->binding->servable)) stream->binding.reset();
  }
  const auto silent = now - link_->last_activity();
  if (!greeted_) {
    const bool full = service_.clients >= service_.options.max_connections;
    if (full && now - started_ > hello_timeout_when_full) {
      return evict("no connection is free",
                   fmt::format(": --max-connections {}", service_.options.max_connections));
    }
    if (now - started_ > hello_timeout) close();
    return;
  }
  if (link_->coming_bytes() > 0 && service_.memory->is_short()) {
    const auto patience = hello_timeout + std::chrono::seconds(link_->coming_bytes() / least_rate);
    if (now - link_->coming_since() > patience || silent > stalled_timeout) return close();
  }
  if (!link_->all_sent()) {
    if (silent > stuck_timeout) close();
    return;
  }
  if (training_) {  // its client asks from time to time whether we live
    if (now - link_->last_received() > stuck_timeout) close();
    return;
  }
  if (!client_ && silent > guest_timeout) return close();
  const auto idle = service_.options.idle_timeout;
  if (idle.count() > 0 && requests_.empty() && silent > idle) close();
}

}  // namespace nn::worker
