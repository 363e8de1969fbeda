// A process of nn-sweep's as far as a journal sees it, for study.py.
//
//   interop-study dump JOURNAL [STUDY]          trials, as tests/unit/study/dump.hpp has them
//   interop-study work JOURNAL STUDY TRIALS     asks and tells until so many have finished
//   interop-study repair JOURNAL                takes out lines that are none
#include "study/study.hpp"

#include <fmt/core.h>

#include <cmath>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "../unit/study/dump.hpp"
#include "base/error.hpp"
#include "study/repair.hpp"

using namespace nn;
using namespace nn::study;

namespace {

std::optional<search::Proposal> draw(const search::Space& space, const search::History&, std::uint64_t,
                                     RandomStream& random) {
  search::Point point;
  for (const search::Parameter& p : space.parameters()) {
    const auto count = p.count();
    const double u = random.uniform();
    point.push_back(p.has_choices() ? std::floor(u * static_cast<double>(*count))
                    : count         ? p.low + p.step * std::floor(u * static_cast<double>(*count))
                    : p.is_log()    ? p.low * std::pow(p.high / p.low, u)
                                    : p.low + u * (p.high - p.low));
  }
  space.settle(point);
  return search::Proposal{point, search::SamplerKind::random};
}

void work(const std::string& journal, const std::string& name, std::size_t trials) {
  Presence presence(journal);
  Opening opening;
  opening.name = name;
  opening.objectives = {{"loss", Direction::minimize}};
  opening.header = Header{.version = "test",
                          .space = {"x=uniform:-5:10", "lr=loguniform:1e-05:0.1", "n=int:1:9:2",
                                    "kind=choice:a,b", "m=uniform:0:1 if kind=b"},
                          .seed = 1};
  Study study(journal, opening, {presence.id(), {}, {}});
  while (const auto asked = study.ask({.trials = trials}, draw, {.slot = "cpu:0"})) {
    const double value = asked->point[0] * asked->point[0];
    const std::uint32_t number = asked->run.number;
    study.commit(Durable::no, [&](Change& change) {
      for (int step = 0; step < 3; ++step)
        change.report(asked->run, step, value + step, 0.5 * step, R"({"a":1})");
      change.constraint(asked->run, "size", asked->point[2] - 4);
      const State state = number % 7 == 3 ? State::failed : number % 5 == 2 ? State::pruned : State::complete;
      change.end(asked->run, state, {value}, {.exit_status = 0, .reason = "ends"});
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() >= 2 && words[0] == "dump") {
      Study study = Study::read(words[1], words.size() > 2 ? words[2] : "");
      for (const std::string& note : study.take_notes()) fmt::print(stderr, "{}\n", note);
      fmt::print("{}", test::dump(study.log()));
    } else if (words.size() == 4 && words[0] == "work") {
      work(words[1], words[2], std::strtoul(words[3].c_str(), nullptr, 10));
    } else if (words.size() == 2 && words[0] == "repair") {
      for (const std::string& said : repair_journal(words[1])) fmt::print("{}\n", said);
    } else {
      return exit_usage;
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "interop-study: {}\n", error.what());
    return exit_failed;
  }
  return 0;
}
