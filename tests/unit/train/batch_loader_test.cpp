#include "train/batch_loader.hpp"

#include <set>

#include "catch.hpp"

using namespace nn;
using namespace nn::train;

namespace {

// Row r holds r everywhere.
Dataset numbered(std::int64_t rows, std::int64_t inputs) {
  Dataset data;
  data.rows = rows;
  data.inputs = inputs;
  data.x = Buffer(static_cast<std::size_t>(rows * inputs) * sizeof(float));
  for (std::int64_t i = 0; i < rows * inputs; ++i) data.x.as<float>()[i] = static_cast<float>(i / inputs);
  for (std::int64_t r = 0; r < rows; ++r) data.labels.push_back(static_cast<std::int32_t>(r));
  return data;
}

// Rows of each step of an epoch from step `first` on.
std::vector<std::vector<std::int32_t>> rows_of(BatchLoader& steps, std::uint64_t epoch, std::uint64_t first,
                                               std::int64_t inputs) {
  std::vector<std::vector<std::int32_t>> all;
  steps.begin(epoch, first);
  for (auto parts = steps.next(); !parts.empty(); parts = steps.next()) {
    std::vector<std::int32_t> rows;
    for (const backend::Examples& part : parts) {
      for (std::int64_t r = 0; r < part.rows; ++r) {
        const std::int64_t at = part.chosen != nullptr ? part.chosen[r] : r;
        rows.push_back(part.labels[at]);
        if (part.x.floats[at * inputs] != static_cast<float>(part.labels[at])) rows.push_back(-1);
      }
    }
    all.push_back(rows);
  }
  return all;
}

}  // namespace

TEST_CASE("an epoch has every row once, in an order of its own") {
  // The wide ones are gathered by a thread of their own.
  for (const std::int64_t inputs : {3, 20000}) {
    const Dataset data = numbered(103, inputs);
    LoaderOptions options;
    options.batch = 5;
    options.parts = 2;
    options.seed = 4;
    BatchLoader steps(data, options);
    const auto first = rows_of(steps, 0, 0, inputs), second = rows_of(steps, 1, 0, inputs);
    CHECK(first.size() == options.steps_per_epoch(103));
    CHECK(first.back().size() == 3);
    std::set<std::int32_t> seen;
    for (const auto& step : first) seen.insert(step.begin(), step.end());
    CHECK(seen.size() == 103);
    CHECK(*seen.begin() == 0);
    CHECK(first != second);
    CHECK(rows_of(steps, 0, 0, inputs) == first);
    // A program that keeps the rows is told the same ones.
    LoaderOptions numbers = options;
    numbers.kept = true;
    BatchLoader chosen(data, numbers);
    CHECK(rows_of(chosen, 0, 0, inputs) == first);
    CHECK(rows_of(chosen, 1, 0, inputs) == second);
    // From the middle, as a resumed run goes on.
    const auto rest = rows_of(steps, 0, 7, inputs);
    CHECK(rest == std::vector(first.begin() + 7, first.end()));
    steps.begin(0, 0);  // and left in the middle
    steps.next();
  }
}

TEST_CASE("augmentation gives the same images whichever step they are in") {
  const Dataset data = numbered(40, 16);
  const auto image_sums = [&](std::int64_t batch) {
    LoaderOptions options;
    options.batch = batch;
    options.augmentation = parse_augmentation("shift 1");
    options.image = {4, 4, 1};
    BatchLoader steps(data, options);
    steps.begin(2, 0);
    std::vector<float> sums(40);
    for (auto parts = steps.next(); !parts.empty(); parts = steps.next()) {
      for (std::int64_t r = 0; r < parts[0].rows; ++r) {
        for (int i = 0; i < 16; ++i)
          sums[static_cast<std::size_t>(parts[0].labels[r])] += parts[0].x.floats[r * 16 + i];
      }
    }
    return sums;
  };
  CHECK(image_sums(1) == image_sums(7));
}
