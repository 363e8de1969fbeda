// Buffers that are used again: fresh memory costs more (page faults) than parsing into it.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/memory.hpp"

namespace nn::format {

// Gives out buffers; a buffer comes back when its last owner lets go, in any thread, also
// after the pool itself is gone. What is idle is bounded in bytes. Copies of a pool are the same one.
// Thread-safe.
class BufferPool {
 public:
  // `drop` frees what isn't kept, where that takes too long for whoever lets go: called in any thread.
  explicit BufferPool(std::size_t most_idle_bytes = 96u << 20, std::function<void(Buffer)> drop = {}) {
    state_->most_idle_bytes = most_idle_bytes;
    state_->drop = std::move(drop);
  }

  // At least `bytes`, not initialised.
  std::shared_ptr<Buffer> get(std::size_t bytes) {
    Buffer buffer;
    {
      const std::lock_guard lock(state_->mutex);
      auto& idle = state_->idle;
      const auto fits =
          std::find_if(idle.begin(), idle.end(), [&](const Buffer& b) { return b.size() >= bytes; });
      if (fits != idle.end()) {
        buffer = std::move(*fits);
        idle.erase(fits);
        state_->idle_bytes -= buffer.size();
      } else if (!idle.empty()) {
        state_->idle_bytes -= idle.back().size();
        idle.pop_back();  // too small for what this input needs by now
      }
    }
    if (buffer.size() < bytes) buffer = Buffer(bytes + bytes / 8);
    return {new Buffer(std::move(buffer)), [state = state_](Buffer* returned) {
              const std::unique_ptr<Buffer> owned(returned);
              if (!state->keep(*owned) && state->drop) state->drop(std::move(*owned));
            }};
  }

 private:
  static constexpr std::size_t most_idle = 16;
  struct State {
    bool keep(Buffer& buffer) {
      const std::lock_guard lock(mutex);
      if (idle.size() == most_idle || idle_bytes + buffer.size() > most_idle_bytes) return false;
      idle_bytes += buffer.size();
      idle.push_back(std::move(buffer));
      return true;
    }
    std::mutex mutex;
    std::vector<Buffer> idle;
    std::size_t idle_bytes = 0, most_idle_bytes = 0;
    std::function<void(Buffer)> drop;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace nn::format
