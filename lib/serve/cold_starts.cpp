#include "serve/cold_starts.hpp"

#include <algorithm>
#include <utility>

namespace nn::serve {

using inference::Failure;

bool ColdStarts::wait(const std::string& model, Clock::time_point patience,
                      std::optional<Clock::time_point> deadline, Then then) {
  if (waiting_.size() >= most) return false;
  const bool clients = deadline && *deadline < patience;
  const bool asked = std::any_of(waiting_.begin(), waiting_.end(),
                                 [&](const Waiting& other) { return other.model == model; });
  waiting_.push_back({model, clients ? *deadline : patience, clients, std::move(then)});
  set_timer();
  if (asked) return true;
  service_.loader.wake(model, [this, mailbox = mailbox_, model](const std::optional<Error>& why_not) {
    mailbox->post([this, model, why_not] { loaded(model, why_not); });
  });
  return true;
}

// Whoever is told may wait again, for this model or another.
void ColdStarts::loaded(const std::string& model, const std::optional<Error>& why_not) {
  List told;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto one = at++;
    if (one->model == model) told.splice(told.end(), waiting_, one);
  }
  set_timer();
  for (const Waiting& one : told) one.then(std::nullopt, why_not);
}

void ColdStarts::set_timer() {
  timer_.cancel();
  const auto first = std::min_element(waiting_.begin(), waiting_.end(),
                                      [](const auto& a, const auto& b) { return a.until < b.until; });
  if (first == waiting_.end()) return;
  timer_.expires_at(first->until);
  timer_.wait([this](bool expired) {
    if (expired) expire();
  });
}

void ColdStarts::expire() {
  List late;
  const auto now = clock_.now();
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto one = at++;
    if (one->until <= now) late.splice(late.end(), waiting_, one);
  }
  set_timer();
  for (const Waiting& one : late) {
    one.then(one.clients
                 ? Fault{Failure::late, "its deadline passed while its model was being loaded"}
                 : Fault{Failure::unavailable, "its model is still being loaded", std::chrono::seconds(1)},
             std::nullopt);
  }
}

}  // namespace nn::serve
