// Decisions as sentences.
#include <fmt/format.h>

#include <string>

#include "search/pruner.hpp"

namespace nn::search {
namespace {

std::string ordinal(std::size_t place) {
  const std::size_t ten = place / 10 % 10, one = place % 10;
  const char* end = ten == 1 ? "th" : one == 1 ? "st" : one == 2 ? "nd" : one == 3 ? "rd" : "th";
  return fmt::format("{}{}", place, end);
}

std::string count_of(std::size_t count, std::string_view thing) {
  return count == 1 ? fmt::format("1 {}", thing) : fmt::format("{} {}s", count, thing);
}

std::string percentile_name(double percentile) {
  return percentile == 50 ? "median" : fmt::format("percentile {}", percentile);
}

std::string rung_sentence(const Decision& d) {
  const std::string where = d.bracket < 0 ? "" : fmt::format(" of bracket {}", d.bracket);
  const std::string kept = d.kept == 1 ? "the best goes on" : fmt::format("the best {} go on", d.kept);
  return fmt::format("{} is the {} of {} at step {}{}; {}", d.value, ordinal(d.place), d.count, d.step, where,
                     kept);
}

std::string sentence(const Decision& d) {
  using Why = Decision::Why;
  switch (d.why) {
    case Why::no_report: return "it has reported nothing to decide from";
    case Why::late: return "it has ended, and what it reports changes nothing";
    case Why::no_rule: return "nothing prunes trials here";
    case Why::startup:
      return fmt::format("{} of the {} that are needed ended", count_of(d.count, "trial"), d.least);
    case Why::few:
      return fmt::format("{} at step {}; {} are needed", count_of(d.count, "report"), d.step, d.least);
    case Why::warmup:
      return fmt::format("step {} is before step {}, from which trials are pruned", d.step, d.limit);
    case Why::between: return fmt::format("step {} is no step to decide at; the next is {}", d.step, d.limit);
    case Why::not_a_number: return fmt::format("what it reported at step {} is not a number", d.step);
    case Why::in_limits: return fmt::format("{} at step {} is within the limits", d.value, d.step);
    case Why::out_of_limits:
      return fmt::format("{} at step {} is {} the limit, {}", d.value, d.step,
                         d.value < d.limit ? "under" : "over", d.limit);
    case Why::percentile:
      return fmt::format("its best up to step {}, {}, is {} than the {} of {} there, {}", d.step, d.value,
                         d.prune ? "worse" : "no worse", percentile_name(d.percentile),
                         count_of(d.count, "trial"), d.limit);
    case Why::average:
      return fmt::format("its average up to step {}, {}, is the {} of {}; the best {} % go on", d.step,
                         d.value, ordinal(d.place), d.count, d.percentile);
    case Why::patience:
      return fmt::format("the best of its last {} up to step {}, {}, is {} than {}, the best before",
                         count_of(d.count, "report"), d.step, d.value, d.prune ? "worse" : "no worse",
                         d.limit);
    case Why::rung: return rung_sentence(d);
    case Why::last_rung: return fmt::format("at step {} it has passed all rungs", d.step);
    case Why::no_best: return "no trial that it could be compared with has ended";
    case Why::wilcoxon:
      return fmt::format(
          "by a signed-rank test over {} it is {} than the best trial (p = {:.4g}, against {})",
          count_of(d.count, "step"), d.prune ? "worse" : "not clearly worse", d.value, d.limit);
    case Why::mean:
      return fmt::format("its mean, {}, is no worse than that of the best trial, {}", d.value, d.limit);
  }
  return "";
}

}  // namespace

std::string to_string(const Decision& decision) {
  return (decision.patient ? "it was no better for a while; " : "") + sentence(decision);
}

}  // namespace nn::search
