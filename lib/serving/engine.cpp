#include "serving/engine.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace nn::serving {
namespace {

using Clock = Job::Clock;

std::chrono::microseconds since(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration_cast<std::chrono::microseconds>(end - start);
}

// Takes out what nobody waits for any more.
bool still_wanted(Job& job, Clock::time_point now) {
  job.waited = since(job.arrived, now);
  if (job.cancelled.load(std::memory_order_relaxed)) {
    job.state = Job::State::dropped;
  } else if (job.deadline && now >= *job.deadline) {
    job.state = Job::State::late;
  }
  return job.state == Job::State::waiting;
}

void answer(Job& job, Buffer values) {
  job.answers = job.binding->builder.build(job.rows, std::move(values), nullptr, nullptr);
  job.state = Job::State::answered;
}

Buffer room_for(const Job& job) {
  const std::int64_t width = job.binding->builder.kind().width();
  return Buffer(static_cast<std::size_t>(job.rows.rows * width) * sizeof(float));
}

void fail_job(Job& job, const std::exception& error) {
  const auto* known = dynamic_cast<const Error*>(&error);
  job.error = known != nullptr ? *known : Error(ErrorKind::internal, error.what());
  job.state = Job::State::failed;
}

void compute_alone(Job& job) {
  try {
    Buffer values = room_for(job);
    const predict::PredictorInput input{&job.binding->encoder, &job.rows};
    job.binding->model->predictor.predict({&input, 1}, values.as<float>());
    answer(job, std::move(values));
  } catch (const std::exception& error) {
    fail_job(job, error);
  }
}

}  // namespace

Engine::Engine(EngineOptions options, Done done) : options_(options), done_(std::move(done)) {
  thread_ = std::thread([this] { run(); });
}

Engine::~Engine() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    queue_.clear();
    changed_.notify_all();
  }
  thread_.join();
}

bool Engine::try_now(Job& job) {
  if (options_.batch_delay.count() > 0 || waiting_.load(std::memory_order_relaxed) > 0) return false;
  const auto work = static_cast<double>(job.binding->model->predictor.work_per_row() * job.rows.rows);
  if (work > options_.quick_work) return false;
  const std::unique_lock device(device_, std::try_to_lock);
  if (!device) return false;
  const auto start = Clock::now();
  if (!still_wanted(job, start)) return true;
  compute_alone(job);
  job.computed = since(start, Clock::now());
  return true;
}

void Engine::submit(std::shared_ptr<Job> job) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(job));
  waiting_.store(queue_.size(), std::memory_order_relaxed);
  changed_.notify_one();
}

// The next request, and those behind it for the same model, while they fit one step.
Engine::Jobs Engine::gather(std::unique_lock<std::mutex>& lock) {
  Jobs jobs;
  std::int64_t rows = 0;
  const auto take = [&] {
    const ServedModel* model = queue_.front()->binding->model.get();
    for (auto at = queue_.begin(); at != queue_.end() && rows < options_.batch_max;) {
      const bool fits = jobs.empty() || rows + (*at)->rows.rows <= options_.batch_max;
      if (!fits || (*at)->binding->model.get() != (jobs.empty() ? model : jobs[0]->binding->model.get())) {
        ++at;
        continue;
      }
      rows += (*at)->rows.rows;
      jobs.push_back(std::move(*at));
      at = queue_.erase(at);
    }
  };
  take();
  if (options_.batch_delay.count() > 0) {
    const auto until = jobs[0]->arrived + options_.batch_delay;
    while (rows < options_.batch_max && !stop_) {
      if (Clock::now() >= until) break;
      changed_.wait_until(lock, until);
      if (!queue_.empty()) take();
    }
  }
  waiting_.store(queue_.size(), std::memory_order_relaxed);
  return jobs;
}

void Engine::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stop_ || !queue_.empty(); });
    if (stop_) return;
    Jobs jobs = gather(lock);
    lock.unlock();
    compute(jobs);
    done_(std::move(jobs));
    lock.lock();
  }
}

void Engine::compute(const Jobs& jobs) {
  const std::lock_guard device(device_);
  const auto start = Clock::now();
  Jobs wanted;
  for (const auto& job : jobs) {
    if (still_wanted(*job, start)) wanted.push_back(job);
  }
  if (wanted.size() == 1) {
    compute_alone(*wanted[0]);
  } else if (!wanted.empty()) {
    compute_together(wanted);
  }
  const auto computed = since(start, Clock::now());
  for (const auto& job : wanted) job->computed = computed;
}

void Engine::compute_together(const Jobs& jobs) {
  try {
    std::vector<predict::PredictorInput> inputs;
    std::int64_t rows = 0;
    for (const auto& job : jobs) {
      inputs.push_back({&job->binding->encoder, &job->rows});
      rows += job->rows.rows;
    }
    predict::Predictor& predictor = jobs[0]->binding->model->predictor;
    values_.reserve_discarding(static_cast<std::size_t>(rows * predictor.kind().width()) * sizeof(float));
    predictor.predict(inputs, values_.as<float>());
  } catch (const std::exception&) {
    for (const auto& job : jobs) compute_alone(*job);  // which one is wrong, and the others' answers
    return;
  }
  const std::byte* from = values_.data();
  for (const auto& job : jobs) {
    try {
      Buffer values = room_for(*job);
      const std::size_t bytes = values.size();
      std::memcpy(values.data(), from, bytes);
      from += bytes;
      answer(*job, std::move(values));
    } catch (const std::exception& error) {
      fail_job(*job, error);
    }
  }
}

}  // namespace nn::serving
