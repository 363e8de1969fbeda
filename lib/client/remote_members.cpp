#include "client/remote_members.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <set>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "client/remote_model.hpp"
#include "net/timer.hpp"

namespace nn::client {
namespace {

using serving::LateServable;

// Connections end in the thread of the io_context, whoever was the last to need them.
std::shared_ptr<const Workers> workers_of(asio::io_context& io, const std::vector<net::Endpoint>& endpoints,
                                          const RemoteMembersOptions& options) {
  return {new Workers(io, endpoints, options.access, options.max_frame), [&io](const Workers* last) {
            asio::post(io, [owned = std::unique_ptr<const Workers>(last)]() mutable { owned.reset(); });
          }};
}

}  // namespace

struct RemoteMembers::State {
  // Of a servable that somebody uses.
  struct Search {
    RemoteMember member;
    std::vector<net::Endpoint> endpoints;
    std::weak_ptr<LateServable> servable;
    std::shared_ptr<std::atomic<bool>> wanted;  // it isn't there, or fails
    bool under_way = false, missed = false;
    std::string what() const { return fmt::format("{} {}", member.name, fmt::join(member.at, ", ")); }
  };

  explicit State(RemoteMembersOptions its_options) : options(std::move(its_options)) {}

  void start() {
    asio::post(io, [this] { look_later(); });
    thread = std::thread([this] { run(); });
  }

  // What throws in there is told to nobody else, and the others go on.
  void run() {
    for (;;) {
      try {
        io.run();
        return;
      } catch (const std::exception& error) {
        warn("members at workers: {}", error.what());
      }
    }
  }

  void look_later() {
    timer.expires_after(options.look_every);
    timer.wait([this](bool expired) {
      if (!expired) return;
      std::erase_if(searches, [](const auto& search) { return search->servable.expired(); });
      for (const auto& search : searches) look_for(search);
      look_later();
    });
  }

  void look_for(const std::shared_ptr<Search>& search) {
    if (search->under_way || !search->wanted->exchange(false)) return;
    search->under_way = true;
    const auto workers = workers_of(io, search->endpoints, options);
    RemoteModelOptions model;
    model.name = search->member.name;
    model.remote_name = search->member.model;
    model.version = search->member.version;
    model.patience = search->member.patience;
    model.hedge = options.hedge;
    model.seed = options.seed;
    model.queue_bytes = options.queue_bytes;
    model.keep = workers;
    open_remote_model(io, *workers, model, [this, search, workers](const auto& what) {
      search->under_way = false;
      const auto servable = search->servable.lock();
      if (!servable) return;
      if (const auto* why = std::get_if<Error>(&what)) {
        search->wanted->store(true);
        return missed(*search, *servable, *why);
      }
      if (told.erase(search->what()) > 0) note("{} is found at {}", search->member.name, servable->where());
      servable->arrive(std::get<0>(what));
      if (std::exchange(search->missed, false)) options.changed();
    });
  }

  // Once until it is found, also by others: an ensemble that isn't there without it is opened again and
  // again.
  void missed(Search& search, LateServable& servable, const Error& why) {
    servable.miss(why);
    if (told.insert(search.what()).second)
      warn("{} isn't found at {}: {}; it is looked for again and again", search.member.name, servable.where(),
           why.what());
    if (!std::exchange(search.missed, true)) options.changed();
  }

  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  const RemoteMembersOptions options;
  net::Timer timer{io.get_executor()};
  std::vector<std::shared_ptr<Search>> searches;
  std::set<std::string> told;  // that are missing
  std::thread thread;
};

RemoteMembers::RemoteMembers(RemoteMembersOptions options)
    : state_(std::make_unique<State>(std::move(options))) {
  state_->start();
}

// What others have let go of by then still ends as it should.
RemoteMembers::~RemoteMembers() {
  asio::post(state_->io, [state = state_.get()] {
    state->timer.cancel();
    state->searches.clear();
    state->io.stop();
  });
  state_->thread.join();
  state_->io.restart();
  state_->io.poll();
}

std::shared_ptr<LateServable> RemoteMembers::find(const RemoteMember& member) {
  const auto search = std::make_shared<State::Search>();
  search->member = member;
  for (const std::string& endpoint : member.at) search->endpoints.push_back(net::parse_endpoint(endpoint));
  search->wanted = std::make_shared<std::atomic<bool>>(true);
  auto servable = std::make_shared<LateServable>(member.name, member.version,
                                                 fmt::format("{}", fmt::join(member.at, ", ")),
                                                 [wanted = search->wanted] { wanted->store(true); });
  search->servable = servable;
  asio::post(state_->io, [state = state_.get(), search] {
    state->searches.push_back(search);
    state->look_for(search);
  });
  return servable;
}

}  // namespace nn::client
