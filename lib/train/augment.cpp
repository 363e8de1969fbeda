#include "train/augment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn::train {
namespace {

constexpr std::int64_t most_pixels = 1024;

// The source of a pixel on one axis: two neighbours and the share of the second.
struct Sample {
  std::int64_t first, second;
  float share;
};

// Pixel `to` of `size`, out of `part` pixels from `start` on, enlarged; corners stay corners.
Sample sample(std::int64_t to, std::int64_t size, std::int64_t start, std::int64_t part) {
  const double scale = size > 1 ? static_cast<double>(part - 1) / static_cast<double>(size - 1) : 0;
  const double at = static_cast<double>(start) + static_cast<double>(to) * scale;
  const auto first = static_cast<std::int64_t>(at);
  return {first, std::min(first + 1, start + part - 1), static_cast<float>(at - static_cast<double>(first))};
}

std::int64_t draw(RandomStream& random, std::int64_t count) {
  return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(count)));
}

// The change that one image goes through.
struct Change {
  std::int64_t top = 0, left = 0;      // of the crop
  std::int64_t height = 0, width = 0;  // of the crop
  std::int64_t down = 0, right = 0;    // shift
  bool flip = false;
};

Change draw_change(const Augmentation& a, const Image& image, RandomStream& random) {
  Change c;
  c.height = image.height;
  c.width = image.width;
  if (a.crop > 0) {
    c.height -= draw(random, std::min(a.crop, image.height - 1) + 1);
    c.width -= draw(random, std::min(a.crop, image.width - 1) + 1);
    c.top = draw(random, image.height - c.height + 1);
    c.left = draw(random, image.width - c.width + 1);
  }
  if (a.shift > 0) {
    c.down = draw(random, 2 * a.shift + 1) - a.shift;
    c.right = draw(random, 2 * a.shift + 1) - a.shift;
  }
  c.flip = a.flip && draw(random, 2) == 1;
  return c;
}

}  // namespace

Augmentation parse_augmentation(std::string_view text) {
  Augmentation a;
  for (const std::string& part : split(text, ',')) {
    const std::string word(trim(part));
    const auto space = std::min(word.find(' '), word.size());
    const std::string_view name = std::string_view(word).substr(0, space);
    const std::string_view value = trim(std::string_view(word).substr(space));
    if (name == "shift") {
      a.shift = parse_count(name, value, 1, most_pixels);
    } else if (name == "crop") {
      a.crop = parse_count(name, value, 1, most_pixels);
    } else if (word == "flip") {
      a.flip = true;
    } else {
      fail_usage("'{}' is not an augmentation; there are shift N, crop N and flip", printable(word));
    }
  }
  return a;
}

std::string to_string(const Augmentation& a) {
  std::string text;
  const auto add = [&](const std::string& word) { text += (text.empty() ? "" : ", ") + word; };
  if (a.crop > 0) add(fmt::format("crop {}", a.crop));
  if (a.shift > 0) add(fmt::format("shift {}", a.shift));
  if (a.flip) add("flip");
  return text;
}

void augment(const Augmentation& augmentation, const Image& image, RandomStream& random, const float* from,
             float* to) {
  const Change c = draw_change(augmentation, image, random);
  const std::int64_t channels = image.channels;
  const auto pixel = [&](std::int64_t y, std::int64_t x) { return from + (y * image.width + x) * channels; };
  for (std::int64_t line = 0; line < image.height; ++line) {
    for (std::int64_t column = 0; column < image.width; ++column, to += channels) {
      const std::int64_t y = line - c.down;
      const std::int64_t x = (c.flip ? image.width - 1 - column : column) - c.right;
      if (y < 0 || y >= image.height || x < 0 || x >= image.width) {
        std::fill_n(to, channels, 0.0f);
        continue;
      }
      const Sample v = sample(y, image.height, c.top, c.height);
      const Sample h = sample(x, image.width, c.left, c.width);
      for (std::int64_t k = 0; k < channels; ++k) {
        const float above = std::lerp(pixel(v.first, h.first)[k], pixel(v.first, h.second)[k], h.share);
        const float below = std::lerp(pixel(v.second, h.first)[k], pixel(v.second, h.second)[k], h.share);
        to[k] = std::lerp(above, below, v.share);
      }
    }
  }
}

}  // namespace nn::train
