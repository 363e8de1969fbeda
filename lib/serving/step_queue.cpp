#include "serving/step_queue.hpp"

#include <algorithm>
#include <utility>

namespace nn::serving {
namespace {

constexpr std::int64_t least_rows = 16;  // of a step that is cut by time: fewer aren't worth it

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

bool StepQueue::push(std::shared_ptr<Request> request) {
  Servable* servable = request->binding->servable.get();
  auto model = std::find_if(models_.begin(), models_.end(),
                            [&](const Model& m) { return m.servable.get() == servable; });
  if (!models_.empty() && bytes_ + request->bytes > limits_.queue_bytes) return false;
  if (model != models_.end() && model->rows + request->rows.rows > limits_.queue_rows) return false;
  if (model == models_.end()) {
    model = models_.insert(models_.end(), {request->binding->servable, {}, 0, time_});
    if (last_.servable == servable) model->time = std::max(time_, last_.time);
  }
  bytes_ += request->bytes;
  model->rows += request->rows.rows;
  auto client = std::find_if(model->clients.begin(), model->clients.end(),
                             [&](const Client& c) { return c.number == request->client; });
  if (client == model->clients.end()) client = model->clients.insert(client, {request->client, {}});
  client->waiting.push_back(std::move(request));
  return true;
}

std::int64_t StepQueue::rows_of_step(const Model& model) const {
  const double cost = model.servable->row_cost();
  if (cost <= 0) return limits_.step_rows;
  const double in_time = std::chrono::duration<double>(limits_.step_time).count() / cost;
  if (in_time >= static_cast<double>(limits_.step_rows)) return limits_.step_rows;
  return std::min(limits_.step_rows, std::max(least_rows, static_cast<std::int64_t>(in_time)));
}

Clock::time_point StepQueue::ready_at(const Model& model) const {
  auto first = Clock::time_point::max();
  for (const Client& client : model.clients) first = std::min(first, client.waiting.front()->arrived);
  return model.rows >= rows_of_step(model) ? first : first + limits_.delay;
}

std::optional<Clock::time_point> StepQueue::ready_at() const {
  std::optional<Clock::time_point> earliest;
  for (const Model& model : models_) {
    const auto at = limits_.delay.count() == 0 ? Clock::time_point::min() : ready_at(model);
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
      client.waiting.pop_front();
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
        client.waiting.pop_front();
      }
    }
    if (client.waiting.empty()) {
      model.clients.pop_front();
    } else {
      model.clients.splice(model.clients.end(), model.clients, model.clients.begin());
    }
  }
}

std::optional<Step> StepQueue::next(Clock::time_point now, Requests& over) {
  for (;;) {
    auto chosen = models_.end();
    for (auto model = models_.begin(); model != models_.end(); ++model) {
      if (limits_.delay.count() > 0 && ready_at(*model) > now) continue;
      if (chosen == models_.end() || model->time < chosen->time) chosen = model;
    }
    if (chosen == models_.end()) return std::nullopt;
    Step step;
    step.servable = chosen->servable;
    time_ = std::max(time_, chosen->time);
    fill(step, *chosen, now, over);
    if (chosen->clients.empty()) {
      last_ = {chosen->servable.get(), chosen->time};
      models_.erase(chosen);
    }
    if (!step.slices.empty()) return step;
  }
}

void StepQueue::computed(const Step& step, Clock::duration time) {
  step.servable->note_cost(step.rows, time);
  const double seconds = std::chrono::duration<double>(time).count();
  for (Model& model : models_) {
    if (model.servable == step.servable) {
      model.time += seconds;
      return;
    }
  }
  if (last_.servable == step.servable.get()) last_.time += seconds;
}

Requests StepQueue::clear() {
  Requests all;
  for (Model& model : models_) {
    for (Client& client : model.clients) all.insert(all.end(), client.waiting.begin(), client.waiting.end());
  }
  models_.clear();
  bytes_ = 0;
  return all;
}

}  // namespace nn::serving
