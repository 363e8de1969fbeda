// What a terminal shows of a training while it goes on, as lines of text. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nn::train {

// A figure by epoch: "loss", "val_loss", "val_accuracy".
struct LiveFigure {
  std::string name;
  double now =
      std::numeric_limits<double>::quiet_NaN();  // the newest value; of several members the best one's
  std::vector<double> by_epoch = {};             // of as many epochs each as `stride` says; NaN: none
  std::uint64_t stride = 1;

  // Which of several values of a place counts: of members the best one.
  enum class Keep : std::uint8_t { latest, lowest, highest };
  // A value of an epoch, from 1. A long run doesn't make it long: places are put together, two and two.
  void add(std::uint64_t epoch, double value, Keep keep);
};
inline constexpr std::size_t most_live_places = 1024;

struct LiveView {
  std::uint64_t epochs = 1;         // of each member, at most
  std::size_t fold = 0, folds = 0;  // which one it is, from 1, of a cross-validation; 0: of none
  std::uint64_t least_epoch = 1, most_epoch = 1;  // that members are in, from 1
  std::size_t members = 1, done = 0, failed = 0;  // failed: without a model; they are done as well
  double share = 0;                               // of all steps, 0 to 1
  double rows_per_s = 0, elapsed_s = 0;
  std::optional<double> left_s;     // at most: early stopping may end it before
  std::vector<LiveFigure> figures;  // loss, then val_loss and the metric that fits, where rows are validated
  struct Best {
    std::string name;  // what it is the lowest of: "val_loss"
    double value = 0;
    std::uint64_t epoch = 0;  // from 1
    std::string member;       // "3 (lr=0.001, seed=2)"; empty: there is one only
  };
  std::optional<Best> best;
};

// At most `rows` lines of at most `columns`, without ends. `colour`: with the terminal's own colours (SGR);
// `blocks`: with curves of Unicode's blocks.
std::vector<std::string> live_lines(const LiveView& view, std::size_t columns, std::size_t rows, bool colour,
                                    bool blocks);

// Blocks of eight heights, at most `columns` of them, each the mean of as many epochs, from the lowest value
// to the highest; by logarithms where these are over more than a power of ten. NaN is a space.
std::string live_curve(const std::vector<double>& by_epoch, std::size_t columns);

// The same in a line: "epoch 13/60  loss 0.1234  val_loss 0.1456  21%  152,340 rows/s  ETA 0:42".
std::string live_line(const LiveView& view);

// A figure as people read it: four digits, of large ones those before the point.
std::string short_figure(double value);

}  // namespace nn::train
