// bench-device INDEX: what a CUDA device does without transfers, by the backend's own products and
// kernels. Each is queued many times, as a graph, and waited for once.
//
// Questions, and their answers:
//   {"work": "attributes"}                                         {"processors", "clock_hz", …}
//   {"work": "product", "precision", "m", "n", "k", "a_transposed", "b_transposed", "members", "seconds"}
//     with "epilogue": "bias and relu" or "gradient of bias", and "fused": by cublasLt at once, or one after
//     the other
//   {"work": "kernel", "name", "rows", "columns", "seconds"}       {"seconds" of one, "bytes"}
//   {"work": "copy", "bytes", "seconds"}                           the same, from device to device
#include <fmt/format.h>

#include <vector>

#include "answers.hpp"
#include "backend/cuda/blas.hpp"
#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/random.hpp"
#include "kernels.hpp"

namespace nn::bench {
namespace {

using namespace backend::cuda;

constexpr Index noise_size = 1 << 20;
constexpr double graph_s = 2e-3;  // of a graph, so that starting it doesn't show
constexpr long most_in_graph = 256;

// A device saves power, and is faster, when it multiplies zeros.
void fill_with_noise(cudaStream_t stream, float* to, Index count) {
  const Index first = std::min(count, noise_size);
  std::vector<float> noise(static_cast<std::size_t>(first));
  RandomStream random(1, RandomUse::shuffle);
  for (float& value : noise) value = static_cast<float>(random.uniform() - 0.5);
  upload(stream, noise.data(), first, to);
  for (Index at = first; at < count; at += first) {
    const auto bytes = static_cast<std::size_t>(std::min(first, count - at)) * sizeof(float);
    check(cudaMemcpyAsync(to + at, to, bytes, cudaMemcpyDeviceToDevice, stream), "copying");
  }
}

// Seconds of what `start` queues.
double time_queued(cudaStream_t stream, double seconds, const std::function<void()>& start) {
  const auto once = [&] {
    start();
    wait(stream);
  };
  once();  // libraries load what they need
  const long count = calls_in(graph_s, seconds_of(once), most_in_graph);
  Graph graph;
  const auto run = [&](long times) {
    for (long i = 0; i < times; ++i) {
      graph.run(stream, [&] {
        for (long j = 0; j < count; ++j) start();
      });
    }
    wait(stream);
  };
  run(2);
  const long times = calls_in(seconds, seconds_of([&] { run(1); }));
  return seconds_of([&] { run(times); }) / static_cast<double>(times * count);
}

struct Stage {
  Stream stream = make_stream();
  Arena arena{stream.get()};
};

Json attributes(int device) {
  const auto get = [&](cudaDeviceAttr attribute) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, attribute, device), "asking for attributes");
    return value;
  };
  return {{"processors", get(cudaDevAttrMultiProcessorCount)},
          {"clock_hz", 1e3 * get(cudaDevAttrClockRate)},
          {"memory_clock_hz", 1e3 * get(cudaDevAttrMemoryClockRate)},
          {"memory_bus_bits", get(cudaDevAttrGlobalMemoryBusWidth)},
          {"cache_bytes", get(cudaDevAttrL2CacheSize)},
          {"capability", fmt::format("{}.{}", get(cudaDevAttrComputeCapabilityMajor),
                                     get(cudaDevAttrComputeCapabilityMinor))}};
}

Json product(const Json& q) {
  Stage stage;
  const Queue queue(stage.stream.get(), q.value("members", Index{1}));
  const Blas blas(queue, backend::parse_precision(q.at("precision").get<std::string>()));
  Product<float> p;
  p.m = q.at("m");
  p.n = q.at("n");
  p.k = q.at("k");
  const bool a_transposed = q.at("a_transposed"), b_transposed = q.at("b_transposed");
  const auto noise = [&](Index count) {
    const Each<float> values = stage.arena.take_each<float>(queue.members, count);
    fill_with_noise(queue.stream, values.data, queue.members * count);
    return values;
  };
  p.a = {noise(p.m * p.k), a_transposed ? p.m : p.k, 0, a_transposed};
  const Each<float> b = noise(p.k * p.n);
  p.b = {b, b_transposed ? p.k : p.n, 0, b_transposed};
  p.c = {stage.arena.take_each<float>(queue.members, p.m * p.n), p.n};
  const auto time = [&](const auto& start) -> Json {
    return {{"seconds", time_queued(queue.stream, q.at("seconds"), start)}};
  };
  const std::string epilogue = q.value("epilogue", "");
  if (epilogue.empty()) return time([&] { blas.multiply(p); });
  const bool forward = epilogue == "bias and relu";
  if (!q.at("fused")) {
    // Of the gradient it is b that is summed.
    const Queued after =
        kernel(epilogue, queue, stage.arena, forward ? p.m : p.k, p.n, forward ? p.c.data : b);
    return time([&] {
      blas.multiply(p);
      after.start();
    });
  }
  Epilogue<float> at_once;
  at_once.kind = forward ? Epilogue<float>::Kind::bias_relu : Epilogue<float>::Kind::bias_gradient;
  at_once.bias = stage.arena.take_each<float>(queue.members, p.n);
  if (!blas.multiply(p, at_once)) return {{"skipped", "cublasLt has no kernel for it"}};
  return time([&] { blas.multiply(p, at_once); });
}

Json kernel_or_copy(const Json& q) {
  Stage stage;
  const Queue queue(stage.stream.get());
  Queued work;
  if (q.at("work") == "kernel") {
    const auto name = q.at("name").get<std::string>();
    work = kernel(name, queue, stage.arena, q.at("rows"), q.at("columns"));
    if (!work.start) fail(ErrorKind::data, "no kernel '{}' here", name);
  } else {
    const auto bytes = q.at("bytes").get<Index>();
    char* const from = stage.arena.take<char>(bytes);
    char* const to = stage.arena.take<char>(bytes);
    work.bytes = 2 * static_cast<double>(bytes);
    work.start = [=, stream = queue.stream] {
      check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToDevice, stream),
            "copying");
    };
  }
  return {{"seconds", time_queued(queue.stream, q.at("seconds"), work.start)}, {"bytes", work.bytes}};
}

Json answer(int device, const Json& question) {
  const std::string work = question.at("work");
  if (work == "attributes") return attributes(device);
  if (work == "product") return product(question);
  if (work == "kernel" || work == "copy") return kernel_or_copy(question);
  fail(ErrorKind::data, "no work '{}' here", work);
}

}  // namespace
}  // namespace nn::bench

int main(int argc, char** argv) {
  try {
    if (argc != 2) nn::fail_usage("usage: bench-device INDEX");
    const auto device = static_cast<int>(nn::parse_integer(argv[1]));
    nn::backend::cuda::check(cudaSetDevice(device), "choosing a device");
    nn::bench::answer_all([&](const nn::bench::Json& q) { return nn::bench::answer(device, q); });
  } catch (const nn::Error& error) {
    fmt::print(stderr, "bench-device: {}\n", error.what());
    return nn::exit_status(error.kind());
  }
}
