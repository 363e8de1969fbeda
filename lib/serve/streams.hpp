// gRPC's streams of messages: inference, whose answers come in the order in which they are ready, and the
// watching of health. For this module only.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "serve/questions.hpp"

namespace nn::serve {

// A stream of requests for inference: each message is one, and has a call of its own.
struct InferStream : http::Work {
  explicit InferStream(http::Exchange& its) : exchange(its) {}

  http::Exchange& exchange;
  Route route;
  std::string token;                         // the name of that which it came with; maybe empty
  std::vector<std::shared_ptr<Call>> calls;  // all of them
  std::vector<Call*> free;                   // those that are under way aren't
  bool half_closed = false;                  // no more messages come
  bool ending = false;                       // the server does: what is under way is answered, and no more

  // Nobody waits for what is under way; the stream ends behind it.
  void gone() override;
  Call& next();
  // Copies the message into the call, until that is over. False where the bodies of requests have no room.
  bool hold(Call& call) const;
  // The call's answer has been sent. Ends the stream with the last of them, where no more are to come.
  void over(Call& call);
  bool idle() const { return free.size() == calls.size(); }
};

// Ends a stream of messages whose client could go on for as long as it likes: it is to ask another server.
void end_stream(http::Exchange& exchange);

// Clients that want to know when a service's health changes (grpc.health.v1.Health/Watch). One thread's.
class HealthWatch {
 public:
  explicit HealthWatch(const Service& service) : service_(service) {}
  // The exchange's message says which; tells it how things stand.
  void watch(http::Exchange& exchange);
  // Tells all for whom something has changed.
  void look();
  // The stream has ended.
  void forget(const http::Exchange& exchange);

 private:
  struct Watcher {
    std::weak_ptr<http::Exchange> exchange;
    const http::Exchange* address;
    std::string service;
    inference::Health told;
  };
  static void tell(http::Exchange& exchange, inference::Health health);

  const Service& service_;
  std::list<Watcher> watchers_;
};

}  // namespace nn::serve
