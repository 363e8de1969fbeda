// What a terminal shows of a training, at several sizes.
#include "train/live_view.hpp"

#include <cmath>

#include "base/terminal.hpp"
#include "catch.hpp"

using namespace nn::train;

namespace {

std::string text_of(const LiveView& view, std::size_t columns, std::size_t rows = 20, bool blocks = true) {
  std::string out;
  for (const std::string& line : live_lines(view, columns, rows, false, blocks)) {
    CHECK(nn::display_columns(line) <= columns);
    out += line + "\n";
  }
  return out;
}

LiveView one() {
  LiveView view;
  view.epochs = 60;
  view.least_epoch = view.most_epoch = 6;
  view.share = 0.0999;
  view.rows_per_s = 152340.6;
  view.elapsed_s = 11;
  view.left_s = 102;
  view.figures = {{"loss", 0.12344, {2, 1, 0.5, 0.25, 0.125}},
                  {"val_loss", 0.45678, {1.5, 1, 0.75, 0.5, 0.45678}},
                  {"val_accuracy", 0.95, {0.5, NAN, 0.75, 0.95, 0.95}}};
  view.best = LiveView::Best{"val_loss", 0.45678, 5, ""};
  return view;
}

}  // namespace

TEST_CASE("a training at several widths") {
  CHECK(text_of(one(), 100) ==
        "epoch 6/60  [#...................]  9%  ETA 1:42  152,340 rows/s  0:11\n"
        "loss          0.1234  █▇▄▂▁\n"
        "val_loss      0.4568  █▅▃▁▁  best 0.4568 in epoch 5\n"
        "val_accuracy    0.95  ▁ ▅██\n");
  CHECK(text_of(one(), 60) ==
        "epoch 6/60  9%  ETA 1:42  152,340 rows/s  0:11\n"
        "loss          0.1234  █▇▄▂▁\n"
        "val_loss      0.4568  █▅▃▁▁  best 0.4568 in epoch 5\n"
        "val_accuracy    0.95  ▁ ▅██\n");
  CHECK(text_of(one(), 48) ==
        "epoch 6/60  9%  ETA 1:42  152,340 rows/s  0:11\n"
        "loss          0.1234\n"
        "val_loss      0.4568  best 0.4568 in epoch 5\n"
        "val_accuracy    0.95\n");
  CHECK(text_of(one(), 20) ==
        "epoch 6/60  9%  0:11\n"
        "loss          0.1234\n"
        "val_loss      0.4568\n"
        "val_accuracy    0.95\n");
  CHECK(text_of(one(), 9) == "9%  0:11\nloss  0.…\nval_loss…\nval_accu…\n");
  CHECK(text_of(one(), 60, 2) ==
        "epoch 6/60  9%  ETA 1:42  152,340 rows/s  0:11\nloss          0.1234  █▇▄▂▁\n");
  CHECK(text_of(one(), 60, 20, false).find("█") == std::string::npos);
}

TEST_CASE("before the first epoch has ended") {
  LiveView view;
  view.epochs = 3;
  CHECK(text_of(view, 80) == "epoch 1/3  [....................]  0%  0 rows/s  0:00\n");
}

TEST_CASE("several members") {
  LiveView view = one();
  view.members = 8;
  view.done = 3;
  view.failed = 1;
  view.most_epoch = 9;
  view.best->member = "3 (lr=0.001, seed=2)";
  CHECK(text_of(view, 116) ==
        "epoch 6-9/60  3 of 8 members done  1 without a model  [#...................]  9%  ETA 1:42  152,340 "
        "rows/s  "
        "0:11\n"
        "loss          0.1234  █▇▄▂▁\n"
        "val_loss      0.4568  █▅▃▁▁\n"
        "val_accuracy    0.95  ▁ ▅██\n"
        "best val_loss 0.4568 of member 3 (lr=0.001, seed=2), epoch 5\n");
  CHECK(live_lines(view, 30, 20, false, true).back() == "best val_loss 0.4568 of membe…");
}

TEST_CASE("a line of a training") {
  CHECK(live_line(one()) ==
        "epoch 6/60  loss 0.1234  val_loss 0.4568  val_accuracy 0.95  9%  152,340 rows/s  ETA 1:42");
}

TEST_CASE("figures") {
  CHECK(short_figure(0.000012345) == "1.234e-05");
  CHECK(short_figure(999.96) == "1000");
  CHECK(short_figure(-53620.4) == "-53620");
  CHECK(short_figure(1.5e12) == "1.5e+12");
  CHECK(short_figure(NAN) == "nan");
}

TEST_CASE("curves") {
  CHECK(live_curve({1, 2, 3, 4, 5, 6, 7, 8}, 20) == "▁▂▃▄▅▆▇█");
  CHECK(live_curve({1, 1, 8, 8}, 2) == "▁█");
  CHECK(live_curve({100, 10, 1}, 3) == "█▅▁");  // by logarithms
  CHECK(live_curve({5, 5}, 3) == "▁▁");
  CHECK(live_curve({NAN, 1, INFINITY, 2}, 4) == " ▁ █");
  CHECK(live_curve({-1, 0, 1}, 3) == "▁▅█");
  CHECK(live_curve({}, 3).empty());
}

TEST_CASE("a long run keeps a short curve") {
  using Keep = LiveFigure::Keep;
  LiveFigure latest, lowest;
  for (std::uint64_t epoch = 1; epoch <= 10 * most_live_places; ++epoch) {
    latest.add(epoch, static_cast<double>(epoch), Keep::latest);
    lowest.add(epoch, static_cast<double>(epoch), Keep::lowest);
  }
  CHECK(latest.stride == 16);
  CHECK(latest.by_epoch.size() == 10 * most_live_places / 16);
  CHECK(latest.by_epoch.back() == 10.0 * most_live_places);
  CHECK(latest.by_epoch[1] == 32);
  CHECK(lowest.by_epoch[1] == 17);
  LiveFigure resumed;
  resumed.add(3, 7, Keep::latest);
  resumed.add(1'000'000, 5, Keep::latest);
  CHECK(resumed.by_epoch.size() <= most_live_places);
  CHECK(resumed.by_epoch.front() == 7);
  CHECK(resumed.by_epoch.back() == 5);
  CHECK(std::isnan(resumed.by_epoch[1]));
  LiveFigure members;
  members.add(2, 0.5, Keep::highest);
  members.add(2, 0.25, Keep::highest);
  CHECK(members.by_epoch[1] == 0.5);
}
