// Journals: what any bytes make of studies and trials, whatever pieces they come in, and what becomes of them
// as columns.
#include <string>

#include "../unit/study/dump.hpp"
#include "fuzz.hpp"
#include "study/columns.hpp"
#include "study/header.hpp"
#include "study/replay.hpp"

using namespace nn;
using namespace nn::study;

namespace {

// All of it, as text, which is the same however the bytes come.
std::string use(Replay& replay) {
  std::string all;
  for (const StudyLog& log : replay.studies()) {
    all += log.name + "\n" + test::dump(log);
    log.best();
    DerivedSpace derived = derive_space(log);
    Columns columns(std::move(derived.space), std::move(derived.names), true);
    const auto changed = replay.take_changes(log);
    if (columns.update(log, changed).size() > log.trials.size())
      fuzz::broken_promise("more rows than trials", all);
    for (const Trial& trial : log.trials) {
      for (const Report& report : trial.reports) trial.metrics_of(report);
      for (const auto& [name, text] : trial.fixed_parameters()) all += name + text;
    }
    if (!log.nn.empty()) fuzz::accepts([&] { parse_header(log.nn); });
  }
  for (const Notice& notice : replay.notices()) all += notice.text + "\n";
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::as_text(fuzz::as_input(data, size));
  const fuzz::Budget budget(size, 4 << 20);
  std::string whole;
  const bool accepted = fuzz::accepts([&] {
    Replay replay("s.jsonl");
    replay.apply(text);
    whole = use(replay);
  });
  // Half at a time, as a reader sees it that comes while somebody writes.
  std::string pieces;
  const bool again = fuzz::accepts([&] {
    Replay replay("s.jsonl");
    const std::size_t taken = replay.apply(text.substr(0, size / 2));
    replay.apply(text.substr(taken));
    pieces = use(replay);
  });
  if (accepted != again || whole != pieces)
    fuzz::broken_promise("it depends on how it is cut", whole + pieces);
  return 0;
}
