// What those who run a server see of it, and may change of it. For this module only.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/remote_catalog.hpp"
#include "serve/access.hpp"
#include "serve/access_log.hpp"
#include "serve/capture.hpp"
#include "serve/counters.hpp"
#include "serve/history.hpp"
#include "traffic/model_traffic.hpp"

namespace nn::http {
class Server;
}

namespace nn::serve {

// Loads of versions: how many went well, and how long the last took. Thread-safe.
class LoadRecords {
 public:
  void add(const std::string& model, std::uint64_t version, bool loaded, double seconds);
  void add_eviction(const std::string& model);
  struct Model {
    std::uint64_t loaded = 0, failed = 0;
    std::uint64_t evicted = 0;                // how often it made room for others
    std::map<std::uint64_t, double> seconds;  // of versions that were loaded; the newest 16
  };
  std::map<std::string, Model> get() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Model> models_;
};

// The last reading of the configuration while the server ran. Thread-safe.
class Reloads {
 public:
  struct State {
    bool successful = true;
    std::chrono::system_clock::time_point last_success;  // or the start
    std::string error;                                   // of one that failed; empty: none
    std::vector<std::string> later;                      // options that change with the next start only
  };
  explicit Reloads(std::chrono::system_clock::time_point start) { state_.last_success = start; }
  void succeeded(std::chrono::system_clock::time_point when, std::vector<std::string> later);
  void failed(std::string why);
  State get() const;

 private:
  mutable std::mutex mutex_;
  State state_;
};

// A model's traffic, for status and metrics.
struct TrafficView {
  traffic::TrafficFigures figures;
  std::uint64_t fallbacks = 0, shadow_agree = 0, shadow_differ = 0, shadow_dropped = 0;
};

// What requests look at, and what may change while they come.
struct Settings {
  std::atomic<std::uint64_t> max_body{64u << 20};
};

// Any thread's, but for `server`, which is set before clients come.
struct Operations {
  explicit Operations(std::chrono::system_clock::time_point now) : reloads(now), started(now) {}

  Settings settings;
  Counters counters;
  LoadRecords loads;
  Reloads reloads;
  History history;
  AccessRules access;
  std::unique_ptr<AccessLog> access_log;  // null: none
  std::unique_ptr<Capture> capture;       // null: none
  const http::Server* server = nullptr;
  // A model's traffic; nothing where it has none. Any thread's; may be empty.
  std::function<std::optional<TrafficView>(const std::string& model)> traffic;
  // The workers that it is in front of. Any thread's; may be empty.
  std::function<std::vector<client::RemoteCatalog::WorkerReport>()> workers;
  std::string cors;             // the origin that pages of others may be of; empty: none
  bool triton_metrics = false;  // those that Triton has as well
  const std::chrono::system_clock::time_point started;
};

}  // namespace nn::serve
