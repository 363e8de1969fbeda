#include "serve/experiments.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "repository/standing.hpp"
#include "serve/side_by_side.hpp"

namespace nn::serve {
namespace {

constexpr auto pause = std::chrono::milliseconds(400);
constexpr auto pause_per_model = std::chrono::microseconds(200);  // each costs two calls of the system
constexpr std::size_t most_told = 16;                             // programs at once

// Why a target doesn't answer, unless it is loaded when it is asked for, or is about to be.
std::optional<Error> absence_of(const traffic::Target& target, const std::string& model,
                                const serving::Catalog& catalog) {
  const std::string& name = target.model.empty() ? model : target.model;
  const auto* entry = catalog.models.find(name);
  // Without the label `stable` it is what a client gets otherwise.
  const bool is_default = target.label == repository::stable_label && entry != nullptr &&
                          !entry->value.labels.contains(target.label);
  const auto found = catalog.find(name, target.version, is_default ? std::string_view() : target.label);
  if (found.servable || !found.cold.empty() || found.absence->kind() == ErrorKind::unavailable)
    return std::nullopt;
  using State = serving::VersionState;
  const auto comes = [](const auto& one) {
    return one.second.state == State::start || one.second.state == State::loading || one.second.cold;
  };
  if (entry != nullptr && std::any_of(entry->value.versions.begin(), entry->value.versions.end(), comes))
    return std::nullopt;
  return found.absence;
}

// A disk or memory that is missing for now is no fault of the version, and neither is it that people let it
// go.
bool is_broken(const serving::VersionEntry& version) {
  if (version.servable || version.refused || version.cold || !version.reason) return false;
  switch (version.reason->kind()) {
    case ErrorKind::data:
    case ErrorKind::unsupported: return true;
    default: return false;
  }
}

traffic::Served served_of(const std::string& name, const serving::Catalog& catalog, const Clock& clock) {
  const serving::ModelEntry& entry = catalog.models.at(name);
  traffic::Served served;
  for (const auto& [version, state] : entry.versions) {
    if (state.servable) served.available.insert(version);
    if (is_broken(state)) served.broken.insert(version);
  }
  served.labels = entry.labels;
  const auto servable_of = [&entry](std::uint64_t version) {
    const auto at = entry.versions.find(version);
    return at == entry.versions.end() ? nullptr : at->second.servable;
  };
  served.admission = [servable_of, &clock](std::uint64_t canary, std::uint64_t control, bool costs) {
    traffic::Admission admission;
    const auto tried = servable_of(canary), stable = servable_of(control);
    if (tried) admission.finite_warm_up = tried->report().finite;
    if (costs && tried && stable) admission.costs = side_by_side(*tried, *stable, clock);
    return admission;
  };
  served.absence = [&catalog, name](const traffic::Target& target) {
    return absence_of(target, name, catalog);
  };
  return served;
}

}  // namespace

Experiments::Experiments(Plans plans, serving::CatalogHolder& catalog, serving::EventLog& log,
                         std::function<void()> on_change, const Clock& clock)
    : plans_(std::move(plans)),
      catalog_(catalog),
      log_(log),
      on_change_(std::move(on_change)),
      clock_(clock) {}

Experiments::~Experiments() { stop(); }

double Experiments::now_s() const {
  return std::chrono::duration<double>(clock_.now().time_since_epoch()).count();
}
double Experiments::unix_s() const {
  return std::chrono::duration<double>(clock_.date().time_since_epoch()).count();
}

std::shared_ptr<const Experiments::Models> Experiments::models() const {
  const std::lock_guard lock(mutex_);
  return models_;
}

void Experiments::start() {
  thread_ = std::thread([this] { run(); });
}

void Experiments::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  for (const auto& [name, model] : *models()) model->close(now_s(), unix_s());
}

void Experiments::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto time =
        pause + pause_per_model * static_cast<int>(std::min<std::size_t>(models_->size(), 10'000));
    if (changed_.wait_for(lock, time, [&] { return stopped_; })) return;
    lock.unlock();
    try {
      look();
    } catch (const std::exception& error) {  // memory: the next look may have it
      warn("{}", error.what());
    }
    lock.lock();
  }
}

bool Experiments::has_plan(const std::string& name, const serving::ModelEntry& entry) const {
  if (plans_.contains(name)) return true;
  return !entry.base.empty() && ::access((entry.base + "/" + traffic::plan_file).c_str(), F_OK) == 0;
}

void Experiments::look() {
  const auto catalog = catalog_.get();
  const auto before = models();
  Models now;
  bool changed = false;
  for (const auto& [name, entry] : catalog->models) {
    const auto known = before->find(name);
    if (known != before->end()) {
      now.insert(*known);
    } else if (has_plan(name, entry)) {
      const auto plan = plans_.find(name);
      now.emplace(name, std::make_shared<traffic::ModelTraffic>(
                            name, entry.base, plan == plans_.end() ? traffic::TrafficPlan{} : plan->second,
                            hooks_of(name)));
      changed = true;
    }
  }
  changed = changed || now.size() != before->size();
  watch_plans(*catalog);
  for (const auto& [name, model] : now) {
    model->look(served_of(name, *catalog, clock_), now_s(), unix_s());
    const std::uint64_t epoch = model->routes()->epoch;
    changed = std::exchange(epochs_[name], epoch) != epoch || changed;
    watch_program(name, model->program());
  }
  std::erase_if(told_, [](const auto& child) { return child->status().has_value(); });
  if (!changed) return;
  {
    const std::lock_guard lock(mutex_);
    models_ = std::make_shared<const Models>(std::move(now));
  }
  on_change_();
}

// A model of a folder may come later: that it isn't there is told when it begins.
void Experiments::watch_plans(const serving::Catalog& catalog) {
  for (const auto& [name, plan] : plans_) {
    if (catalog.models.find(name) != nullptr) {
      absent_.erase(name);
    } else if (absent_.insert(name).second) {
      warn("model {}: its traffic is to be shared out, but no such model is there", printable(name));
      log_.write("traffic_failed", {{"model", name}, {"error", "no such model is there"}});
    }
  }
}

// Who is to be told of verdicts would hear of none, and nobody of that.
void Experiments::watch_program(const std::string& name, const std::string& program) {
  std::string& known = programs_[name];
  if (known == program) return;
  known = program;
  if (program.empty()) return;
  const auto why = process::why_not_startable(program);
  if (!why) return;
  warn("model {}: on_verdict: {}; verdicts are not told to it", printable(name), why->what());
  log_.write("traffic_failed", {{"model", name}, {"error", why->within("on_verdict").what()}});
}

traffic::ModelTraffic::Hooks Experiments::hooks_of(const std::string& name) {
  return {.decided = [this, name](const auto& decision, const auto& line,
                                  const auto& program) { decided(name, decision, line, program); },
          .fault =
              [this, name](const Error& error) {
                warn("model {}: {}", name, error.what());
                log_.write("traffic_failed", {{"model", name}, {"error", error.what()}});
              },
          .recalled =
              [this, name](const std::string& line) {
                log_.write("decided", {{"model", name}, {"decision", JsonValue::of_json(line)}});
              }};
}

void Experiments::decided(const std::string& name, const traffic::Decision& decision, const std::string& line,
                          const std::string& program) {
  log_.write("verdict", traffic::log_fields(decision, name));
  if (decision.verdict == traffic::Verdict::rollback)
    warn("model {}: version {} is rolled back: {}", name, decision.version, decision.reason);
  if (!program.empty()) tell(program, line);
}

// Nobody waits for the program: it gets the line and is left alone.
void Experiments::tell(const std::string& program, const std::string& line) {
  if (told_.size() >= most_told) {
    warn("{}: {} of them run already; a verdict is not told to it", program, told_.size());
    return;
  }
  try {
    auto [reading, writing] = make_pipe();
    process::Command command;
    command.words = {program};
    command.descriptors = {{reading.get(), 0}, {STDERR_FILENO, 1}, {STDERR_FILENO, 2}};
    told_.push_back(std::make_unique<process::Child>(std::move(command)));
    reading.reset();
    // A line is shorter than what a pipe takes without a reader.
    const std::string text = line + "\n";
    if (::write(writing.get(), text.data(), text.size()) < 0)
      warn("{}: it does not read the verdict", program);
  } catch (const Error& error) {
    warn("{}: {}", program, error.what());
  }
}

}  // namespace nn::serve
