#include "client/balancer.hpp"

#include <algorithm>
#include <cmath>
#include <compare>

namespace nn::client {
namespace {

constexpr double weight_of_last = 0.25;                // of a measurement among those before
constexpr std::chrono::duration<double> half_life{5};  // of what is known about a worker that isn't asked

}  // namespace

void Balancer::answered(std::size_t worker, std::int64_t ahead, Clock::duration time, Clock::time_point now) {
  Worker& w = workers_[worker];
  w.failures = 0;
  if (w.times_out > 0 && now - w.out_until > longest_time_out) w.times_out = 0;
  const double cost =
      std::chrono::duration<double>(time).count() / static_cast<double>(std::max<std::int64_t>(ahead, 1));
  w.cost = w.cost == 0 ? cost : w.cost + weight_of_last * (cost - w.cost);
  w.measured = now;
}

bool Balancer::failed(std::size_t worker, Clock::time_point now) {
  Worker& w = workers_[worker];
  if (++w.failures < most_failures || is_out(worker, now)) return false;
  const auto out = static_cast<std::size_t>(
      std::count_if(workers_.begin(), workers_.end(), [&](const Worker& o) { return now < o.out_until; }));
  if (2 * (out + 1) > workers_.size()) return false;
  w.failures = 0;
  w.out_until = now + std::min<Clock::duration>(++w.times_out * time_out, longest_time_out);
  return true;
}

// Of a row. What was measured long ago counts less: a worker may be better now. One that comes back from
// being left out seems dearer at first.
double Balancer::cost_now(const Worker& worker, double least, Clock::time_point now) const {
  const std::chrono::duration<double> age = now - worker.measured;
  const double more = worker.cost > least ? std::exp2(-age / half_life) * (worker.cost - least) : 0;
  if (worker.times_out == 0 || now - worker.out_until >= slow_start) return least + more;
  const std::chrono::duration<double> back = now - worker.out_until;
  return (least + more) / std::max(0.1, back / slow_start);
}

std::optional<std::size_t> Balancer::choose(const std::vector<Candidate>& candidates, std::int64_t rows,
                                            Clock::time_point now) {
  double least = 0;
  for (const Worker& worker : workers_) {
    if (worker.cost > 0 && (least == 0 || worker.cost < least)) least = worker.cost;
  }
  if (least == 0) least = 1;  // nothing is known: the one with the fewest rows
  struct Rank {
    bool out;
    double wait;
    std::size_t turn;
    auto operator<=>(const Rank&) const = default;
  };
  std::optional<std::size_t> best;
  Rank best_rank{};
  for (const Candidate& candidate : candidates) {
    const std::size_t w = candidate.worker;
    const Rank rank{is_out(w, now),
                    static_cast<double>(candidate.under_way + rows) * cost_now(workers_[w], least, now),
                    (w + workers_.size() - turn_) % workers_.size()};
    if (best && !(rank < best_rank)) continue;
    best = w;
    best_rank = rank;
  }
  if (best) turn_ = (*best + 1) % workers_.size();
  return best;
}

}  // namespace nn::client
