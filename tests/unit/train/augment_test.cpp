#include "train/augment.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::train;

namespace {

using Values = std::vector<float>;

Values augmented(const char* text, const Image& image, const Values& from, std::uint64_t index) {
  RandomStream random(1, RandomUse::augment, index);
  Values to(from.size(), -1);
  augment(parse_augmentation(text), image, random, from.data(), to.data());
  return to;
}

Values numbered(const Image& image) {
  Values values(static_cast<std::size_t>(image.size()));
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}

}  // namespace

TEST_CASE("an image is flipped or not, with its channels in order") {
  const Image image{2, 3, 2};
  const Values from = numbered(image), flipped = {5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8};
  int count = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const Values to = augmented("flip", image, from, i);
    CHECK((to == from || to == flipped));
    count += to == flipped;
  }
  CHECK(count > 70);
  CHECK(count < 130);
}

TEST_CASE("a shift moves all pixels alike, and zeros come in") {
  const Image image{4, 5, 1};
  const Values from = numbered(image);
  std::vector<int> seen(25);
  for (std::uint64_t i = 0; i < 300; ++i) {
    const Values to = augmented("shift 2", image, from, i);
    int matches = 0;
    for (std::int64_t down = -2; down <= 2; ++down) {
      for (std::int64_t right = -2; right <= 2; ++right) {
        Values expected(from.size());
        for (std::int64_t y = 0; y < 4; ++y) {
          for (std::int64_t x = 0; x < 5; ++x) {
            if (y - down < 0 || y - down >= 4 || x - right < 0 || x - right >= 5) continue;
            expected[static_cast<std::size_t>(y * 5 + x)] =
                from[static_cast<std::size_t>((y - down) * 5 + x - right)];
          }
        }
        if (to != expected) continue;
        ++matches;
        ++seen[static_cast<std::size_t>((down + 2) * 5 + right + 2)];
      }
    }
    CHECK(matches == 1);
  }
  CHECK(std::count(seen.begin(), seen.end(), 0) == 0);
}

TEST_CASE("a crop is a part of the image, enlarged") {
  const Image image{6, 6, 1};
  Values slope(36);
  for (std::size_t i = 0; i < 36; ++i) slope[i] = static_cast<float>(i % 6);
  for (std::uint64_t i = 0; i < 100; ++i) {
    const Values to = augmented("crop 3", image, slope, i);
    CHECK(*std::min_element(to.begin(), to.end()) >= 0);
    CHECK(*std::max_element(to.begin(), to.end()) <= 5);
    // A line stays a line, less steep.
    const float step = to[1] - to[0];
    CHECK(step >= 0.39f);
    CHECK(step <= 1.01f);
    for (std::size_t x = 1; x < 6; ++x) CHECK(to[x] - to[x - 1] == Approx(step).margin(1e-5));
  }
}

TEST_CASE("augmentations as text") {
  CHECK(to_string(parse_augmentation("flip,shift 2 , crop 3")) == "crop 3, shift 2, flip");
  for (const char* bad : {"", "shift", "shift 0", "flip 2", "rotate 3"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_augmentation(bad), Error);
  }
}
