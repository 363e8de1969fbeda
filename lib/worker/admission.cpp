#include "worker/admission.hpp"

#include <fmt/format.h>

#include <utility>

namespace nn::worker {
namespace {

// Connections beside those of clients: people who ask for the worker's health, and those who haven't said
// what they want.
constexpr std::size_t most_guests = 64;
constexpr std::string_view no_room = "no connection is free";

std::string advice_for(const WorkerOptions& options) {
  return fmt::format(": --max-connections {}", options.max_connections);
}

}  // namespace

bool Admission::is_crowded() const {
  return service_.sessions.size() + listeners_.greeting() >=
         static_cast<std::size_t>(service_.options.max_connections) + most_guests;
}

void Admission::come(net::Listeners::Client client) {
  const WorkerOptions& options = service_.options;
  Origin origin{std::move(client.name), client.admin};
  // Without a place or a token for administrators, who could do it to the process or to the files may do it
  // here.
  if (options.admin.empty() && service_.admin_token.empty()) origin.may_administer = client.local;
  if (is_crowded() && !make_room()) {
    ++service_.stats.connections_refused;
    const auto link = std::make_shared<protocol::FrameLink>(std::move(client.socket), options.max_frame);
    link->send(link->maker().failed(0, wire::Code::busy, no_room, advice_for(options)));
    return link->close_when_sent();
  }
  welcome(std::move(client.socket), std::move(origin));
}

// Whoever has been here longest without saying what they want makes room for the next.
bool Admission::make_room() {
  std::shared_ptr<Session> oldest;
  for (const auto& session : service_.sessions) {
    if (session->is_client() || session->link().closing()) continue;
    if (!oldest || session->started() < oldest->started()) oldest = session;
  }
  if (!oldest) return false;
  oldest->evict(no_room, advice_for(service_.options));
  return true;
}

std::shared_ptr<Session> Admission::welcome(net::Socket socket, Origin origin) {
  auto session = std::make_shared<Session>(service_, std::move(socket), std::move(origin));
  service_.sessions.insert(session);
  try {
    tasks_.spawn(session->run());
  } catch (...) {  // what never begins doesn't end either
    service_.sessions.erase(session);
    throw;
  }
  return session;
}

}  // namespace nn::worker
