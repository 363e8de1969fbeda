// Members of ensembles that workers have: looked for in a thread of their own, found again when they were
// lost.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/access.hpp"
#include "serving/late_servable.hpp"

namespace nn::client {

struct RemoteMembersOptions {
  net::Access access;  // one with its token (net/access.hpp)
  std::uint64_t max_frame = 64u << 20;
  std::chrono::milliseconds look_every{1000};  // how often those that are missing are looked for
  std::chrono::microseconds hedge{0};          // a second worker is asked after; 0: never
  std::uint64_t queue_bytes = 256u << 20;      // of a member's requests that wait for their answers
  std::uint32_t seed = 1;                      // of the choice among workers
  // A member isn't found any more, or again: in the thread that looks. Must not throw.
  std::function<void()> changed = [] {};
};

struct RemoteMember {
  std::string name;   // here
  std::string model;  // there
  std::uint64_t version = 0;
  std::vector<std::string> at;               // endpoints; its requests are dispatched over them
  std::chrono::milliseconds patience{5000};  // with workers that can't be reached
};

// Thread-safe. Must outlive the servables, as a batcher must.
class RemoteMembers {
 public:
  explicit RemoteMembers(RemoteMembersOptions options);
  ~RemoteMembers();
  RemoteMembers(const RemoteMembers&) = delete;
  RemoteMembers& operator=(const RemoteMembers&) = delete;

  // Begins to look for it, and goes on as long as the servable is used, while it isn't there or its requests
  // fail. Usage errors for endpoints that are none.
  std::shared_ptr<serving::LateServable> find(const RemoteMember& member);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nn::client
