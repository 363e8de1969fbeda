#include "serving/batcher.hpp"

#include <cstring>
#include <map>
#include <utility>

namespace nn::serving {
namespace {

std::chrono::microseconds since(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration_cast<std::chrono::microseconds>(end - start);
}

// The exception that is being handled is why.
void fail(Request& request) {
  request.error = error_of(std::current_exception());
  request.state = Request::State::failed;
}

std::size_t bytes_of(const Request& request, std::int64_t rows) {
  return static_cast<std::size_t>(rows * request.binding->builder.kind().width()) * sizeof(float);
}

Batch rows_of(const Slice& slice) {
  const Batch& rows = slice.request->rows;
  return slice.rows == rows.rows ? rows : nn::slice(rows, slice.first, slice.rows);
}

// Where the outputs of the slice's rows go.
std::byte* place_of(const Slice& slice) {
  Request& request = *slice.request;
  return request.values.data() + bytes_of(request, slice.first);
}

void make_values(Request& request) {
  if (request.values.size() == 0) request.values = Buffer(bytes_of(request, request.rows.rows));
}

void answer(Request& request) {
  try {
    request.answer();
  } catch (...) {
    fail(request);
  }
}

void compute_alone(LocalServable& servable, const Slice& slice) {
  Request& request = *slice.request;
  try {
    make_values(request);
    const Batch rows = rows_of(slice);
    const predict::PredictorInput input{&request.binding->table.encoder, &rows};
    servable.compute({&input, 1}, reinterpret_cast<float*>(place_of(slice)));
  } catch (...) {
    fail(request);
  }
}

}  // namespace

Batcher::Batcher(BatcherOptions options, const Clock& clock)
    : options_(options), clock_(clock), queue_(options.limits) {
  thread_ = std::thread([this] { run(); });
}

Batcher::~Batcher() {
  Requests left;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    left = queue_.clear();
    changed_.notify_all();
  }
  thread_.join();
  for (auto& request : left) {
    request->state = Request::State::cancelled;
    const auto completion = std::move(request->completion);
    completion->complete({std::move(request)});
  }
}

bool Batcher::try_now(LocalServable& servable, Request& request) {
  if (options_.limits.delay.count() > 0 || !idle_.load(std::memory_order_relaxed)) return false;
  if (static_cast<double>(servable.work_per_row() * request.rows.rows) > options_.quick_work) return false;
  const std::unique_lock device(device_, std::try_to_lock);
  if (!device) return false;
  const auto start = clock_.now();
  request.waited = since(request.arrived, start);
  if (request.deadline && start >= *request.deadline) {
    request.state = Request::State::late;
    return true;
  }
  compute_alone(servable,
                {std::shared_ptr<Request>(std::shared_ptr<void>(), &request), 0, request.rows.rows});
  if (request.state == Request::State::waiting) answer(request);
  request.computed = since(start, clock_.now());
  return true;
}

bool Batcher::submit(const std::shared_ptr<LocalServable>& servable, std::shared_ptr<Request> request) {
  const std::lock_guard lock(mutex_);
  if (stop_ || !queue_.push(servable, std::move(request))) return false;
  idle_.store(false, std::memory_order_relaxed);
  changed_.notify_one();
  return true;
}

void Batcher::run() {
  std::unique_lock lock(mutex_);
  Requests over;
  for (;;) {
    if (stop_) return;
    std::optional<Step> step = queue_.next(clock_.now(), over);
    if (!step && over.empty()) {
      idle_.store(queue_.empty(), std::memory_order_relaxed);
      if (const auto at = queue_.ready_at()) {
        changed_.wait_for(lock, *at - clock_.now());
      } else {
        changed_.wait(lock, [&] { return stop_ || !queue_.empty(); });
      }
      continue;
    }
    lock.unlock();
    Clock::duration time{0};
    if (step) {
      const std::lock_guard device(device_);
      time = compute(*step, over);
    }
    // A step's requests go to each completion together.
    std::map<Completion*, std::pair<std::shared_ptr<Completion>, Requests>> groups;
    for (auto& request : over) {
      auto& [completion, requests] = groups[request->completion.get()];
      completion = std::move(request->completion);
      requests.push_back(std::move(request));
    }
    over.clear();
    for (auto& [key, group] : groups) group.first->complete(std::move(group.second));
    lock.lock();
    if (step) queue_.computed(*step, time);
  }
}

// Adds those requests to `over` whose last rows it computed; says how long that took.
Clock::duration Batcher::compute(const Step& step, Requests& over) {
  const auto start = clock_.now();
  bool together = step.slices.size() > 1;
  if (together) {
    try {
      std::vector<Batch> parts;
      parts.reserve(step.slices.size());
      std::vector<predict::PredictorInput> inputs;
      for (const Slice& slice : step.slices) {
        parts.push_back(rows_of(slice));
        inputs.push_back({&slice.request->binding->table.encoder, &parts.back()});
      }
      const std::int64_t width = step.servable->kind().width();
      values_.reserve_discarding(static_cast<std::size_t>(step.rows * width) * sizeof(float));
      step.servable->compute(inputs, values_.as<float>());
      const std::byte* from = values_.data();
      for (const Slice& slice : step.slices) {
        make_values(*slice.request);
        const std::size_t bytes = bytes_of(*slice.request, slice.rows);
        std::memcpy(place_of(slice), from, bytes);
        from += bytes;
      }
    } catch (...) {
      together = false;  // whose fault it is shows below, and the others get their answers
    }
  }
  if (!together) {
    for (const Slice& slice : step.slices) compute_alone(*step.servable, slice);
  }
  const Clock::duration time = clock_.now() - start;
  for (const Slice& slice : step.slices) {
    Request& request = *slice.request;
    request.computed += std::chrono::duration_cast<std::chrono::microseconds>(time);
    request.done += slice.rows;
    if (request.state == Request::State::waiting && request.done == request.rows.rows) answer(request);
    const bool all_back = request.done == request.taken;
    if (request.state != Request::State::waiting && all_back) over.push_back(slice.request);
  }
  return time;
}

}  // namespace nn::serving
