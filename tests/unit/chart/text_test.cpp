#include "chart/text.hpp"

#include "base/text.hpp"
#include "catch.hpp"
#include "sample.hpp"

namespace nn::chart {
namespace {

TEST_CASE("a sparkline has eight heights") {
  CHECK(sparkline({0, 0.2, 0.5, 1, none, 2, -1}, {}) == "▁▂▅█ █▁");
  CHECK(sparkline({1, 10, 100}, {.is = Scale::Is::log, .low = 1, .high = 100}) == "▁▅█");
}

TEST_CASE("a small sweep as text") {
  Results results = sample(12);
  results.counts = {{"complete", 9}, {"pruned", 2}, {"failed", 1}};
  CHECK(text(results, 60) == R"(sample: 12 trials, 9 complete, 2 pruned, 1 failed
best loss 0.5 in trial 0 (lower is better)

history
loss of each trial
  value     ▁▇▅▃ ▁ █▆ ▃▂  0.5 … 1.381
  best      ▁▁▁▁▁▁▁▁▁▁▁▁

importance
  x      ██████████████████████████████████████████ 75.0 %
  k      ██████████████ 25.0 %

curves of the best, steps 1 … 2
  trial 0      ▄▁  0.5
  trial 5      ▆▁  0.55848
  trial 11     ▇▁  0.61023
  trial 10     █▂  0.73391
  trial 3      █▃  0.79713

slices: the best loss by a parameter's value
  x      ▁ ▁ ▃ ▅▆█  0 … 1
  k      ▁▃  a b

timeline: 1 min, slots busy 75.0 %
  cpu:2  ███▂▁▁▆██▄▁▁▃██▇▁▁▁███▂▁▁▆██▅▁▁▃██▇▁▁▁  50.0 % busy
  cpu:10 ██████████████████████████████████████ 100.0 % busy

best 9
  trial     loss       x  k  seconds
      0      0.5       0  a       10
      5  0.55848  0.2418  -        5
     11  0.61023   0.332  -        5
     10  0.73391  0.4836  b       10
      3  0.79713  0.5451  -        5
      2  0.98543  0.6967  b       10
      8   1.1192  0.7869  a       10
      1   1.2197  0.8484  -        5
      7   1.3809  0.9386  -        5
)");
}

TEST_CASE("no line is wider than the terminal, whatever names there are") {
  Results results = sample(200, 2);
  results.name = std::string(500, 'n');
  results.goals[0].name = std::string(300, 'g') + "\x1b[2J";
  results.dimensions[0].name = "日本語\n" + std::string(300, 'd');
  results.dimensions[1].labels = {std::string(300, 'a'), "b\t"};
  results.slots[0] = std::string(300, 's');
  for (const std::size_t width : {40, 80, 200}) {
    for (const std::string& line : split_lines(text(results, width))) {
      std::size_t columns = 0;
      for (const char c : line) columns += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
      INFO(line);
      CHECK(columns <= width);
      CHECK(line.find('\x1b') == std::string::npos);
    }
  }
}

TEST_CASE("what was asked for and isn't there is named") {
  CHECK(text(sample(0), 80, {Section::history, Section::pareto}) ==
        "history: nothing to show\n\npareto: nothing to show\n");
}

}  // namespace
}  // namespace nn::chart
