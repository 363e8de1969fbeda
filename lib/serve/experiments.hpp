// Which models' traffic is shared out, and the thread that decides about it. For this module only.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "process/child.hpp"
#include "serving/catalog.hpp"
#include "serving/event_log.hpp"
#include "traffic/model_traffic.hpp"

namespace nn::serve {

using Plans = std::map<std::string, traffic::TrafficPlan, std::less<>>;  // by models' names

// Looks at plans, histories and what was recorded, some times a second, in a thread of its own: it writes
// files, and nobody who serves waits for that.
class Experiments {
 public:
  using Models = std::map<std::string, std::shared_ptr<traffic::ModelTraffic>, std::less<>>;

  // `plans` are those of the command line. `on_change` is called in the thread when requests go other ways
  // than before.
  Experiments(Plans plans, serving::CatalogHolder& catalog, serving::EventLog& log,
              std::function<void()> on_change, const Clock& clock = Clock::machine());
  ~Experiments();  // saves how far the judges are

  // Looks once, in the calling thread: before start().
  void look();
  void start();
  // Also saves how far the judges are. Requests that end later are not recorded.
  void stop();

  // Models that have a plan. Any thread.
  std::shared_ptr<const Models> models() const;

 private:
  void run();
  void watch_plans(const serving::Catalog& catalog);
  bool has_plan(const std::string& name, const serving::ModelEntry& entry) const;
  void watch_program(const std::string& name, const std::string& program);
  traffic::ModelTraffic::Hooks hooks_of(const std::string& name);
  void decided(const std::string& name, const traffic::Decision& decision, const std::string& line,
               const std::string& program);
  void tell(const std::string& program, const std::string& line);
  double now_s() const;
  double unix_s() const;

  const Plans plans_;
  serving::CatalogHolder& catalog_;
  serving::EventLog& log_;
  const std::function<void()> on_change_;
  const Clock& clock_;
  std::map<std::string, std::uint64_t, std::less<>> epochs_;  // of routes that were told
  std::set<std::string, std::less<>> absent_;                 // models of plans that were told
  std::map<std::string, std::string, std::less<>> programs_;  // on_verdict of models, as it was looked at
  std::vector<std::unique_ptr<process::Child>> told_;         // programs that a verdict was told to

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::shared_ptr<const Models> models_ = std::make_shared<Models>();
  std::thread thread_;
};

}  // namespace nn::serve
