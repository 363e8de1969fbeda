// Rules of pruners: decisions and their sentences. That they are Optuna's, optuna_pruners_test.cpp shows.
#include "search/pruner.hpp"

#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/random.hpp"
#include "catch.hpp"
#include "search/pruner_rules.hpp"
#include "search/ranked_values.hpp"

namespace nn::search {
namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

PrunerSpec settled(std::string_view text, std::int64_t whole_trial = 0) {
  PrunerSpec spec = PrunerSpec::parse(text);
  spec.settle(whole_trial);
  return spec;
}

std::string error_of(std::string_view text, std::int64_t whole_trial = 0) {
  try {
    settled(text, whole_trial);
  } catch (const Error& error) {
    return error.kind() == ErrorKind::usage ? error.what() : "not of usage";
  }
  return "";
}

TEST_CASE("ranked values are found by place and by value") {
  RankedValues values;
  std::multiset<double> plain;
  RandomStream random(1, RandomUse::propose);
  for (int i = 0; i < 3000; ++i) {
    const double value = i < 1000 ? static_cast<double>(i) : static_cast<double>(random.below(700));
    values.add(value);
    plain.insert(value);
  }
  const std::vector<double> sorted(plain.begin(), plain.end());
  REQUIRE(values.size() == sorted.size());
  for (std::size_t i = 0; i < sorted.size(); i += 7) {
    CHECK(values.at(i) == sorted[i]);
    const auto before = std::lower_bound(sorted.begin(), sorted.end(), sorted[i]) - sorted.begin();
    CHECK(values.rank(sorted[i]) == static_cast<std::size_t>(before));
  }
  CHECK(values.rank(-1) == 0);
  CHECK(values.rank(1e9) == sorted.size());
}

TEST_CASE("a pruner comes back from the text that is made of it") {
  struct Case {
    std::string text, back;
  };
  const Case cases[] = {
      {"none", "none"},
      {"median", "median"},
      {"percentile:50", "median"},
      {"percentile:25:warmup=5", "percentile:25:warmup=5"},
      {"percentile:warmup=5:better=25", "percentile:25:warmup=5"},
      {"median:average:interval=3:startup=0", "median:startup=0:interval=3:average"},
      {"threshold:0.1:0.9", "threshold:0.1:0.9"},
      {"threshold::0.9", "threshold::0.9"},
      {"threshold:upper=0.9", "threshold::0.9"},
      {"threshold:0.1", "threshold:0.1"},
      {"patient:5", "patient:5"},
      {"patient:5:0.01:median:warmup=2", "patient:5:0.01:median:warmup=2"},
      {"patient:5:asha:1:81", "patient:5:asha:1:81"},
      {"asha", "asha"},
      {"asha:1:81:3", "asha:1:81"},
      {"asha:max=81:eta=4", "asha::81:4"},
      {"asha:promote:1:81", "asha:1:81:promote"},
      {"asha:1:81:4:promote", "asha:1:81:4:promote"},
      {"asha:1:81:skip=1", "asha:1:81:skip=1"},
      {"hyperband:1:81:3", "hyperband:1:81"},
      {"wilcoxon", "wilcoxon"},
      {"wilcoxon:0.05:startup=4", "wilcoxon:0.05:startup=4"},
      {"pbt:5", "pbt:5"},
      {"pbt:5:quantile=0.2:resample=0", "pbt:5:quantile=0.2:resample=0"},
      {"pbt:5:50:members=8", "pbt:5:50:members=8"},
      {"hyperband:promote:1:81", "hyperband:1:81:promote"},
      {"hyperband::81:4:promote", "hyperband::81:4:promote"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const PrunerSpec spec = PrunerSpec::parse(c.text);
    CHECK(to_string(spec) == c.back);
    CHECK(PrunerSpec::parse(to_string(spec)) == spec);
  }
  CHECK(settled("asha", 81).least == 3);
  CHECK(settled("asha:1", 81).most == 81);
  CHECK(settled("hyperband", 81).least == 1);
  CHECK(settled("asha:promote", 5).least == 1);
  CHECK(settled("hyperband:promote", 81).least == 1);
}

TEST_CASE("what is wrong with a pruner is said") {
  struct Case {
    std::string text, message;
  };
  const Case cases[] = {
      {"medain", "'medain' is not a pruner; did you mean median?"},
      {"",
       "'' is not a pruner; there are none, median, percentile, threshold, patient, asha, hyperband, "
       "wilcoxon, "
       "pbt"},
      {"median:5",
       "median: '5': median[:startup=STARTUP][:warmup=WARMUP][:interval=INTERVAL][:at-least=AT-LEAST]"
       "[:average] is expected"},
      {"median:warmpu=5", "median: 'warmpu' is not a setting of median; did you mean warmup?"},
      {"median:warmup=-1", "median: warmup: '-1': must be from 0 to 1000000000000"},
      {"percentile",
       "percentile: 'percentile': percentile:BETTER[:startup=STARTUP][:warmup=WARMUP]"
       "[:interval=INTERVAL][:at-least=AT-LEAST][:average] is expected"},
      {"percentile:101", "percentile: better: '101': must be from 0 to 100"},
      {"percentile:x", "percentile: better: 'x' is not a number"},
      {"threshold:2:1", "threshold: the lower limit, 2, is over the upper one, 1"},
      {"asha:100:81", "asha: the first rung, 100, is behind the last step, 81"},
      {"asha:1:81:1", "asha: eta: '1': must be from 2 to 1000"},
      {"asha",
       "asha: nothing says how many steps a whole trial has; asha:1:81 is a first rung at 1 and a last step "
       "of 81"},
      {"hyperband:1",
       "hyperband: nothing says how many steps a whole trial has; hyperband:1:81 is a first rung at 1 "
       "and a last step of 81"},
      {"patient", "patient: 'patient': patient:REPORTS[:DELTA][:PRUNER] is expected"},
      {"patient:3:pbt:5", "patient: pbt prunes no trials by itself, so that it can't be asked"},
      {"patient:3:asha:1:9:promote",
       "patient: asha:promote prunes no trials by itself, so that it can't be asked"},
      {"pbt:5:4", "pbt: the interval, 5, is over the last step, 4"},
      {"pbt:5:members=1", "pbt: members: '1': must be from 2 to 10000"},
      {"hyperband:1:promote",
       "hyperband: nothing says how many steps a whole trial has; hyperband:1:81 is a first rung at 1 "
       "and a last step of 81"},
      {"patient:3:medain", "patient: delta: 'medain' is not a number"},
  };
  for (const Case& c : cases) CHECK(error_of(c.text) == c.message);
  CHECK(error_of("asha:100", 81) == "asha: the first rung, 100, is behind the last step, 81");
}

// "TRIAL STEP VALUE", or "TRIAL end VALUE", in turn; the sentences of what was reported.
std::vector<std::string> sentences(Pruner& pruner, const std::vector<std::string>& events) {
  std::vector<std::string> texts;
  for (const std::string& event : events) {
    std::istringstream words(event);
    std::uint32_t trial = 0;
    std::string step, value;
    words >> trial >> step >> value;
    if (step == "end") {
      pruner.end(trial, TrialEnd::complete, std::stod(value));
      continue;
    }
    const Decision decision = pruner.report(trial, std::stoll(step), std::stod(value));
    CHECK(decision.trial == trial);
    texts.push_back((decision.prune ? "prune: " : "keep: ") + to_string(decision));
  }
  return texts;
}

TEST_CASE("decisions say what they were made from") {
  struct Case {
    std::string pruner;
    bool maximize;
    std::vector<std::string> events, expected;
  };
  const Case cases[] = {
      {"median:startup=2",
       false,
       {"0 1 0.5", "0 end 0.5", "1 1 0.7", "1 end 0.7", "2 1 0.6", "3 1 0.61", "4 2 0.1"},
       {"keep: 0 trials of the 2 that are needed ended", "keep: 1 trial of the 2 that are needed ended",
        "keep: its best up to step 1, 0.6, is no worse than the median of 2 trials there, 0.6",
        "prune: its best up to step 1, 0.61, is worse than the median of 2 trials there, 0.6",
        "keep: 0 reports at step 2; 1 are needed"}},
      {"percentile:25:startup=1:warmup=2:interval=2",
       true,
       {"0 2 -0.5", "0 end -0.5", "1 1 -0.4", "1 2 -0.4", "1 3 -0.1", "2 2 nan"},
       {"keep: 0 trials of the 1 that are needed ended",
        "keep: step 1 is before step 2, from which trials are pruned",
        "prune: its best up to step 2, 0.4, is worse than the percentile 25 of 1 trial there, 0.5",
        "prune: its best up to step 2, 0.4, is worse than the percentile 25 of 1 trial there, 0.5",
        "prune: what it reported at step 2 is not a number"}},
      {"median:average:startup=2",
       false,
       {"0 1 0.2", "1 1 0.4", "2 1 0.3", "0 2 0.4", "2 2 0.2"},
       {"keep: 1 report at step 1; 2 are needed",
        "prune: its average up to step 1, 0.4, is the 2nd of 2; the best 50 % go on",
        "prune: its average up to step 1, 0.3, is the 2nd of 3; the best 50 % go on",
        "keep: 1 report at step 2; 2 are needed",
        "prune: its average up to step 1, 0.3, is the 2nd of 3; the best 50 % go on"}},
      {"threshold:0.1:0.9:interval=2",
       true,
       {"0 0 -0.5", "0 1 -7", "0 2 -0.95", "1 0 -0.05"},
       {"keep: 0.5 at step 0 is within the limits", "keep: step 1 is no step to decide at; the next is 2",
        "prune: 0.95 at step 2 is over the limit, 0.9", "prune: 0.05 at step 0 is under the limit, 0.1"}},
      {"patient:1:0.1",
       false,
       {"0 1 0.5", "0 2 0.55", "0 3 0.58", "0 4 0.61", "0 5 0.62"},
       {"keep: 1 report at step 1; 3 are needed", "keep: 2 reports at step 2; 3 are needed",
        "keep: the best of its last 2 reports up to step 3, 0.55, is no worse than 0.5, the best before",
        "keep: the best of its last 2 reports up to step 4, 0.58, is no worse than 0.5, the best before",
        "prune: the best of its last 2 reports up to step 5, 0.61, is worse than 0.5, the best before"}},
      {"patient:0:threshold::0.7",
       false,
       {"0 1 0.5", "0 2 0.6", "0 3 0.9"},
       {"keep: 1 report at step 1; 2 are needed",
        "keep: it was no better for a while; 0.6 at step 2 is within the limits",
        "prune: it was no better for a while; 0.9 at step 3 is over the limit, 0.7"}},
      {"asha:1:9",
       true,
       {"0 0 -0.1", "0 1 -0.2", "1 1 -0.3", "2 1 -0.3", "3 1 -0.1", "1 3 -0.5", "2 4 -0.6", "2 9 -0.7"},
       {"keep: step 0 is no step to decide at; the next is 1",
        "keep: 0.2 is the 1st of 1 at step 1; the best goes on",
        "keep: 0.3 is the 1st of 2 at step 1; the best goes on",
        "keep: 0.3 is the 1st of 3 at step 1; the best goes on",
        "prune: 0.1 is the 4th of 4 at step 1; the best goes on",
        "keep: 0.5 is the 1st of 1 at step 3; the best goes on",
        "keep: 0.6 is the 1st of 2 at step 3; the best goes on", "keep: at step 9 it has passed all rungs"}},
      {"hyperband:1:9",
       false,
       {"0 8 0.2", "9 8 0.1", "1 1 0.5", "2 8 0.3"},
       {"keep: 0.2 is the 1st of 1 at step 3 of bracket 0; the best goes on",
        "keep: 0.1 is the 1st of 1 at step 3 of bracket 1; the best goes on",
        "keep: step 1 is no step to decide at; the next is 3",
        "prune: 0.3 is the 2nd of 2 at step 1 of bracket 0; the best goes on"}},
      {"wilcoxon",
       false,
       {"0 0 0.1", "0 1 0.2", "0 2 0.3", "0 3 0.2", "0 end 0.2", "1 0 0.2", "1 1 0.25", "1 2 0.4", "1 3 0.7"},
       {"keep: no trial that it could be compared with has ended",
        "keep: no trial that it could be compared with has ended",
        "keep: no trial that it could be compared with has ended",
        "keep: no trial that it could be compared with has ended", "keep: 1 report at step 0; 2 are needed",
        "keep: by a signed-rank test over 2 steps it is not clearly worse than the best trial (p = 0.25, "
        "against 0.1)",
        "keep: by a signed-rank test over 3 steps it is not clearly worse than the best trial (p = 0.125, "
        "against 0.1)",
        "prune: by a signed-rank test over 4 steps it is worse than the best trial (p = 0.0625, against "
        "0.1)"}},
      {"none", false, {"0 1 nan"}, {"keep: nothing prunes trials here"}},
      {"asha:1:9:promote", false, {"0 1 nan"}, {"keep: nothing prunes trials here"}},
  };
  for (const Case& c : cases) {
    INFO(c.pruner);
    Pruner pruner(settled(c.pruner), c.maximize);
    CHECK(sentences(pruner, c.events) == c.expected);
  }
}

TEST_CASE("a decision stays, whatever is reported later") {
  Pruner pruner(settled("asha:1:9"));
  CHECK_FALSE(pruner.report(0, 1, 0.1).prune);
  const Decision decided = pruner.report(1, 1, 0.2);
  CHECK(decided.prune);
  CHECK(to_string(pruner.report(1, 2, 0)) == to_string(decided));  // a late report
  CHECK(pruner.report(1, 1, 0).prune);                             // a second one of a step
  CHECK(pruner.last(1).prune);
  CHECK_FALSE(pruner.report(0, 1, 7).prune);
  pruner.end(1, TrialEnd::pruned);
  CHECK(pruner.report(1, 3, 0).why == Decision::Why::late);
  CHECK(pruner.last(1).why == Decision::Why::late);
  CHECK(pruner.last(7).why == Decision::Why::no_report);
  CHECK(pruner.report(2, 1, 0.15).count == 3);  // those that were pruned still count
}

TEST_CASE("what a journal tells is not decided about again, and counts") {
  Pruner pruner(settled("asha:1:9"));
  pruner.add(0, 1, 0.1);
  pruner.add(1, 1, 0.2);  // whoever ran it let it go on
  pruner.add(1, 2, 0.1);
  CHECK_FALSE(pruner.last(1).prune);
  CHECK_FALSE(pruner.report(1, 3, 0.05).prune);
  CHECK(pruner.report(2, 1, 0.15).place == 2);
}

TEST_CASE("brackets are given in proportion to their budgets") {
  Brackets brackets(1, 81, 3);
  CHECK(brackets.budgets() == std::vector<double>{81, 34, 15, 8, 5});
  std::vector<double> given(brackets.size());
  for (std::uint32_t trial = 0; trial < 143; ++trial) given[brackets.of(trial)] += 1;
  CHECK(given == brackets.budgets());
  CHECK(brackets.of(143 + 7) == brackets.of(7));
  CHECK(count_rungs(1, 243, 3) == 6);
  CHECK(count_rungs(1, std::numeric_limits<std::int64_t>::max(), 2) == 63);
  CHECK(count_rungs(5, 4, 2) == 0);
}

TEST_CASE("signed ranks have SciPy's probabilities") {
  // scipy.stats.wilcoxon(d, alternative="greater", zero_method="zsplit").pvalue, 1.17
  std::vector<double> many, tied;
  for (int i = 0; i < 60; ++i) many.push_back((i % 3 == 0 ? -1 : 1) * (i + 0.5));
  for (int i = 0; i < 20; ++i) tied.push_back(i % 4 - 1);
  struct Case {
    std::vector<double> differences;
    double probability;
  };
  const Case cases[] = {{{1, 2, 3}, 0.125}, {{-1, 2, 3, -4, 5}, 0.3125},  {{1, 1, 0, -1, 2}, 0.25},
                        {{0, 0}, 1},        {many, 0.008366535803851717}, {tied, 0.043559218723573906}};
  for (const Case& c : cases)
    CHECK(signed_rank_probability(c.differences) == Approx(c.probability).epsilon(1e-12));
}

}  // namespace
}  // namespace nn::search
