// What proposals cost, and how good they are.
//
//   bench-search time                            a JSON object a line: what a proposal takes
//   bench-search ask SAMPLER SEED TRIALS NAME=…  proposes: a line has each parameter's value, empty where it
//   isn't
//                                                there, tabs between them; a line of the standard input is
//                                                what comes of it, less being better
#include <fmt/format.h>

#include <iostream>
#include <string>
#include <vector>

#include "../engine/timing.hpp"
#include "base/error.hpp"
#include "base/numbers.hpp"
#include "search/sampler.hpp"

namespace {

using nn::RandomStream;
using nn::RandomUse;
using nn::search::History;
using nn::search::Point;
using nn::search::SamplerKind;
using nn::search::SamplerOptions;
using nn::search::Space;
using nn::search::TrialState;

Space space_of(std::size_t dimensions, const std::string& distribution) {
  std::vector<std::string> lines;
  for (std::size_t d = 0; d < dimensions; ++d) lines.push_back(fmt::format("x{}={}", d, distribution));
  return Space::parse(lines);
}

double value_of(const Point& point) {
  double sum = 0;
  for (const double x : point) sum += (x - 0.3) * (x - 0.3);
  return sum;
}

double search_ms(const SamplerOptions& options, const Space& space, std::uint32_t trials) {
  History history(space.size());
  double spent = 0;
  for (std::uint32_t t = 0; t < trials; ++t) {
    RandomStream random(options.seed, RandomUse::propose, t);
    const double start = bench::seconds_of(CLOCK_THREAD_CPUTIME_ID);
    const auto proposal = nn::search::propose(options, space, history, t, random);
    spent += bench::seconds_of(CLOCK_THREAD_CPUTIME_ID) - start;
    if (!proposal) nn::fail_data("nothing left after {} trials", t);
    history.add(t, TrialState::complete, proposal->point, {value_of(proposal->point)});
  }
  return 1e3 * spent / trials;
}

// Milliseconds of a proposal, on average over a search of so many trials, as it grows: the median of
// searches.
double mean_ms(SamplerOptions options, const Space& space, std::uint32_t trials) {
  std::vector<double> searches;
  for (options.seed = 0; options.seed < 11; ++options.seed) {
    searches.push_back(search_ms(options, space, trials));
  }
  return bench::median(searches);
}

// Milliseconds of a proposal with so many trials behind it, which were drawn at random.
double last_ms(SamplerOptions options, const Space& space, std::uint32_t trials, int rounds) {
  History history(space.size());
  SamplerOptions drawn = options;
  drawn.kind = SamplerKind::random;
  for (std::uint32_t t = 0; t < trials; ++t) {
    RandomStream random(options.seed, RandomUse::propose, t);
    const Point point = nn::search::propose(drawn, space, history, t, random)->point;
    history.add(t, TrialState::complete, point, {value_of(point)});
  }
  std::vector<double> spent;
  for (int i = 0; i < rounds; ++i) {
    RandomStream random(options.seed, RandomUse::propose, trials);
    const double start = bench::seconds_of(CLOCK_THREAD_CPUTIME_ID);
    nn::search::propose(options, space, history, trials, random);
    spent.push_back(bench::seconds_of(CLOCK_THREAD_CPUTIME_ID) - start);
  }
  return 1e3 * bench::median(spent);
}

void time_proposals() {
  SamplerOptions tpe;
  tpe.kind = SamplerKind::tpe;
  const auto print = [](const std::string& name, double ms) {
    fmt::print("{{\"work\": \"{}\", \"ms\": {:.4f}}}\n", name, ms);
    std::fflush(stdout);
  };
  const Space two = space_of(2, "uniform:0:1");
  print("tpe, 2 parameters, mean over 100 trials", mean_ms(tpe, two, 100));
  print("tpe, 2 parameters, mean over 1,000 trials", mean_ms(tpe, two, 1000));
  print("tpe, 2 logarithms, mean over 1,000 trials", mean_ms(tpe, space_of(2, "loguniform:1e-4:1"), 1000));
  print("tpe, 2 whole numbers, mean over 1,000 trials", mean_ms(tpe, space_of(2, "int:1:1000"), 1000));
  print("tpe, 10 parameters, at 10,000 trials", last_ms(tpe, space_of(10, "uniform:0:1"), 10000, 21));
  print("tpe, 10 whole numbers, at 10,000 trials", last_ms(tpe, space_of(10, "int:1:100"), 10000, 5));
  print("tpe, 10 choices, at 10,000 trials", last_ms(tpe, space_of(10, "choice:a,b,c,d"), 10000, 5));
  SamplerOptions gp;
  gp.kind = SamplerKind::gp;
  print("gp, 6 parameters, at 50 trials", last_ms(gp, space_of(6, "uniform:0:1"), 50, 11));
  print("gp, 6 parameters, at 250 trials", last_ms(gp, space_of(6, "uniform:0:1"), 250, 5));
  SamplerOptions sobol;
  sobol.kind = SamplerKind::sobol;
  print("sobol, 10 parameters, at 100,000 trials", last_ms(sobol, space_of(10, "uniform:0:1"), 100000, 21));
}

void ask(int argc, char** argv) {
  SamplerOptions options;
  const std::string sampler = argv[2];
  options.kind = enum_names(SamplerKind{}).parse(sampler.substr(0, sampler.find(':')));
  if (sampler.find(':') != std::string::npos) {
    options.tpe = enum_names(nn::search::TpeVariant{}).parse(sampler.substr(sampler.find(':') + 1));
  }
  options.seed = static_cast<std::uint64_t>(nn::parse_number(argv[3]));
  const auto trials = static_cast<std::uint32_t>(nn::parse_number(argv[4]));
  const Space space = Space::parse({argv + 5, argv + argc});
  History history(space.size());
  for (std::uint32_t t = 0; t < trials; ++t) {
    RandomStream random(options.seed, RandomUse::propose, t);
    const auto proposal = nn::search::propose(options, space, history, t, random);
    if (!proposal) return;
    std::string line;
    for (std::size_t p = 0; p < space.size(); ++p) {
      line += (p > 0 ? "\t" : "") + space.parameters()[p].text_of(proposal->point[p]);
    }
    std::cout << line << std::endl;
    double value = 0;
    if (!(std::cin >> value)) return;
    history.add(t, TrialState::complete, proposal->point, {value});
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "time") {
      time_proposals();
    } else if (what == "ask" && argc > 5) {
      ask(argc, argv);
    } else {
      nn::fail_usage("usage: bench-search time, or bench-search ask SAMPLER SEED TRIALS NAME=…");
    }
  } catch (const nn::Error& error) {
    fmt::print(stderr, "bench-search: {}\n", error.what());
    return nn::exit_status(error.kind());
  }
}
