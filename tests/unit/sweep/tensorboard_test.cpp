// Event files that follow a study: appended to while it goes on, and what an export of it would be at the
// end.
#include "sweep/tensorboard.hpp"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "base/file.hpp"
#include "catch.hpp"
#include "coordinator_bed.hpp"
#include "format/event_file.hpp"
#include "sweep/events.hpp"

using namespace nn;
using namespace nn::sweep;
using namespace nn::format;
using namespace std::chrono_literals;

namespace {

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

struct Board : Bed {
  std::string events = folder / "tb/trial-00000/events.out.tfevents.nn-sweep";
  std::optional<TensorBoard> board;

  Board() {
    start();
    board.emplace(*study, folder / "tb");
    board->began(trial(0));
  }
  // What the coordinator tells when the journal has it.
  void said(std::int64_t step, double loss) {
    report(0, step, loss);
    pass(1s);
    board->reported(trial(0), {step, loss, trial(0).reports.back().elapsed_s, 0, 0}, "{}");
  }
  void over() {
    end(0);
    board->ended(trial(0), true);
  }
  std::string wanted() { return trial_events(*study, trial(0), "trial-00000"); }
};

}  // namespace

TEST_CASE("what is appended is what an export writes") {
  Board bed;
  for (int step = 1; step < 4; ++step) {
    bed.said(step, 0.5 / step);
    CHECK(text_of(bed.events) == bed.wanted());
  }
  bed.over();
  const std::string all = text_of(bed.events);
  CHECK(all == bed.wanted());
  const EventRecords records = event_records(all);
  CHECK(records.whole == all.size());
  CHECK(is_end_event(records.last));
  struct stat before {
  }, after{};
  ::stat(bed.events.c_str(), &before);
  export_tensorboard(*bed.study, bed.folder / "tb");
  ::stat(bed.events.c_str(), &after);
  CHECK(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);  // what is whole is left alone
}

TEST_CASE("a file that isn't as it was left is made of the journal again") {
  Board bed;
  bed.said(1, 0.5);
  SECTION("torn") { ::truncate(bed.events.c_str(), 70); }
  SECTION("gone") { ::unlink(bed.events.c_str()); }
  SECTION("somebody else's") { write_file(bed.events, "x"); }
  bed.said(2, 0.25);
  CHECK(text_of(bed.events) == bed.wanted());
  bed.over();
  CHECK(text_of(bed.events) == bed.wanted());
  // Torn when all is over, which the next run mends.
  ::truncate(bed.events.c_str(), static_cast<off_t>(text_of(bed.events).size()) - 1);
  bed.board->catch_up();
  CHECK(text_of(bed.events) == bed.wanted());
}

TEST_CASE("steps that begin again take back what was there") {
  Board bed;
  bed.said(1, 0.5);
  bed.said(2, 0.25);
  const std::size_t before = text_of(bed.events).size();
  bed.report(0, 1, 0.75);
  bed.pass(60ms);
  bed.board->reported(bed.trial(0), {1, 0.75, 0, 0, 0}, "{}");
  const std::string added = text_of(bed.events).substr(before);
  CHECK(added.starts_with(restart_event(bed.trial(0), 1)));
}
