// What a terminal shows, at several sizes.
#include "sweep/live_table.hpp"

#include <algorithm>
#include <cmath>

#include "catch.hpp"

using namespace nn::sweep;

namespace {

std::string text_of(const LiveView& view, std::size_t width, std::size_t height = 20, bool colour = false) {
  std::string out;
  for (const std::string& line : table_lines(view, width, height, colour)) out += line + "\n";
  return out;
}

LiveView some() {
  LiveView view;
  view.slots = {{"cpu:0", 31, 62, 7, 0.9311, ""},
                {"cpu:1", 32, 3, {}, {}, ""},
                {"h2/cuda:0#1", 33, 3599, 120, 0.5, "ending"},
                {"h3/cuda:0", {}, 0, {}, {}, "away"},
                {"h3/cuda:1", {}, 0, {}, {}, ""}};
  view.wanted = 100;
  view.complete = 22;
  view.pruned = 8;
  view.failed = 1;
  view.objective = "val_accuracy";
  view.best = LiveView::Best{17, {{"val_accuracy", 0.97222222}}, {{"lr", "0.0123"}, {"layers", "64,32"}}};
  view.elapsed_s = 754;
  view.mean_s = 60;
  view.busy = 0.987;
  return view;
}

}  // namespace

TEST_CASE("a table at several widths") {
  CHECK(text_of(some(), 120) ==
        "[######..............]  30/100 finished  1 failed  ETA 16:59  8 pruned  12:34  slots busy 99%\n"
        "best: trial 17  val_accuracy=0.972222  lr=0.0123  layers=64,32\n"
        "cpu:0        trial 31   1:02  0.9311  step 7\n"
        "cpu:1        trial 32   0:03\n"
        "h2/cuda:0#1  trial 33  59:59     0.5  step 120, ending\n"
        "h3/cuda:0    away\n"
        "h3/cuda:1    free\n");
  CHECK(text_of(some(), 80) ==
        "[######..............]  30/100 finished  1 failed  ETA 16:59  8 pruned  12:34\n"
        "best: trial 17  val_accuracy=0.972222  lr=0.0123  layers=64,32\n"
        "cpu:0        trial 31   1:02  0.9311  step 7\n"
        "cpu:1        trial 32   0:03\n"
        "h2/cuda:0#1  trial 33  59:59     0.5  step 120, ending\n"
        "h3/cuda:0    away\n"
        "h3/cuda:1    free\n");
  CHECK(text_of(some(), 40) ==
        "30/100 finished  1 failed  ETA 16:59\n"
        "best: trial 17  val_accuracy=0.972222  …\n"
        "cpu:0        trial 31   1:02  0.9311\n"
        "cpu:1        trial 32   0:03\n"
        "h2/cuda:0#1  trial 33  59:59     0.5\n"
        "h3/cuda:0    away\n"
        "h3/cuda:1    free\n");
}

TEST_CASE("slots that don't fit are counted") {
  LiveView view = some();
  view.ending = "it was interrupted";
  CHECK(text_of(view, 80, 5) ==
        "[######..............]  30/100 finished  1 failed  8 pruned  12:34\n"
        "best: trial 17  val_accuracy=0.972222  lr=0.0123  layers=64,32\n"
        "no trial begins any more: it was interrupted\n"
        "cpu:0  trial 31  1:02  0.9311  step 7\n"
        "… 4 more slots, 2 of them busy\n");
  CHECK(table_lines(view, 80, 1, false).size() == 1);
  CHECK(table_lines(view, 80, 0, false).empty());
}

TEST_CASE("before anything is known") {
  LiveView view;
  view.slots = {{"cpu:0", 0, 0.2, {}, {}, ""}};
  CHECK(text_of(view, 80) ==
        "0 finished  0:00  slots busy 0%\n"
        "best: none yet\n"
        "cpu:0  trial 0  0:00\n");
}

TEST_CASE("no line is wider than the terminal, whatever it is") {
  LiveView view = some();
  view.slots[1].name = std::string(300, 'h') + "/cpu:0";
  view.slots[2].value = -1.23456789e-300;
  view.best->parameters.emplace_back("größe", "ä\x1b[31m" + std::string(200, 'x'));
  view.ending = "\x1b[2J" + std::string(300, 'w');
  for (std::size_t width = 1; width < 130; ++width) {
    for (std::size_t height = 0; height < 10; ++height) {
      const auto lines = table_lines(view, width, height, false);
      CHECK(lines.size() <= height);
      for (const std::string& line : lines) {
        INFO(width << ": " << line);
        CHECK(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }) <=
              static_cast<std::ptrdiff_t>(width));
        CHECK(line.find('\x1b') == std::string::npos);
      }
    }
  }
}

TEST_CASE("colours take no room") {
  const auto plain = table_lines(some(), 80, 20, false), coloured = table_lines(some(), 80, 20, true);
  REQUIRE(plain.size() == coloured.size());
  CHECK(coloured[0].find("\x1b[31m1 failed\x1b[0m") != std::string::npos);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    std::string without = coloured[i];
    for (std::size_t at; (at = without.find('\x1b')) != std::string::npos;)
      without.erase(at, without.find('m', at) - at + 1);
    CHECK(without == plain[i]);
  }
}

TEST_CASE("the time that is left is that of open slots, less what runs has had") {
  LiveView view = some();
  // 70 trials of a minute on four slots; three of them have had 60, 3 and 60 seconds.
  CHECK(*time_left(view) == (70 * 60 - 60 - 3 - 60) / 4.0);
  view.mean_s = std::nan("");
  CHECK_FALSE(time_left(view));
  view = some();
  view.complete = 95;
  CHECK(*time_left(view) == 0);
  view.wanted = SIZE_MAX;
  CHECK_FALSE(time_left(view));
}
