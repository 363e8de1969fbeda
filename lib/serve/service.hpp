// What the threads of a server share. For this module only.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "serve/operations.hpp"
#include "serve/serve.hpp"
#include "serving/catalog.hpp"
#include "serving/event_log.hpp"
#include "serving/loader.hpp"

namespace nn::serve {

class Experiments;
class Reporter;

// Any thread's.
struct Service {
  const ServeOptions& options;
  serving::CatalogHolder& catalog;
  serving::Loader& loader;
  serving::EventLog& log;
  Operations& operations;
  Reporter& reporter;
  Experiments* experiments = nullptr;  // set before the threads begin
  std::atomic<bool> draining{false};   // it isn't ready any more
  std::atomic<bool> broken{false};     // a device failed: the process has to end
  std::function<void()> on_broken = [] {};

  // Every model has a version that answers, and it doesn't drain. A server that was asked to let go of all
  // there is stays ready; one that starts where a repository says that, or where there is nothing, isn't.
  bool ready() const {
    const auto models = catalog.get();
    return !draining.load(std::memory_order_relaxed) && models->ready();
  }
};

}  // namespace nn::serve
