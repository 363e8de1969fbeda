#include "serving/batcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
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

std::int64_t values_of(const Request& request, std::int64_t rows) {
  return rows * request.binding->builder.kind().width();
}

// Some rows of a batch, in the memory that `out` has.
void slice_into(Batch& out, const Batch& batch, std::int64_t first, std::int64_t rows) {
  out.schema = batch.schema;
  out.first_row = batch.first_row + first;
  out.rows = rows;
  out.columns.clear();
  for (std::size_t i = 0; i < batch.columns.size(); ++i)
    out.columns.push_back(nn::slice(batch.schema->fields[i], batch.columns[i], first));
}

// The rows themselves where they are all that the request has; else in `part`.
const Batch* rows_of(const Request& request, std::int64_t first, std::int64_t rows, Batch& part) {
  if (rows == request.rows.rows) return &request.rows;
  slice_into(part, request.rows, first, rows);
  return &part;
}

// Where the outputs of the request's rows from `first` on go.
float* place_of(Request& request, std::int64_t first) {
  if (request.out == nullptr) {
    const std::size_t bytes = static_cast<std::size_t>(values_of(request, request.rows.rows)) * sizeof(float);
    if (request.values.data() == nullptr || request.values.size() < bytes) request.values = Buffer(bytes);
  }
  float* out = request.out != nullptr ? request.out : request.values.as<float>();
  return out + values_of(request, first);
}

void answer(Request& request) {
  try {
    request.answer();
  } catch (...) {
    fail(request);
  }
}

}  // namespace

Batcher::Batcher(BatcherOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), queue_(options_.limits) {
  thread_ = std::thread([this] { run(); });
}

// The step under way ends first: what it completes is nobody else's.
Batcher::~Batcher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  thread_.join();
  Requests left = queue_.clear();
  for (const auto& request : left) request->state = Request::State::cancelled;
  complete(left);
}

void Batcher::describe(DeviceLoad& load) const {
  load.device = options_.device;
  load.waiting_rows = queue_.waiting_rows();
  load.newest_first = queue_.newest_first();
  load.wait = std::chrono::duration_cast<std::chrono::microseconds>(predicted_wait(Priority::normal));
}

std::optional<std::string> Batcher::stuck(Clock::time_point now, Clock::duration longest) const {
  constexpr double many = 20;
  const std::lock_guard lock(mutex_);
  if (computes_ == nullptr) return std::nullopt;
  const std::chrono::duration<double> time = now - computes_since_;
  if (time < longest || time.count() < many * computes_->curve().cost(computes_rows_)) return std::nullopt;
  return fmt::format("{} has computed {} rows of model {}, version {}, for more than {:.0f} s",
                     options_.device, computes_rows_, computes_->name(), computes_->version(),
                     std::chrono::duration<double>(longest).count());
}

bool Batcher::is_quick(const LocalServable& servable, std::int64_t rows) const {
  if (options_.quick_time.count() > 0 && servable.curve().known()) {
    return std::chrono::duration<double>(servable.curve().cost(rows)) <= options_.quick_time;
  }
  return static_cast<double>(servable.work_per_row() * rows) <= options_.quick_work;
}

bool Batcher::try_now(LocalServable& servable, Request& request) {
  if (options_.limits.delay.count() > 0 || !idle_.load(std::memory_order_relaxed)) return false;
  if (!is_quick(servable, request.rows.rows)) return false;
  const std::unique_lock device(device_, std::try_to_lock);
  if (!device) return false;
  const auto start = clock_.now();
  request.binding->servable->used(start);
  request.waited = since(request.arrived, start);
  if (request.deadline && start >= *request.deadline) {
    request.state = Request::State::late;
    return true;
  }
  compute_alone(servable, request, 0, request.rows.rows);
  if (request.state == Request::State::waiting) answer(request);
  const auto time = clock_.now() - start;
  request.computed = std::chrono::duration_cast<std::chrono::microseconds>(time);
  request.step_rows = request.rows.rows;
  request.device = options_.device;
  servable.note_step(request.rows.rows, time);
  return true;
}

bool Batcher::submit(const std::shared_ptr<LocalServable>& servable, std::shared_ptr<Request> request) {
  request->binding->servable->used(request->arrived);
  const std::lock_guard lock(mutex_);
  if (stop_ || !queue_.push(servable, std::move(request))) return false;
  idle_.store(false, std::memory_order_relaxed);
  changed_.notify_one();
  return true;
}

void Batcher::run() {
  if (options_.begin) options_.begin();
  std::unique_lock lock(mutex_);
  Requests over;
  Step step;
  for (;;) {
    if (stop_) return;
    const bool any = queue_.next(clock_.now(), step, over);
    if (!any && over.empty()) {
      idle_.store(queue_.empty(), std::memory_order_relaxed);
      if (const auto at = queue_.ready_at()) {
        changed_.wait_for(lock, *at - clock_.now());
      } else {
        changed_.wait(lock, [&] { return stop_ || !queue_.empty(); });
      }
      continue;
    }
    if (any) {
      computes_ = step.servable.get();
      computes_rows_ = step.rows;
      computes_since_ = clock_.now();
    }
    lock.unlock();
    if (any) {
      const std::lock_guard device(device_);
      const Clock::duration time = compute(step, over);
      const std::lock_guard again(mutex_);
      queue_.computed(step, time);
      computes_ = nullptr;
    }
    step.slices.clear();  // who is told last may free the request, and not under the lock
    step.servable.reset();
    complete(over);
    lock.lock();
  }
}

// A step's requests go to each completion together, in their order.
void Batcher::complete(Requests& over) {
  const auto tell = [](std::span<std::shared_ptr<Request>> requests) {
    const auto completion = std::move(requests.front()->completion);
    for (const auto& request : requests.subspan(1)) request->completion.reset();
    completion->complete(requests);
  };
  order_.clear();
  for (std::size_t i = 0; i < over.size(); ++i) order_.emplace_back(over[i]->completion.get(), i);
  std::sort(order_.begin(), order_.end());
  for (std::size_t first = 0, end = 0; first < over.size(); first = end) {
    grouped_.clear();
    for (; end < over.size() && order_[end].first == order_[first].first; ++end)
      grouped_.push_back(std::move(over[order_[end].second]));
    tell(grouped_);
  }
  grouped_.clear();
  over.clear();
}

void Batcher::compute_alone(LocalServable& servable, Request& request, std::int64_t first,
                            std::int64_t rows) {
  try {
    float* out = place_of(request, first);
    const predict::PredictorInput input{&request.binding->table.encoder,
                                        rows_of(request, first, rows, part_)};
    servable.compute({&input, 1}, out);
  } catch (...) {
    fail(request);
  }
  part_.columns.clear();  // keeps nobody's memory
}

void Batcher::compute_together(const Step& step) {
  inputs_.clear();
  if (parts_.size() < step.slices.size()) parts_.resize(step.slices.size());
  for (std::size_t i = 0; i < step.slices.size(); ++i) {
    const Slice& slice = step.slices[i];
    const Request& request = *slice.request;
    inputs_.push_back(
        {&request.binding->table.encoder, rows_of(request, slice.first, slice.rows, parts_[i])});
  }
  const std::int64_t width = step.servable->kind().width();
  values_.reserve_discarding(static_cast<std::size_t>(step.rows * width) * sizeof(float));
  step.servable->compute(inputs_, values_.as<float>());
  const float* from = values_.as<float>();
  for (const Slice& slice : step.slices) {
    const std::int64_t count = values_of(*slice.request, slice.rows);
    std::memcpy(place_of(*slice.request, slice.first), from, static_cast<std::size_t>(count) * sizeof(float));
    from += count;
  }
}

// Adds those requests to `over` whose last rows it computed; says how long that took.
Clock::duration Batcher::compute(const Step& step, Requests& over) {
  const auto start = clock_.now();
  bool together = step.slices.size() > 1;
  if (together) {
    try {
      compute_together(step);
    } catch (...) {
      together = false;  // whose fault it is shows below, and the others get their answers
    }
    for (Batch& part : parts_) part.columns.clear();
  }
  if (!together) {
    for (const Slice& slice : step.slices)
      compute_alone(*step.servable, *slice.request, slice.first, slice.rows);
  }
  const Clock::duration time = clock_.now() - start;
  for (const Slice& slice : step.slices) {
    Request& request = *slice.request;
    request.computed += std::chrono::duration_cast<std::chrono::microseconds>(time);
    request.step_rows = step.rows;
    request.device = options_.device;
    request.done += slice.rows;
    if (request.state == Request::State::waiting && request.done == request.rows.rows) answer(request);
    const bool all_back = request.done == request.taken;
    if (request.state != Request::State::waiting && all_back) over.push_back(slice.request);
  }
  return time;
}

}  // namespace nn::serving
