// Times the CPU backend: whole steps, beside the matrix products in them as another library
// does them, and two devices beside one. A table for people, or an answer a request for
// programs that let it alternate with others (tests/bench/run).
#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <iostream>
#include <latch>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <thread>

#include "backend/cpu/isa.hpp"
#include "cases.hpp"
#include "cli/tool.hpp"
#include "options/fields.hpp"
#include "products.hpp"
#include "timing.hpp"

namespace {

using bench::Case;
using bench::Work;

struct Options {
  std::vector<std::string> cases;
  int rounds = 11;
  double seconds = 0.1;
  bool list = false, json = false;
};

// Seconds of a call. The second is of the products alone, or of a step of two devices at
// once; 0: not to be had.
struct Sample {
  double first = 0, second = 0;
};

// Reads memory once and does next to nothing with it: no row can be computed faster than its
// weights are read.
float read_once(std::span<const float> memory) {
  using Vector [[gnu::vector_size(16)]] = float;
  Vector sums[8] = {};
  for (std::size_t i = 0; i + 32 <= memory.size(); i += 32) {
    for (std::size_t j = 0; j < 8; ++j) {
      Vector v;
      std::memcpy(&v, &memory[i + 4 * j], sizeof v);
      sums[j] += v;
    }
  }
  for (const Vector& sum : sums) sums[0] += sum;
  return sums[0][0];
}

// A case on the first core, ready for samples.
class OneDevice {
 public:
  explicit OneDevice(const Case& c)
      : backend_(
            nn::backend::open_backend(nn::backend::Device{.cores = {nn::backend::process_cores().front()}})) {
    nn::backend::pin_thread(backend_->device());
    subject_.emplace(c, *backend_);
    const bench::Products products = bench::products_of(bench::plan_of(c), c.batch, c.work == Work::train);
    flops_ = products.flops();
    weights_.resize(static_cast<std::size_t>(bench::plan_of(c).parameter_count));
    limit_ = bench::open_gemm_limit(products);
  }

  double flops() const { return flops_; }
  double sample_reading(double seconds) { return reading_.sample(seconds); }
  Sample sample(double seconds, bool with_products = true) {
    Sample s{step_.sample(seconds), 0};
    if (limit_ && with_products) s.second = products_.sample(seconds);
    return s;
  }

 private:
  std::unique_ptr<nn::backend::Backend> backend_;
  std::optional<bench::Subject> subject_;
  std::unique_ptr<bench::GemmLimit> limit_;
  std::vector<float> weights_;
  volatile float read_ = 0;
  double flops_ = 0;
  bench::Timer<std::function<void()>> step_{[this] { subject_->step(); }};
  bench::Timer<std::function<void()>> products_{[this] { limit_->run(); }};
  bench::Timer<std::function<void()>> reading_{[this] { read_ = read_once(weights_); }};
};

// Steps a second of all devices together, each a thread with its own program.
double rate_of(const Case& c, const std::vector<int>& devices, double seconds) {
  std::latch ready(static_cast<std::ptrdiff_t>(devices.size()));
  std::vector<double> rates(devices.size());
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    threads.emplace_back([&, i] {
      nn::backend::unpin_thread();  // the main thread may be pinned by now
      const auto backend = nn::backend::open_backend(nn::backend::Device{.cores = {devices[i]}});
      nn::backend::pin_thread(backend->device());
      bench::Subject subject(c, *backend);
      bench::Timer timer([&] { subject.step(); }, CLOCK_MONOTONIC);
      timer.sample(0);
      ready.arrive_and_wait();
      rates[i] = 1 / timer.sample(seconds);
    });
  }
  threads.clear();
  double sum = 0;
  for (const double rate : rates) sum += rate;
  return sum;
}

Sample sample_devices(const Case& c, double seconds) {
  const std::vector<int>& cores = nn::backend::process_cores();
  if (cores.size() < 2) return {};
  const int first = cores[0], second = cores[1];
  const double alone = (rate_of(c, {first}, seconds) + rate_of(c, {second}, seconds)) / 2;
  return {1 / alone, 1 / rate_of(c, {first, second}, seconds)};
}

// Products of a size that stays in registers and the first-level cache, in FLOP/s.
double measure_peak() {
  alignas(64) static float a[12 * 256], b[256 * 64], c[12 * 64], panel[nn::backend::cpu::panel_size];
  nn::backend::cpu::Gemm<float> g;
  g.m = 12;
  g.n = 32;
  g.k = 128;
  g.a = a;
  g.a_row = 128;
  g.b = b;
  g.b_row = 32;
  g.c = c;
  g.c_row = 32;
  g.c_padded = true;
  g.panel = panel;
  const auto& kernels = nn::backend::cpu::kernels_of<float>(nn::backend::cpu::chosen_isa());
  bench::Timer timer([&] { kernels.gemm(g); });
  double least = timer.sample(0.01);
  for (int round = 0; round < 10; ++round) least = std::min(least, timer.sample(0.03));
  return 2.0 * static_cast<double>(g.m * g.n * g.k) / least;
}

// One line of JSON for each line "CASE SECONDS" on stdin, or "CASE SECONDS ours" to leave out what
// it is compared with; "peak" is a case as well.
void answer_requests() {
  std::map<std::string, OneDevice> devices;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string name, what;
    double seconds = 0.1;
    words >> name >> seconds >> what;
    if (name == "peak") {
      const nn::backend::cpu::Isa isa = nn::backend::cpu::chosen_isa();
      fmt::print(R"({{"flops_per_s": {}, "isa": "{}", "gemm_library": "{}"}})"
                 "\n",
                 measure_peak(), nn::backend::cpu::describe(isa), bench::gemm_library());
    } else if (const Case& c = bench::find_case(name); c.work == Work::devices) {
      const Sample s = sample_devices(c, seconds);
      fmt::print(R"({{"alone_s": {}, "together_s": {}}})"
                 "\n",
                 s.first, s.second);
    } else {
      OneDevice& device = devices.try_emplace(name, c).first->second;
      const bool ours_only = what == "ours";
      const Sample s = device.sample(seconds, !ours_only);
      const double reading = c.batch == 1 && !ours_only ? device.sample_reading(seconds) : 0;
      fmt::print(R"({{"ours_s": {}, "gemm_s": {}, "reading_s": {}, "flops": {}}})"
                 "\n",
                 s.first, s.second, reading, device.flops());
    }
    std::fflush(stdout);
  }
}

void print_table(const Options& options) {
  const double peak = measure_peak();
  fmt::print("{}: {:.1f} GFLOP/s in the first-level cache\n",
             nn::backend::cpu::describe(nn::backend::cpu::chosen_isa()), peak / 1e9);
  const std::string library = bench::gemm_library();
  for (const Case& c : bench::all_cases()) {
    const auto chosen = std::find(options.cases.begin(), options.cases.end(), c.name);
    if (!options.cases.empty() && chosen == options.cases.end()) continue;
    if (c.work == Work::devices && nn::backend::process_cores().size() < 2) {
      fmt::print("{:<15} needs two cores\n", c.name);
      continue;
    }
    std::optional<OneDevice> device;
    if (c.work != Work::devices) device.emplace(c);
    std::vector<double> firsts, seconds, ratios;
    for (int round = 0; round < options.rounds; ++round) {
      const Sample s = device ? device->sample(options.seconds) : sample_devices(c, options.seconds);
      firsts.push_back(s.first);
      seconds.push_back(s.second);
      ratios.push_back(s.first / s.second);
    }
    fmt::print("{:<15}{:>12.2f} us", c.name, bench::median(firsts) * 1e6);
    if (device) {
      const double rate = device->flops() / bench::median(firsts);
      fmt::print("{:>7.1f} GFLOP/s {:>4.0f} %", rate / 1e9, 100 * rate / peak);
    }
    if (seconds.front() > 0) {
      fmt::print("{:>7.2f} x {}", bench::median(ratios), device ? library : "at once");
    }
    fmt::print("\n");
    std::fflush(stdout);
  }
}

nn::options::List option_list(Options& o) {
  namespace options = nn::options;
  options::List list;
  options::Group group(list, "Bench", options::Effect::local);
  group.add(
      {.name = "rounds", .value = "N", .help = "Samples, of which the median counts (default: {default})"},
      options::count(o.rounds, 1, 1'000'000));
  group.add({.name = "seconds", .value = "S", .help = "Time of a sample (default: {default})"},
            options::number(o.seconds, nn::interval::positive));
  group.add({.name = "list", .help = "Print the cases as JSON"}, options::flag(o.list));
  group.add({.name = "json", .help = "Answer lines 'CASE SECONDS' on stdin, a JSON object each"},
            options::flag(o.json));
  return list;
}

void run(const Options& options) {
  nn::backend::process_cores();  // as they are before threads are pinned
  for (const std::string& name : options.cases) bench::find_case(name);
  if (options.list) {
    fmt::print("{}", bench::describe_cases());
  } else if (options.json) {
    answer_requests();
  } else {
    print_table(options);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const nn::cli::Command tool{.name = "bench-engine",
                              .summary = "time the engine",
                              .options = option_list(o),
                              .arguments = {nn::options::argument("cases", "CASE", "Which (default: all)",
                                                                  nn::options::texts(o.cases))},
                              .example = "taskset -c 0 bench-engine train-medium"};
  return nn::cli::run_tool(argc, argv, tool, [&](const nn::cli::Parsed&) { run(o); });
}
