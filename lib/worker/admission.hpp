// Who is let in, and who makes room for them. For this module only.
#pragma once

#include <memory>

#include "net/listeners.hpp"
#include "net/task_group.hpp"
#include "worker/session.hpp"

namespace nn::worker {

// One thread, that of the service's io_context.
class Admission {
 public:
  // All must outlive it.
  Admission(Service& service, const net::Listeners& listeners, net::TaskGroup& tasks)
      : service_(service), listeners_(listeners), tasks_(tasks) {}

  // A client has come in. Where there is no room for it, and nobody to make some, it is told so.
  void come(net::Listeners::Client client);
  // Opens a session, whether there is room or not.
  std::shared_ptr<Session> welcome(net::Socket socket, Origin origin);
  // Are as many here as may be: all clients, and some who haven't said what they want or only ask for the
  // worker's health?
  bool is_crowded() const;

 private:
  bool make_room();

  Service& service_;
  const net::Listeners& listeners_;
  net::TaskGroup& tasks_;
};

}  // namespace nn::worker
