// How a server ends: when it is told to, when its device fails, or with the one client of --stdio. For this
// module only.
#pragma once

#include <memory>

#include "net/listeners.hpp"
#include "net/task_group.hpp"
#include "worker/session.hpp"

namespace nn::worker {

// One thread, that of the service's io_context.
class Drain {
 public:
  // All must outlive it.
  Drain(Service& service, net::Listeners& listeners, net::TaskGroup& tasks)
      : service_(service), listeners_(listeners), tasks_(tasks) {}

  // From here on nobody comes in, and nothing new is begun; the group ends when all that was under way is
  // answered, or when --drain-timeout is over. Once is enough.
  void begin();
  // The server ends with this session, where it listens nowhere.
  void end_with(std::shared_ptr<Session> session) { only_ = std::move(session); }
  // A session, a request or a training has ended: the server does so too where that was the last.
  void look();
  // Requests were under way when the time was over.
  bool lost() const { return lost_; }

 private:
  bool anybody_busy() const;
  asio::awaitable<void> run();
  asio::awaitable<void> end();

  Service& service_;
  net::Listeners& listeners_;
  net::TaskGroup& tasks_;
  std::shared_ptr<Session> only_;
  bool ending_ = false;
  bool lost_ = false;
};

}  // namespace nn::worker
