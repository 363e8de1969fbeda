// Kernels whose threads work together, one by one and small: ThreadSanitizer sees each of their
// accesses to memory.
#include <cmath>

#include "backend/cuda/kernels/divisor.cuh"
#include "backend/cuda/kernels/embedding.cuh"
#include "backend/cuda/kernels/losses.cuh"
#include "backend/cuda/kernels/norms.cuh"
#include "backend/cuda/kernels/updates.cuh"
#include "device.hpp"

using namespace nn;
using namespace nn::backend;
using namespace nn::backend::cuda;
using namespace nn::test;

namespace {

std::vector<double> numbers(std::size_t count) {
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<double>(i * i % 23) / 7 - 1);
  return values;
}

// f() in each order of threads.
template <typename F>
void in_all_orders(F f) {
  for (const Order order : all_orders) {
    host_cuda::set_order(order);
    f();
  }
  host_cuda::set_order(Order::forward);
}

}  // namespace

TEST_CASE("CUDA kernel: sums of columns") {
  in_all_orders([] {
    for (const auto& [rows, columns] : {std::pair<Index, Index>{1, 1}, {9, 33}, {2100, 5}}) {
      TestDevice d;
      const std::vector<double> x = numbers(static_cast<std::size_t>(rows * columns));
      const Each<double> partial = d.arena.take_each<double>(1, partial_count(rows, columns, 1));
      const Each<double> sums = d.arena.take_each<double>(1, columns);
      launch(d.stream.get(), over_chunks(rows, columns), sum_rows<double>, rows, columns, d.put(x), columns,
             partial);
      launch(d.stream.get(), over_columns(columns), finish_sums<double>, chunks_of(rows), columns, partial,
             sums);
      const std::vector<double> got = d.get(sums, static_cast<std::size_t>(columns));
      for (Index j = 0; j < columns; ++j) {
        double expected = 0;
        for (Index i = 0; i < rows; ++i) expected += x[static_cast<std::size_t>(i * columns + j)];
        CHECK(got[static_cast<std::size_t>(j)] == Approx(expected).margin(1e-9));
      }
    }
  });
}

TEST_CASE("CUDA kernel: softmax and its loss") {
  in_all_orders([] {
    constexpr Index rows = 9, width = 37;
    TestDevice d;
    const std::vector<double> z = numbers(rows * width);
    StepState state;
    state.rows = 8;  // the last one is not there
    state.scale = 0.5;
    LossRows<double> r{};
    r.rows = rows;
    r.width = width;
    r.z = d.put(z);
    r.z_row = width;
    r.labels = d.put(std::vector<std::int32_t>(rows, 3));
    r.weights = d.put(std::vector<double>(rows, 2));
    r.gradient = d.arena.take_each<double>(1, rows * width);
    r.losses = d.arena.take_each<double>(1, rows);
    const Each<double> total = d.arena.take_each<double>(1, 1);
    const Each<StepState> there = d.put(std::vector<StepState>{state});
    launch(d.stream.get(), over_rows(rows), softmax_loss<double>, r, there);
    launch(d.stream.get(), Shape2{dim3(1), dim3(256)}, sum_losses, rows, r.losses, there, total, nullptr);
    const std::vector<double> gradient = d.get(r.gradient, rows * width);
    double expected = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < width; ++j) sum += std::exp(z[i * width + j]);
      expected += 2 * (std::log(sum) - z[i * width + 3]);
      for (std::size_t j = 0; j < width; ++j) {
        const double slope = std::exp(z[i * width + j]) / sum - (j == 3 ? 1 : 0);
        CHECK(gradient[i * width + j] == Approx(slope).margin(1e-12));
      }
    }
    for (std::size_t j = 0; j < width; ++j) CHECK(gradient[8 * width + j] == 0);
    CHECK(d.get(total, 1)[0] == Approx(expected));
  });
}

TEST_CASE("CUDA kernel: layer normalisation") {
  in_all_orders([] {
    constexpr Index pixels = 9, channels = 35;
    TestDevice d;
    const std::vector<double> x = numbers(pixels * channels);
    const Each<double> y = d.arena.take_each<double>(1, pixels * channels);
    const auto moments = d.arena.take_each<PixelMoments<double>>(1, pixels);
    launch(d.stream.get(), over_rows(pixels), layer_norm<double>, pixels, channels, 1e-3, d.put(x), channels,
           d.put(std::vector<double>(channels, 1)), d.put(std::vector<double>(channels, 0)), moments, y,
           channels);
    const std::vector<double> got = d.get(y, pixels * channels);
    for (std::size_t i = 0; i < pixels; ++i) {
      double mean = 0, variance = 0;
      for (std::size_t j = 0; j < channels; ++j) mean += x[i * channels + j] / channels;
      for (std::size_t j = 0; j < channels; ++j)
        variance += std::pow(x[i * channels + j] - mean, 2) / channels;
      for (std::size_t j = 0; j < channels; ++j)
        CHECK(got[i * channels + j] == Approx((x[i * channels + j] - mean) / std::sqrt(variance + 1e-3)));
    }
  });
}

TEST_CASE("CUDA: division by numbers that are known before") {
  constexpr unsigned most = 0x7FFFFFFF;
  for (const unsigned by : {1u, 2u, 3u, 7u, 9u, 10u, 28u, 641u, 65535u, 65536u, 1000003u, most - 1, most}) {
    const Divisor divisor(by);
    for (const std::uint64_t base : {std::uint64_t{0}, std::uint64_t{by}, std::uint64_t{most / by} * by}) {
      for (std::uint64_t n = base > 2 ? base - 2 : 0; n < base + 3 && n <= most; ++n) {
        CHECK(divisor.quotient(static_cast<unsigned>(n)) == n / by);
        CHECK(divisor.remainder(static_cast<unsigned>(n)) == n % by);
      }
    }
  }
}

TEST_CASE("CUDA kernel: embeddings of categories") {
  in_all_orders([] {
#if defined(__SANITIZE_THREAD__)  // which takes a millisecond for each thread
    constexpr Index rows = 40, width = 5, units = 35;
#else
    constexpr Index rows = 270, width = 13, units = 35;
#endif
    TestDevice d;
    std::vector<double> x(rows * width), table = numbers(width * units), g = numbers(rows * units);
    for (std::size_t i = 0; i < rows; ++i) {
      if (i % 7 != 3) x[i * width + i * i % width] = 1;  // else it is an unknown one
    }
    const Each<double> codes = d.put(x), y = d.arena.take_each<double>(1, rows * units);
    const Each<double> gradient = d.arena.take_each<double>(1, width * units);
    launch(d.stream.get(), over_segments(rows, 1), embed<double>, rows, Index{1}, units,
           d.put(std::vector<EmbeddedSegment>{{0, width, 0, 0}}).data, codes, width, d.put(table), y, units);
    std::vector<TableRow> layout;
    for (std::int32_t k = 0; k < width; ++k) layout.push_back({k, 0});
    launch(d.stream.get(), over_rows(width * rows_at_once), embed_back<double>, rows, width, units,
           d.put(layout).data, codes, width, d.put(g), units, gradient);
    std::vector<double> expected(width * units), embedded(rows * units);
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t u = 0; u < units && i % 7 != 3; ++u) {
        embedded[i * units + u] = table[i * i % width * units + u];
        expected[i * i % width * units + u] += g[i * units + u];
      }
    }
    CHECK(d.get(y, embedded.size()) == embedded);
    const std::vector<double> got = d.get(gradient, expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]).margin(1e-9));
  });
}

TEST_CASE("CUDA kernel: the gradient's norm") {
  in_all_orders([] {
    TestDevice d;
    const std::vector<double> g = numbers(1000);
    const Shape2 shape = over_vector(1000);
    const Each<double> sums = d.arena.take_each<double>(1, shape.grid.x);
    const Each<double> clip = d.arena.take_each<double>(1, 1);
    launch(d.stream.get(), shape, sum_gradient_squares<double>, Index{1000}, d.put(g), sums);
    launch(d.stream.get(), Shape2{dim3(1), dim3(256)}, find_clip, Index{shape.grid.x}, sums, 0.5, clip);
    double squares = 0;
    for (const double v : g) squares += v * v;
    CHECK(d.get(clip, 1)[0] == Approx(0.5 / std::sqrt(squares)));
  });
}
