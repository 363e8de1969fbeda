#include "serving/step_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace nn::serving {
namespace {

constexpr std::int64_t least_rows = 16;        // of a step that is cut by time: fewer aren't worth it
constexpr std::chrono::seconds remembered{1};  // that somebody else has been here

// Says what nobody waits for any more.
bool is_wanted(Request& request, Clock::time_point now) {
  if (request.state != Request::State::waiting) return false;  // some of its rows could not be computed
  if (request.cancelled.load(std::memory_order_relaxed)) {
    request.state = Request::State::cancelled;
  } else if (request.deadline && now >= *request.deadline) {
    request.state = Request::State::late;
  }
  if (request.taken == 0)
    request.waited = std::chrono::duration_cast<std::chrono::microseconds>(now - request.arrived);
  return request.state == Request::State::waiting;
}

}  // namespace

bool StepQueue::push(const std::shared_ptr<LocalServable>& servable, std::shared_ptr<Request> request) {
  const auto known = by_servable_.find(servable.get());
  if (!models_.empty() && bytes_ + request->bytes > limits_.queue_bytes) return false;
  if (known != by_servable_.end() && known->second->second.rows + request->rows.rows > limits_.queue_rows) {
    return false;
  }
  notice_others(*servable, *request);
  Model& model = (known != by_servable_.end() ? known->second : add_model(servable))->second;
  bytes_ += request->bytes;
  model.rows += request->rows.rows;
  add(model, std::move(request));
  return true;
}

// Does the request meet somebody else's?
void StepQueue::notice_others(const Servable& servable, const Request& request) {
  const bool at_work = computing_.servable != nullptr &&
                       (computing_.servable != &servable || computing_.client != request.client);
  const bool waiting = std::any_of(models_.begin(), models_.end(), [&](const auto& one) {
    const Model& model = one.second;
    return model.servable.get() != &servable || model.clients.size() > 1 ||
           model.clients.front().number != request.client;
  });
  if (!at_work && !waiting) return;
  others_came_ = request.arrived;
  alone_ = false;
}

StepQueue::Models::iterator StepQueue::add_model(const std::shared_ptr<LocalServable>& servable) {
  const double time = last_.servable == servable.get() ? std::max(time_, last_.time) : time_;
  const auto model = models_.emplace(Turn{time, ++turns_}, Model{servable}).first;
  by_servable_[servable.get()] = model;
  return model;
}

void StepQueue::add(Model& model, std::shared_ptr<Request> request) {
  const auto [known, is_new] = model.by_number.try_emplace(request->client);
  if (is_new) {
    known->second = model.clients.insert(model.clients.end(), {request->client, {}});
    model.arrivals.insert(request->arrived);
  }
  known->second->waiting.push_back(std::move(request));
}

// Takes out the client's first request.
void StepQueue::pop(Model& model, Client& client) {
  model.arrivals.erase(model.arrivals.find(client.waiting.front()->arrived));
  client.waiting.pop_front();
  if (!client.waiting.empty()) model.arrivals.insert(client.waiting.front()->arrived);
}

std::int64_t StepQueue::rows_of_step(const Model& model) const {
  const double cost = model.servable->row_cost();
  if (cost <= 0) return limits_.step_rows;
  const auto time = alone_ ? limits_.step_time_alone : limits_.step_time;
  const double in_time = std::chrono::duration<double>(time).count() / cost;
  if (in_time >= static_cast<double>(limits_.step_rows)) return limits_.step_rows;
  return std::min(limits_.step_rows, std::max(least_rows, static_cast<std::int64_t>(in_time)));
}

Clock::time_point StepQueue::ready_at(const Model& model) const {
  const Clock::time_point first = *model.arrivals.begin();
  return model.rows >= rows_of_step(model) ? first : first + limits_.delay;
}

std::optional<Clock::time_point> StepQueue::ready_at() const {
  if (models_.empty()) return std::nullopt;
  if (limits_.delay.count() == 0) return Clock::time_point::min();
  std::optional<Clock::time_point> earliest;
  for (const auto& [turn, model] : models_) {
    const auto at = ready_at(model);
    if (!earliest || at < *earliest) earliest = at;
  }
  return earliest;
}

void StepQueue::leave(Model& model, const Request& request) {
  bytes_ -= request.bytes;
  model.rows -= request.rows.rows - request.taken;
}

// Each client in turn gives a request, or as much of it as its share of the step is.
void StepQueue::fill(Step& step, Model& model, Clock::time_point now, Requests& over) {
  const std::int64_t most = rows_of_step(model);
  const std::int64_t share =
      std::max<std::int64_t>(least_rows, most / static_cast<std::int64_t>(model.clients.size()));
  while (!model.clients.empty() && step.rows < most) {
    Client& client = model.clients.front();
    const std::shared_ptr<Request> request = client.waiting.front();
    const bool open = request->state == Request::State::waiting;
    if (!is_wanted(*request, now)) {
      leave(model, *request);
      pop(model, client);
      if (open) over.push_back(request);  // else the step that failed has completed it
    } else {
      const std::int64_t left = request->rows.rows - request->taken;
      const std::int64_t rows = left > most ? std::min(share, most - step.rows) : left;
      if (rows > most - step.rows) break;  // what fits a step isn't cut; it begins the next one
      step.slices.push_back({request, request->taken, rows});
      step.rows += rows;
      request->taken += rows;
      model.rows -= rows;
      if (request->taken == request->rows.rows) {
        bytes_ -= request->bytes;
        pop(model, client);
      }
    }
    if (client.waiting.empty()) {
      model.by_number.erase(client.number);
      model.clients.pop_front();
    } else {
      model.clients.splice(model.clients.end(), model.clients, model.clients.begin());
    }
  }
}

std::optional<Step> StepQueue::next(Clock::time_point now, Requests& over) {
  const auto is_ready = [&](const auto& one) {
    return limits_.delay.count() == 0 || ready_at(one.second) <= now;
  };
  alone_ = !others_came_ || now - *others_came_ > remembered;
  for (;;) {
    const auto chosen = std::find_if(models_.begin(), models_.end(), is_ready);
    if (chosen == models_.end()) return std::nullopt;
    Model& model = chosen->second;
    Step step;
    step.servable = model.servable;
    time_ = std::max(time_, chosen->first.time);
    fill(step, model, now, over);
    if (model.clients.empty()) {
      last_ = {model.servable.get(), chosen->first.time};
      by_servable_.erase(model.servable.get());
      models_.erase(chosen);
    }
    if (step.slices.empty()) continue;
    computing_ = {step.servable.get(), step.slices[0].request->client};
    for (const Slice& slice : step.slices) {
      if (slice.request->client != computing_.client) computing_.client.reset();
    }
    return step;
  }
}

void StepQueue::computed(const Step& step, Clock::duration time) {
  computing_ = {};
  step.servable->note_cost(step.rows, time);
  const double seconds = std::chrono::duration<double>(time).count();
  const auto model = by_servable_.find(step.servable.get());
  if (model != by_servable_.end()) {
    auto moved = models_.extract(model->second);
    moved.key().time += seconds;
    model->second = models_.insert(std::move(moved)).position;
  } else if (last_.servable == step.servable.get()) {
    last_.time += seconds;
  }
}

Requests StepQueue::clear() {
  Requests all;
  for (auto& [turn, model] : models_) {
    for (Client& client : model.clients) {
      // What is left of one that failed in a step has been completed with that.
      std::copy_if(client.waiting.begin(), client.waiting.end(), std::back_inserter(all),
                   [](const auto& request) { return request->state == Request::State::waiting; });
    }
  }
  by_servable_.clear();
  models_.clear();
  bytes_ = 0;
  return all;
}

}  // namespace nn::serving
