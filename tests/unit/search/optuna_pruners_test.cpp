// Pruners decide as Optuna's do, in a thousand sets of curves.
#include <boost/crc.hpp>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "catch.hpp"
#include "curve_sets.hpp"
#include "search/pruner.hpp"
#include "search/pruner_rules.hpp"

namespace nn::search {
namespace {

std::uint32_t sum_of(const std::string& text) {
  boost::crc_32_type sum;
  sum.process_bytes(text.data(), text.size());
  return sum.checksum();
}

// Optuna gives a trial its bracket by a hash of its name.
std::size_t bracket_of(std::uint32_t set, std::uint32_t trial, const std::vector<double>& budgets) {
  double all = 0;
  for (const double budget : budgets) all += budget;
  auto n = static_cast<double>(sum_of("set" + std::to_string(set) + '_' + std::to_string(trial)) %
                               static_cast<std::uint32_t>(all));
  std::size_t bracket = 0;
  while (n >= budgets[bracket]) n -= budgets[bracket++];
  return bracket;
}

std::unique_ptr<PruningRule> rule_of(const PrunerSpec& spec, bool maximize, std::uint32_t set) {
  if (spec.kind != PrunerKind::hyperband) return make_rule(spec, maximize);
  const Brackets brackets(spec.least, spec.most, spec.eta);
  return std::make_unique<HyperbandRule>(spec, [set, budgets = brackets.budgets()](std::uint32_t trial) {
    return bracket_of(set, trial, budgets);
  });
}

// "TRIAL@STEP …"
std::string pruned_of(Pruner& pruner, const CurveSet& set) {
  std::string text;
  std::set<std::uint32_t> pruned;
  for (const CurveEvent& e : set.events) {
    if (pruned.count(e.trial) > 0) continue;
    const double value = (set.maximize ? -e.value : e.value) / 100;
    if (e.what != CurveEvent::What::report) {
      const bool failed = e.what == CurveEvent::What::failed;
      pruner.end(e.trial, failed ? TrialEnd::failed : TrialEnd::complete, value);
    } else if (pruner.report(e.trial, e.step, value).prune) {
      pruned.insert(e.trial);
      pruner.end(e.trial, TrialEnd::pruned);
      text += (text.empty() ? "" : " ") + std::to_string(e.trial) + "@" + std::to_string(e.step);
    }
  }
  return text;
}

TEST_CASE("decisions are those of Optuna") {
  std::ifstream file(NN_GOLDEN "/search/decisions");
  std::vector<std::string> names;
  std::vector<PrunerSpec> specs;
  std::size_t sets = 0, some = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const std::vector<std::string> words = split(line, ' ');
    if (words[0] == "pruners") {
      names.assign(words.begin() + 1, words.end());
      for (const std::string& name : names) {
        specs.push_back(PrunerSpec::parse(name));
        specs.back().settle();
      }
      continue;
    }
    const auto number = static_cast<std::uint32_t>(std::stoul(words[0]));
    INFO("make-pruned --show " << number << " prints what Optuna decides");
    const CurveSet set = make_curve_set(number);
    REQUIRE(sum_of(text_of(set)) == std::stoul(words[1], nullptr, 16));
    REQUIRE(words.size() == names.size() + 2);
    for (std::size_t p = 0; p < specs.size(); ++p) {
      Pruner pruner(rule_of(specs[p], set.maximize, number), set.maximize);
      const std::string pruned = pruned_of(pruner, set);
      some += pruned.empty() ? 0 : 1;
      INFO(names[p] << ": " << pruned);
      CHECK((sum_of(pruned) & 0xffffU) == std::stoul(words[p + 2], nullptr, 16));
    }
    ++sets;
  }
  CHECK(sets == 1000);
  CHECK(some > 12 * sets);
}

}  // namespace
}  // namespace nn::search
