#include "serve/operations.hpp"

namespace nn::serve {

void LoadRecords::add(const std::string& model, std::uint64_t version, bool loaded, double seconds) {
  constexpr std::size_t most = 16;
  const std::lock_guard lock(mutex_);
  Model& record = models_[model];
  if (!loaded) {
    ++record.failed;
    return;
  }
  ++record.loaded;
  record.seconds[version] = seconds;
  if (record.seconds.size() > most) record.seconds.erase(record.seconds.begin());
}

void LoadRecords::add_eviction(const std::string& model) {
  const std::lock_guard lock(mutex_);
  ++models_[model].evicted;
}

std::map<std::string, LoadRecords::Model> LoadRecords::get() const {
  const std::lock_guard lock(mutex_);
  return models_;
}

void Reloads::succeeded(std::chrono::system_clock::time_point when, std::vector<std::string> later) {
  const std::lock_guard lock(mutex_);
  state_ = {true, when, {}, std::move(later)};
}

void Reloads::failed(std::string why) {
  const std::lock_guard lock(mutex_);
  state_.successful = false;
  state_.error = std::move(why);
}

Reloads::State Reloads::get() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace nn::serve
