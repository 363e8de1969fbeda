#include "worker/drain.hpp"

#include <algorithm>
#include <utility>

#include "process/notify.hpp"

namespace nn::worker {
namespace {

constexpr std::chrono::seconds last_words{1};  // to a client of --stdio

}  // namespace

void Drain::begin() {
  if (!std::exchange(service_.draining, true)) tasks_.spawn(run());
}

bool Drain::anybody_busy() const {
  return std::any_of(service_.sessions.begin(), service_.sessions.end(),
                     [](const auto& session) { return session->busy(); });
}

asio::awaitable<void> Drain::run() {
  process::notify_manager("STOPPING=1");
  service_.log.write("drain", {{"connections", service_.sessions.size()}, {"inflight", service_.inflight}});
  listeners_.close();
  const auto sessions = service_.sessions;
  for (const auto& session : sessions) session->drain();
  if (service_.training) service_.training->stop(wire::Code::draining);
  net::Timer timer(service_.io.get_executor(), service_.options.drain_timeout);
  look();
  co_await timer.wait();
  lost_ = anybody_busy();
  tasks_.end();
}

void Drain::look() {
  // A device that failed answers nobody any more; who started the worker may start it anew.
  if (service_.broken && !service_.draining) return begin();
  if (service_.training) return;
  const bool alone = service_.options.stdio && listeners_.empty() && service_.sessions.empty();
  if (!service_.draining && !alone) return;
  if (!anybody_busy() && !std::exchange(ending_, true)) tasks_.spawn(end());
}

// Frames that are queued go out first. The session of --stdio may have ended before, with some of them left.
asio::awaitable<void> Drain::end() {
  const auto sessions = service_.sessions;
  for (const auto& session : sessions) session->close_when_sent();
  net::Timer pause(service_.io.get_executor());
  const auto deadline = service_.clock.now() + last_words;
  const auto talking = [&] { return only_ && !only_->link().all_sent() && service_.clock.now() < deadline; };
  while (listeners_.open_tls() > 0 || talking()) {
    pause.expires_after(std::chrono::milliseconds(2));
    co_await pause.wait();
  }
  tasks_.end();
}

}  // namespace nn::worker
