// Windows over images: patches for convolutions as matrix products, and pools.
#pragma once

#include "backend/cpu/kernels/vector.hpp"

namespace nn::backend::cpu {
namespace {

inline void copy_values(const T* from, std::int64_t n, T* to) {
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(to + i, load(from + i));
  for (; i < n; ++i) to[i] = from[i];
}

inline void zero_values(std::int64_t n, T* to) {
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(to + i, V{});
  for (; i < n; ++i) to[i] = 0;
}

inline void add_values(const T* from, std::int64_t n, T* to) {
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(to + i, load(to + i) + load(from + i));
  for (; i < n; ++i) to[i] += from[i];
}

// The output pixel that is being worked at, and where its window lies in the input.
struct Cursor {
  const Patches& p;
  std::int64_t row, line, pixel;  // of the output

  explicit Cursor(const Patches& patches)
      : p(patches),
        row(p.first / (p.out.height * p.out.width)),
        line(p.first % (p.out.height * p.out.width) / p.out.width),
        pixel(p.first % p.out.width) {}

  void next() {
    if (++pixel < p.out.width) return;
    pixel = 0;
    if (++line < p.out.height) return;
    line = 0;
    ++row;
  }
  std::int64_t top() const { return line * p.strides.height - p.top; }
  std::int64_t left() const { return pixel * p.strides.width - p.left; }
  std::int64_t output() const { return line * p.out.width + pixel; }
};

// Of `width` pixels at 0, dilation, 2 dilation and so on: how many are below `end`.
inline std::int64_t count_below(std::int64_t end, std::int64_t width, std::int64_t dilation) {
  if (end <= 0) return 0;
  const std::int64_t count = dilation == 1 ? end : (end + dilation - 1) / dilation;
  return count < width ? count : width;
}

// For each line of the window: f(its number, where its first pixel inside the image lies in the input, pixels
// before the image, inside, and behind it). Lines outside of the image have none inside.
template <typename F>
inline void for_lines(const Cursor& at, F f) {
  const Patches& p = at.p;
  const std::int64_t width = p.kernel.width, dilation = p.dilation.width, left = at.left();
  const std::int64_t before = count_below(-left, width, dilation);
  const std::int64_t behind = width - count_below(p.in.width - left, width, dilation);
  for (std::int64_t k = 0; k < p.kernel.height; ++k) {
    const std::int64_t y = at.top() + k * p.dilation.height;
    const bool inside = y >= 0 && y < p.in.height;
    const std::int64_t from = at.row * p.in_row + (y * p.in.width + left + before * dilation) * p.in_pixel;
    if (inside) {
      f(k, from, before, width - before - behind, behind);
    } else {
      f(k, 0, width, 0, 0);
    }
  }
}

// Elements from each pixel of a window's line to the next one.
inline std::int64_t step_of(const Patches& p) { return p.in_pixel * p.dilation.width; }

void gather_patches(const Patches& p, const T* x, T* columns) {
  Cursor at(p);
  const std::int64_t line = p.kernel.width * p.channels, step = step_of(p);
  for (std::int64_t i = 0; i < p.count; ++i, at.next()) {
    for_lines(at, [&](std::int64_t k, std::int64_t from, std::int64_t before, std::int64_t inside,
                      std::int64_t behind) {
      T* out = columns + k * line;
      zero_values(before * p.channels, out);
      out += before * p.channels;
      const T* in = x + from + p.first_channel;
      if (step == p.channels) {
        copy_values(in, inside * p.channels, out);
        out += inside * p.channels;
      } else {
        for (std::int64_t j = 0; j < inside; ++j, in += step, out += p.channels)
          copy_values(in, p.channels, out);
      }
      zero_values(behind * p.channels, out);
    });
    columns += p.kernel.height * line;
  }
}

void scatter_patches(const Patches& p, const T* columns, T* x) {
  Cursor at(p);
  const std::int64_t line = p.kernel.width * p.channels, step = step_of(p);
  for (std::int64_t i = 0; i < p.count; ++i, at.next()) {
    for_lines(at,
              [&](std::int64_t k, std::int64_t from, std::int64_t before, std::int64_t inside, std::int64_t) {
                const T* in = columns + k * line + before * p.channels;
                T* out = x + from + p.first_channel;
                if (step == p.channels) return add_values(in, inside * p.channels, out);
                for (std::int64_t j = 0; j < inside; ++j, in += p.channels, out += step)
                  add_values(in, p.channels, out);
              });
    columns += p.kernel.height * line;
  }
}

// For each output pixel: f(index of its first value, its cursor).
template <typename F>
inline void for_outputs(const Pool& pool, F f) {
  Cursor at(pool.patches);
  for (std::int64_t i = 0; i < pool.patches.count; ++i, at.next())
    f(at.row * pool.out_row + at.output() * pool.out_pixel, at);
}

// For each pixel of a window that lies inside the image: f(its first value, its number).
template <typename F>
inline void for_window(const Cursor& at, F f) {
  const std::int64_t width = at.p.kernel.width, step = step_of(at.p);
  for_lines(at,
            [&](std::int64_t k, std::int64_t from, std::int64_t before, std::int64_t inside, std::int64_t) {
              for (std::int64_t j = 0; j < inside; ++j) f(from + j * step, k * width + before + j);
            });
}

void max_pool(const Pool& pool, const T* x, T* y, T* chosen) {
  const std::int64_t channels = pool.patches.channels;
  for_outputs(pool, [&](std::int64_t out, const Cursor& at) {
    bool first = true;
    T* best = y + out;
    T* which = chosen != nullptr ? chosen + out : nullptr;
    for_window(at, [&](std::int64_t from, std::int64_t number) {
      const T* v = x + from;
      if (first) {
        copy_values(v, channels, best);
        for (std::int64_t c = 0; which != nullptr && c < channels; ++c) which[c] = static_cast<T>(number);
      } else if (which == nullptr) {
        // A value that is not a number wins, so that it shows.
        for (std::int64_t c = 0; c < channels; ++c) best[c] = v[c] > best[c] || v[c] != v[c] ? v[c] : best[c];
      } else {
        for (std::int64_t c = 0; c < channels; ++c) {
          const bool larger = v[c] > best[c] || v[c] != v[c];
          best[c] = larger ? v[c] : best[c];
          which[c] = larger ? static_cast<T>(number) : which[c];
        }
      }
      first = false;
    });
  });
}

void max_pool_back(const Pool& pool, const T* chosen, const T* g, T* x_gradient) {
  const std::int64_t channels = pool.patches.channels;
  for_outputs(pool, [&](std::int64_t out, const Cursor& at) {
    for_window(at, [&](std::int64_t from, std::int64_t number) {
      for (std::int64_t c = 0; c < channels; ++c)
        x_gradient[from + c] += chosen[out + c] == static_cast<T>(number) ? g[out + c] : T{0};
    });
  });
}

inline T pixels_inside(const Cursor& at) {
  std::int64_t count = 0;
  for_lines(at, [&](std::int64_t, std::int64_t, std::int64_t, std::int64_t inside, std::int64_t) {
    count += inside;
  });
  return static_cast<T>(count);
}

void average_pool(const Pool& pool, const T* x, T* y) {
  const std::int64_t channels = pool.patches.channels;
  for_outputs(pool, [&](std::int64_t out, const Cursor& at) {
    zero_values(channels, y + out);
    for_window(at, [&](std::int64_t from, std::int64_t) { add_values(x + from, channels, y + out); });
    const T factor = T{1} / pixels_inside(at);
    for (std::int64_t c = 0; c < channels; ++c) y[out + c] *= factor;
  });
}

void average_pool_back(const Pool& pool, const T* g, T* x_gradient) {
  const std::int64_t channels = pool.patches.channels;
  for_outputs(pool, [&](std::int64_t out, const Cursor& at) {
    const T factor = T{1} / pixels_inside(at);
    for_window(at, [&](std::int64_t from, std::int64_t) {
      for (std::int64_t c = 0; c < channels; ++c) x_gradient[from + c] += factor * g[out + c];
    });
  });
}

}  // namespace
}  // namespace nn::backend::cpu
