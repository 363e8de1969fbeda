#include "client/ask.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "base/signals.hpp"
#include "client/connect.hpp"
#include "net/stop_wait.hpp"

namespace nn::client {
namespace {

protocol::OutgoingFrame question_frame(protocol::FrameMaker& maker, const WorkerQuestion& question) {
  constexpr std::uint64_t id = 1;
  auto& builder = maker.builder();
  const auto query = [&](wire::What what) { return maker.finish(id, wire::CreateQuery(builder, what)); };
  const auto model = [&] { return builder.CreateString(question.model); };
  switch (question.kind) {
    case WorkerQuestion::Kind::health: return query(wire::What::health);
    case WorkerQuestion::Kind::status: return query(wire::What::status);
    case WorkerQuestion::Kind::models: return query(wire::What::models);
    case WorkerQuestion::Kind::stats: return query(wire::What::stats);
    case WorkerQuestion::Kind::load:
      return maker.finish(id, wire::CreateLoad(builder, model(), question.version));
    case WorkerQuestion::Kind::unload:
      return maker.finish(id, wire::CreateUnload(builder, model(), question.version));
  }
  fail(ErrorKind::internal, "a question without a message");
}

asio::awaitable<std::string> ask(asio::io_context& io, net::Endpoint endpoint, WorkerQuestion question,
                                 net::Access access) {
  net::Transport transport;
  constexpr std::uint64_t max_frame = 16u << 20;
  const auto link = co_await open_connection(endpoint, access, max_frame, transport);
  auto limit = close_after(link, io, access.connect_timeout);
  co_await greet(*link, with_token(access), max_frame, transport);
  link->send(question_frame(link->maker(), question));
  protocol::IncomingFrame in;
  while (co_await link->read(in)) {
    if (const auto* failed = in.as<wire::Failed>()) throw protocol::error_of(*failed);
    if (in.frame->message_type() != wire::Message::Report) continue;
    const auto bytes = in.body.bytes();
    link->close();
    limit.cancel();
    co_return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  fail(ErrorKind::unavailable, "no answer");
}

// The health that describe() in worker/session.cpp reports: {"status":"ok"}.
bool is_healthy(std::string_view json) {
  constexpr std::size_t deepest = 16;
  const auto health =
      json_nests_deeper(json, deepest) ? nlohmann::json() : nlohmann::json::parse(json, nullptr, false);
  return health.is_object() && health.value("status", nlohmann::json()) == "ok";
}

}  // namespace

WorkerAnswer ask_worker(const net::Endpoint& endpoint, const WorkerQuestion& question,
                        const net::Access& access) {
  asio::io_context io(1);
  std::string answer;
  std::exception_ptr error;
  asio::co_spawn(io, ask(io, endpoint, question, access), [&](std::exception_ptr thrown, std::string text) {
    error = std::move(thrown);
    answer = std::move(text);
    io.stop();
  });
  const net::StopWait stop(io.get_executor(), throw_if_stopped);
  io.run();
  try {
    if (error) std::rethrow_exception(error);
  } catch (const Error& thrown) {
    throw within(thrown, net::to_string(endpoint));
  }
  const bool serves = question.kind != WorkerQuestion::Kind::health || is_healthy(answer);
  return {std::move(answer), serves};
}

}  // namespace nn::client
