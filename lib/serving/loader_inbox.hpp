// Requests to a loader's thread. Internal to it.
#pragma once

#include "serving/loader.hpp"

namespace nn::serving {

// Shared with servables, which may outlive the loader.
struct Loader::Inbox {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Change> changes;
  std::vector<std::unique_ptr<Servable>> unused;  // to be freed
  bool look = false, stop = false;
};

}  // namespace nn::serving
