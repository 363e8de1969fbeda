// Two versions under simulated traffic, as a judge sees them.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "traffic/judge.hpp"

namespace nn::test {

// What is wrong with the canary, if anything.
struct Fault {
  double errors = 0.0005;   // share of requests
  double slower = 1;        // of all requests
  double slower_at_64 = 1;  // of steps of 64 rows
  double nonfinite = 0;     // share of rows
  bool constant = false;    // one answer for all
  bool other_width = false;
};

struct Simulated {
  traffic::CanaryPolicy policy;
  Fault fault;
  RandomStream random;
  double now_s = 1000;
  double rate = 4000;  // requests a second
  std::size_t ticks = 0;

  Simulated(traffic::CanaryPolicy rules, Fault planted, std::uint64_t seed)
      : policy(std::move(rules)), fault(planted), random(seed, RandomUse::propose) {}

  static traffic::CanaryPolicy usual() {
    traffic::CanaryPolicy policy;
    policy.automatic = true;
    policy.shadow_percent = 20;
    policy.shadow_requests = 500;
    policy.min_time = std::chrono::seconds(2);
    return policy;
  }

  traffic::Admission admission() {
    traffic::Admission out;
    if (fault.other_width) out.misfit = "it answers something else";
    for (std::int64_t rows = 1; rows <= 64; rows *= 2) {
      for (int i = 0; i < 21; ++i) {
        // What else the machine does slows both of a pair, or interrupts one of them.
        const double us = (20 + 3 * static_cast<double>(rows)) * std::exp(0.5 * random.normal());
        const double times = rows == 64 ? fault.slower_at_64 : 1;
        const auto noise = [&] { return std::exp(0.1 * random.normal()) * (random.uniform() < 0.2 ? 4 : 1); };
        const double canary_us = us * fault.slower * times * noise();
        out.costs.push_back({rows, canary_us, us * noise()});
      }
    }
    return out;
  }
  double service_us() { return 2000 * std::exp(0.5 * random.normal()); }
  void request(traffic::ArmCounts& counts, const Fault& how) {
    const bool error = random.uniform() < how.errors;
    counts.add(error, random.uniform() < how.nonfinite, how.slower * service_us());
  }
  void pair(traffic::Comparison& comparison) {
    if (random.uniform() < fault.errors) return comparison.add_error();
    std::vector<float> a(3), b(3);
    float sum = 0;
    for (float& p : a) sum += p = 0.01f + static_cast<float>(random.uniform());
    for (float& p : a) p /= sum;
    b = a;
    if (random.uniform() < 0.05) std::swap(b[0], b[1]);
    if (fault.constant) b = {0.2f, 0.3f, 0.5f};
    if (random.uniform() < fault.nonfinite) b[1] = std::numeric_limits<float>::quiet_NaN();
    comparison.add({3, true, {}}, a, b);
  }
  // A second of traffic, as the judge has shared it out.
  traffic::Observations observe(const traffic::Judge& judge) {
    traffic::Observations seen;
    const double share = judge.step() / 100, control = std::min(share, 1 - share);
    const auto some = [&](double mean) {
      return static_cast<int>(std::max(0.0, std::round(mean + std::sqrt(mean) * random.normal())));
    };
    for (int i = some(rate * judge.shadow_percent() / 100); i > 0; --i) pair(seen.shadow);
    for (int i = some(rate * share); i > 0; --i) request(seen.canary, fault);
    for (int i = some(rate * control); i > 0; --i) request(seen.control, Fault{});
    now_s += 1;
    ++ticks;
    return seen;
  }
  // The verdict in the end, "hold" where it is held, "" where nothing comes of it.
  std::string run(std::vector<traffic::Decision>* decisions = nullptr) {
    traffic::Judge judge(policy, 2, 1, now_s);
    traffic::Decision last = judge.admit(admission());
    if (decisions != nullptr) decisions->push_back(last);
    while (!judge.over() && !judge.held() && ticks < 10'000) {
      const auto decision = judge.observe(observe(judge), now_s);
      if (!decision) continue;
      last = *decision;
      if (decisions != nullptr) decisions->push_back(last);
    }
    return judge.over() || judge.held() ? std::string(enum_names(last.verdict).name_of(last.verdict)) : "";
  }
};

}  // namespace nn::test
