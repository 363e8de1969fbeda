#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <optional>

#include "base/signals.hpp"
#include "client/connect.hpp"
#include "client/remote_predict.hpp"
#include "format/arrow/messages.hpp"
#include "format/reading.hpp"
#include "net/stop_wait.hpp"
#include "repository/model_name.hpp"

namespace nn::client {
namespace {

using Table = std::shared_ptr<const Schema>;

// A single question, on a connection of its own, which ends with the answer.
asio::awaitable<Table> ask(asio::io_context& io, net::Endpoint endpoint, const RemoteOptions& options) {
  net::Transport transport;
  const auto link = co_await open_connection(endpoint, options.access, options.max_frame, transport);
  auto limit = close_after(link, io, options.access.connect_timeout);
  co_await greet(*link, with_token(options.access), options.max_frame, transport);
  const repository::ModelName model =
      options.model ? repository::parse_model_name(*options.model) : repository::ModelName{};
  auto& builder = link->maker().builder();
  const auto name = builder.CreateString(model.name);
  const auto label = builder.CreateString(model.label);
  constexpr std::uint64_t id = 1;
  link->send(link->maker().finish(id, wire::CreateDescribe(builder, name, model.version.value_or(0), label)));
  const protocol::IncomingFrame in = co_await expect(*link, wire::Message::Described);
  link->close();
  limit.cancel();
  format::MessageReader reader(net::to_string(endpoint));
  reader.read(in.body);
  co_return reader.schema();
}

Table ask_and_wait(const net::Endpoint& endpoint, const RemoteOptions& options) {
  asio::io_context io(1);
  Table table;
  std::exception_ptr error;
  asio::co_spawn(io, ask(io, endpoint, options), [&](std::exception_ptr thrown, Table answer) {
    error = std::move(thrown);
    table = std::move(answer);
    io.stop();
  });
  const net::StopWait stop(io.get_executor(), throw_if_stopped);
  io.run();
  if (error) std::rethrow_exception(error);
  return table;
}

bool is_command(const net::Endpoint& endpoint) {
  return endpoint.kind == net::Endpoint::Kind::exec || endpoint.kind == net::Endpoint::Kind::ssh;
}

}  // namespace

void take_table_of_workers(format::SourceOptions& source, const RemoteOptions& options) {
  for (const net::Endpoint& endpoint : options.endpoints) {
    if (is_command(endpoint)) continue;
    try {
      const Table table = ask_and_wait(endpoint, options);
      if (!table) return;
      if (const std::string* reading = table->metadata.find(format::reading_key))
        format::take_reading(source, format::reading_from_json(*reading));
      format::take_columns(source, *table);
      return;
    } catch (const Error&) {
      throw_if_stopped();
    }
  }
}

}  // namespace nn::client
