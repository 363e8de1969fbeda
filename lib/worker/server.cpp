#include "worker/server.hpp"

#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "net/hear.hpp"
#include "net/no_throw.hpp"
#include "repository/watch.hpp"

namespace nn::worker {
namespace {

constexpr std::chrono::milliseconds look_at_connections{100};

}  // namespace

Server::Server(Service& service)
    : service_(service),
      tasks_(service.io),
      listeners_(
          service.io,
          {.listen = service.options.listen, .admin = service.options.admin, .tls = service.options.tls},
          service.token.empty(), listener_events()),
      admission_(service, listeners_, tasks_),
      drain_(service, listeners_, tasks_) {
  service_.on_change = [this] { drain_.look(); };
}

net::Listeners::Events Server::listener_events() {
  net::Listeners::Events events;
  events.come = [this](net::Listeners::Client client) { come(std::move(client)); };
  events.is_crowded = [this] { return admission_.is_crowded(); };
  events.rejected = [this](const std::string& name, const Error& error) {
    ++service_.stats.connections_refused;
    service_.log.write("unauthenticated", {{"client", name}, {"error", error.what()}});
  };
  events.failed = [this](std::exception_ptr error) { tasks_.end(std::move(error)); };
  return events;
}

void Server::start() {
  spawn(watch_connections());
  if (service_.options.poll_s > 0) {
    spawn(watch_repositories());
    spawn(hear_of_repositories());
  }
  listeners_.start();
}

void Server::attach(net::Socket socket) {
  attached_ = admission_.welcome(std::move(socket), {"stdio", true});
  drain_.end_with(attached_);
}

void Server::look_anew() {
  service_.log.reopen();
  service_.log.write("reload", {});
  try {
    listeners_.renew_certificates();
  } catch (const Error& error) {
    warn("{}; the old certificates stay in use", error.what());
  }
  service_.loader.look();
}

void Server::check_end() const {
  tasks_.check();
  if (service_.broken) throw Error(*service_.broken);
  if (attached_ && !listens() && attached_->failure()) throw attached_->failure()->within("standard input");
  if (drain_.lost())
    throw make_error(ErrorKind::unavailable, "requests were under way").advise(" when --drain-timeout ended");
}

asio::awaitable<void> Server::watch_connections() {
  net::Timer timer(service_.io.get_executor());
  for (;;) {
    timer.expires_after(look_at_connections);
    if (!co_await timer.wait()) co_return;
    give_back_after_crowds();
    const auto now = service_.clock.now();
    const std::vector<std::shared_ptr<Session>> sessions(service_.sessions.begin(), service_.sessions.end());
    for (const auto& session : sessions) session->check_time(now);
  }
}

// What many large messages took is not needed when they are gone.
void Server::give_back_after_crowds() {
  const std::uint64_t used = service_.memory->used() + service_.kept->used();
  if (used > service_.options.max_memory / 4) had_crowd_ = true;
  if (used > 0 || !had_crowd_) return;
  had_crowd_ = false;
  asio::post(*service_.parsers, give_back_memory);
}

// Changes are seen when they happen, where the system tells; looking now and then sees the others.
asio::awaitable<void> Server::hear_of_repositories() {
  std::vector<std::string> paths;
  for (const repository::ModelSpec& spec : service_.options.models) paths.push_back(spec.path);
  if (paths.empty()) co_return;
  repository::RepositoryWatch watch(std::move(paths));
  co_await net::hear(service_.io, watch, [this] { service_.loader.look(); });
}

asio::awaitable<void> Server::watch_repositories() {
  net::Timer timer(service_.io.get_executor());
  for (;;) {
    timer.expires_after(
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(service_.options.poll_s)));
    if (!co_await timer.wait()) co_return;
    service_.loader.look();
  }
}

}  // namespace nn::worker
