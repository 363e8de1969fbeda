#include "client/balancer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <compare>
#include <utility>

namespace nn::client {
namespace {

constexpr double weight_of_last = 0.25;                // of a measurement among those before
constexpr std::chrono::duration<double> half_life{5};  // of what is known about a worker that isn't asked
constexpr double tail = 0.95;                          // of the answers that are compared
constexpr double deviations = 1.9;                     // below the mean, of the share that is answered

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

std::chrono::microseconds in_us(Clock::duration time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time);
}

}  // namespace

Balancer::Balancer(std::vector<std::shared_ptr<WorkerRecord>> workers, BalancerOptions options)
    : records_(std::move(workers)),
      workers_(records_.size()),
      options_(std::move(options)),
      chance_(options_.seed) {}

void Balancer::answered(std::size_t worker, std::int64_t ahead, Clock::duration time, Clock::time_point now) {
  compare(now);
  records_[worker]->answered(now);
  Worker& w = workers_[worker];
  w.times.add(in_us(time));
  times_.add(in_us(time));
  ++w.answers;
  const double cost =
      std::chrono::duration<double>(time).count() / static_cast<double>(std::max<std::int64_t>(ahead, 1));
  w.cost = w.cost == 0 ? cost : w.cost + weight_of_last * (cost - w.cost);
  w.measured = now;
}

void Balancer::failed(std::size_t worker, Clock::time_point now, Clock::duration time) {
  compare(now);
  Worker& w = workers_[worker];
  ++w.failures;
  if (time > Clock::duration::zero()) w.times.add(in_us(time));
  WorkerRecord& record = *records_[worker];
  record.failed();
  if (record.fails_on() && !record.is_out(now) && may_leave_out(now)) {
    leave_out(worker, fmt::format("it failed {} times in a row", WorkerRecord::most_failures), now);
  }
}

// ---- who is left out

bool Balancer::may_leave_out(Clock::time_point now) const {
  const auto out = static_cast<std::size_t>(
      std::count_if(records_.begin(), records_.end(), [&](const auto& s) { return s->is_out(now); }));
  return 2 * (out + 1) <= records_.size();
}

void Balancer::leave_out(std::size_t worker, const std::string& why, Clock::time_point now) {
  records_[worker]->put_out(now);
  if (options_.left_out) options_.left_out(worker, why);
}

void Balancer::compare(Clock::time_point now) {
  if (!began_) began_ = now;
  if (now - *began_ < interval) return;
  compare_times(now);
  compare_failures(now);
  if (times_.count() >= least_answers) usual_time_ = std::chrono::microseconds(times_.quantile_us(tail));
  times_ = {};
  began_ = now;
  for (Worker& worker : workers_) {
    worker.times = {};
    worker.answers = worker.failures = 0;
  }
}

// The slowest first, since not all may be left out.
void Balancer::compare_times(Clock::time_point now) {
  struct Compared {
    std::size_t worker;
    double time;
  };
  std::vector<Compared> compared;
  for (std::size_t w = 0; w < workers_.size(); ++w) {
    if (records_[w]->is_out(now) || workers_[w].times.count() < least_answers) continue;
    compared.push_back({w, static_cast<double>(workers_[w].times.quantile_us(tail))});
  }
  if (compared.size() < 2) return;
  std::sort(compared.begin(), compared.end(), [](const auto& a, const auto& b) { return a.time > b.time; });
  for (const auto& [worker, time] : compared) {
    std::vector<double> peers;
    for (const auto& other : compared) {
      if (other.worker != worker) peers.push_back(other.time);
    }
    const double usual = median_of(std::move(peers));
    const bool is_slow = time > most_times_slower * usual &&
                         time - usual > std::chrono::duration<double, std::micro>(worth_noting).count();
    if (!is_slow || !may_leave_out(now)) return;
    leave_out(worker,
              fmt::format("95 of 100 answers took up to {:.3g} ms, and {:.3g} ms at the others", time / 1e3,
                          usual / 1e3),
              now);
  }
}

void Balancer::compare_failures(Clock::time_point now) {
  std::vector<std::pair<double, std::size_t>> answered;  // the share of each
  double sum = 0, squares = 0;
  for (std::size_t w = 0; w < workers_.size(); ++w) {
    const std::uint64_t requests = workers_[w].answers + workers_[w].failures;
    if (records_[w]->is_out(now) || requests < least_requests) continue;
    const double share = static_cast<double>(workers_[w].answers) / static_cast<double>(requests);
    answered.emplace_back(share, w);
    sum += share;
    squares += share * share;
  }
  if (answered.size() < least_compared) return;
  const auto count = static_cast<double>(answered.size());
  const double mean = sum / count, deviation = std::sqrt(std::max(0.0, squares / count - mean * mean));
  constexpr double least_deviation = 1e-3;  // where all do well, nobody is an outlier
  if (deviation < least_deviation) return;
  std::sort(answered.begin(), answered.end());
  for (const auto& [share, worker] : answered) {
    if (share >= mean - deviations * deviation || !may_leave_out(now)) return;
    leave_out(
        worker,
        fmt::format("it answered {:.3g}% of its requests, and all workers {:.3g}%", 100 * share, 100 * mean),
        now);
  }
}

// ---- who is chosen

// Of a row. What was measured long ago counts less: a worker may be better now. One that comes back seems
// dearer at first.
double Balancer::cost_now(std::size_t worker, double least, Clock::time_point now) const {
  const Worker& w = workers_[worker];
  const std::chrono::duration<double> age = now - w.measured;
  const double more = w.cost > least ? std::exp2(-age / half_life) * (w.cost - least) : 0;
  return (least + more) / records_[worker]->weight(now);
}

double Balancer::least_cost() const {
  double least = 0;
  for (const Worker& worker : workers_) {
    if (worker.cost > 0 && (least == 0 || worker.cost < least)) least = worker.cost;
  }
  return least == 0 ? 1 : least;  // nothing is known: the one with the fewest rows
}

std::optional<std::size_t> Balancer::choose(const std::vector<Candidate>& candidates, std::int64_t rows,
                                            Clock::time_point now) {
  const auto out = static_cast<std::size_t>(std::count_if(
      candidates.begin(), candidates.end(), [&](const Candidate& c) { return is_out(c.worker, now); }));
  // More are out than answer: who is left would have too much to do.
  const bool all_count = 2 * out > candidates.size();
  fit_.clear();
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    if (candidates[c].has_room && (all_count || !is_out(candidates[c].worker, now))) fit_.push_back(c);
  }
  if (options_.of_two && fit_.size() > 2) {
    std::swap(fit_[0], fit_[chance_() % fit_.size()]);
    std::swap(fit_[1], fit_[1 + chance_() % (fit_.size() - 1)]);
    fit_.resize(2);
  }
  const double least = least_cost();
  struct Rank {
    double wait;
    std::size_t turn;
    auto operator<=>(const Rank&) const = default;
  };
  std::optional<std::size_t> best;
  Rank best_rank{};
  for (const std::size_t c : fit_) {
    const std::size_t w = candidates[c].worker;
    const Rank rank{static_cast<double>(candidates[c].under_way + rows) * cost_now(w, least, now),
                    (w + workers_.size() - turn_) % workers_.size()};
    if (best && !(rank < best_rank)) continue;
    best = w;
    best_rank = rank;
  }
  if (best) turn_ = (*best + 1) % workers_.size();
  return best;
}

}  // namespace nn::client
