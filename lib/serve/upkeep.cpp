#include "serve/upkeep.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/log.hpp"
#include "serve/reporter.hpp"

namespace nn::serve {
namespace {

// Long enough that whoever scrapes sees the last of a version that is gone; and few, since each has
// histograms, and a label of its own wherever they are kept.
constexpr std::chrono::minutes remembered{15};
constexpr std::size_t most_remembered = 8;  // of a model

void take_stock(const Service& service, Clock::time_point now) {
  Counters& counters = service.operations.counters;
  const auto oldest = (std::chrono::system_clock::now() - remembered).time_since_epoch();
  const auto is_gone = [catalog = service.catalog.get()](const std::string& model, std::uint64_t version) {
    return !catalog->find(model, version).servable;
  };
  counters.forget(
      is_gone,
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(oldest).count()),
      most_remembered);
  service.operations.history.sample(counters.overall(), now);
  service.operations.history.sample_models(counters.totals().versions, now);
}

}  // namespace

Upkeep::Upkeep(boost::asio::io_context& io, Service& service, http::Server& server,
               std::function<void()> on_idle)
    : io_(io),
      service_(service),
      server_(server),
      on_idle_(std::move(on_idle)),
      sample_(io.get_executor()),
      idle_(io.get_executor()) {}

void Upkeep::start() {
  last_request_ = net::clock_of(io_).now();
  sample();
}

void Upkeep::stop() {
  sample_.cancel();
  idle_.cancel();
}

void Upkeep::sample() {
  service_.reporter.post([&service = service_, &clock = net::clock_of(io_)] {
    try {
      take_stock(service, clock.now());
    } catch (const std::bad_alloc&) {
      note("no memory for a sample of the status page");
    }
  });
  sample_.expires_after(History::step);
  sample_.wait([this](bool expired) {
    if (expired) sample();
  });
}

void Upkeep::set_exit_idle(std::chrono::milliseconds time) {
  exit_idle_ = time;
  idle_.cancel();
  if (time.count() > 0) look_whether_idle();
}

void Upkeep::look_whether_idle() {
  const Clock::time_point now = net::clock_of(io_).now();
  const std::uint64_t requests = server_.stats().requests_total.load(std::memory_order_relaxed);
  if (requests != requests_ || server_.requests_under_way() > 0) last_request_ = now;
  requests_ = requests;
  if (now - last_request_ >= exit_idle_) return on_idle_();
  constexpr int looks = 8;  // in that time: it ends so much too late at most
  idle_.expires_after(std::min<Clock::duration>(exit_idle_ - (now - last_request_),
                                                exit_idle_ / looks + std::chrono::milliseconds(1)));
  idle_.wait([this](bool expired) {
    if (expired) look_whether_idle();
  });
}

}  // namespace nn::serve
