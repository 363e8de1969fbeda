// Mistakes that the stand-ins for a device must catch: each is made here once, beside the same
// thing done right. A check that stops working fails its test.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <limits>
#include <thread>

#include "base/error.hpp"
#include "device.hpp"

#if defined(__SANITIZE_THREAD__)
extern "C" const char* __tsan_default_options() { return "halt_on_error=1"; }
#endif

using namespace nn;
using namespace nn::backend;
using namespace nn::backend::cuda;
using namespace nn::test;

namespace {

// Whether a process that does this ends as no correct one does.
template <typename F>
bool ends_badly(F f) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // the test framework would report it
    if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(0);
    try {
      f();
    } catch (const Error&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

// The other end's number, by shared memory.
template <bool correct>
__global__ void mirror(Each<const double> x, Each<double> y) {
  NN_SHARED(double, shared, 64);
  shared[threadIdx.x] = x[threadIdx.x];
  if (correct) __syncthreads();
  y[threadIdx.x] = shared[63 - threadIdx.x];
}

template <bool correct>
bool mirrors(Order order) {
  host_cuda::set_order(order);
  TestDevice d;
  std::vector<double> x(64);
  for (std::size_t i = 0; i < 64; ++i) x[i] = static_cast<double>(i);
  const Each<double> y = d.arena.take_each<double>(1, 64);
  launch(d.stream.get(), Shape2{dim3(1), dim3(64)}, mirror<correct>, d.put(x), y);
  const std::vector<double> got = d.get(y, 64);
  host_cuda::set_order(Order::forward);
  return std::equal(x.rbegin(), x.rend(), got.begin());
}

template <bool correct>
__global__ void wait_in_a_branch(Each<double> y) {
  if (correct || threadIdx.x < 32) __syncthreads();
  y[threadIdx.x] = 1;
}

__global__ void fill(Index count, Each<double> y) {
  for_each(count, [&](Index i) { y[i] = 1; });
}
const Shape2 one_thread{dim3(1), dim3(1)};
__global__ void copy_one(Each<const double> x, Index from, Each<double> y) { *y = x[from]; }

void fill_some(Index count) {
  TestDevice d;
  const Each<double> y = d.arena.take_each<double>(1, 100);
  launch(d.stream.get(), over_vector(count), fill, count, y);
  wait(d.stream.get());
}

// The product of two matrices of ones, [3, 5] and [5, 4], its second one said to have such rows.
double product(Index row) {
  TestDevice d;
  const Blas blas(d.stream.get(), Precision::float32);
  Product<double> p;
  p.m = 3;
  p.n = 4;
  p.k = 5;
  p.a = {d.put(std::vector<double>(15, 1)), 5};
  p.b = {d.put(std::vector<double>(20, 1)), row};
  const Each<double> c = d.arena.take_each<double>(1, 12);
  p.c = {c, 4};
  blas.multiply(p);
  return d.get(c, 12)[11];
}

// The products of three members' matrices, [2, 2] each, which are said to lie so far apart.
void products(Index a_next, Index b_next, Index c_next) {
  TestDevice d;
  const Blas blas(Queue{d.stream.get(), 3}, Precision::float32);
  const auto matrices = [&](Index next) { return Each<double>(d.arena.take_each<double>(3, 4).data, next); };
  Product<double> p;
  p.m = p.n = p.k = 2;
  p.a = {matrices(a_next), 2};
  p.b = {matrices(b_next), 2};
  p.c = {matrices(c_next), 2};
  blas.multiply(p);
  wait(d.stream.get());
}

// The same with a bias of each member's, in one.
void fused_products(Index c_next, Index bias_next) {
  TestDevice d;
  const Blas blas(Queue{d.stream.get(), 3}, Precision::float32);
  const auto matrices = [&](Index next) { return Each<float>(d.arena.take_each<float>(3, 4).data, next); };
  Product<float> p;
  p.m = p.n = p.k = 2;
  p.a = {matrices(4), 2};
  p.b = {matrices(4), 2};
  p.c = {matrices(c_next), 2};
  if (!blas.multiply(p, {Epilogue<float>::Kind::bias, matrices(bias_next)})) host_cuda::fail("no kernel");
  wait(d.stream.get());
}

// A kernel for three members, whose ten numbers each are said to lie so far apart.
void fill_members(Index next) {
  TestDevice d;
  const Each<double> y(d.arena.take_each<double>(3, 10).data, next);
  launch(Queue{d.stream.get(), 3}, over_vector(10), fill, Index{10}, y);
  wait(d.stream.get());
}
void copy_members(Index next) {
  TestDevice d;
  const Each<double> x(d.arena.take_each<double>(3, 10).data, next), y = d.arena.take_each<double>(3, 1);
  launch(Queue{d.stream.get(), 3}, one_thread, copy_one, x, Index{0}, y);
  wait(d.stream.get());
}

void choose(int device) { check(cudaSetDevice(device), "choosing a device"); }

// What calls are about, one of each.
struct Things : TestDevice {
  Blas blas{stream.get(), Precision::float32};
  Event event = make_event();
  PinnedBlock pinned = make_pinned(sizeof(double));
  Each<double> x = arena.take_each<double>(1, 1), y = arena.take_each<double>(1, 1);
  mutable Graph graph;  // recorded already
  int chosen = host_cuda::chosen_device();

  ~Things() { static_cast<void>(cudaSetDevice(chosen)); }
  Things() {
    for (int i = 0; i < 2; ++i)
      graph.run(stream.get(), [&] { launch(stream.get(), one_thread, copy_one, x, Index{0}, y); });
  }
};

// A call to one device about memory of one, which may be another.
using Call = void (*)(const Things& device, const Things& memory);

void multiply(const Things& device, const Things& memory) {
  Product<double> p;
  p.m = p.n = p.k = 1;
  p.a = p.b = {memory.x, 1};
  p.c = {memory.y, 1};
  device.blas.multiply(p);
}
void start(const Things& device, const Things& memory) {
  launch(device.stream.get(), one_thread, copy_one, memory.x, Index{0}, memory.y);
}
void clear(const Things& device, const Things& memory) {
  check(cudaMemsetAsync(memory.x.data, 0, sizeof(double), device.stream.get()), "clearing");
}
void copy_out(const Things& device, const Things& memory) {
  check(cudaMemcpyAsync(device.pinned.get(), memory.x.data, sizeof(double), cudaMemcpyDeviceToHost,
                        device.stream.get()),
        "copying");
}
void mark(const Things& device, const Things&) {
  check(cudaEventRecord(device.event.get(), device.stream.get()), "marking");
}
void replay(const Things& device, const Things&) {
  device.graph.run(device.stream.get(), [] {});
}

}  // namespace

TEST_CASE("planted: a missing barrier") {
  int wrong = 0;
  for (const Order order : all_orders) {
    CHECK(mirrors<true>(order));
#if !defined(__SANITIZE_THREAD__)  // which ends the program there
    wrong += mirrors<false>(order) ? 0 : 1;
#endif
  }
#if defined(__SANITIZE_THREAD__)
  wrong = ends_badly([] { mirrors<false>(Order::forward); }) ? 1 : 0;
#endif
  CHECK(wrong > 0);
}

TEST_CASE("planted: a barrier that some threads don't reach") {
  const auto run = [](auto kernel) {
    TestDevice d;
    launch(d.stream.get(), Shape2{dim3(1), dim3(64)}, kernel, d.arena.take_each<double>(1, 64));
    wait(d.stream.get());
  };
  CHECK_FALSE(ends_badly([&] { run(wait_in_a_branch<true>); }));
  CHECK(ends_badly([&] { run(wait_in_a_branch<false>); }));
}

TEST_CASE("planted: writing out of bounds") {
  CHECK_FALSE(ends_badly([] { fill_some(100); }));
  CHECK(ends_badly([] { fill_some(101); }));
}

TEST_CASE("planted: reading out of bounds") {
  const auto read = [](Index from) {
    TestDevice d;
    const Each<double> x = d.put(std::vector<double>(10, 1));
    const Each<double> y = d.arena.take_each<double>(1, 1);
    launch(d.stream.get(), one_thread, copy_one, x, from, y);
    return d.get(y, 1)[0];
  };
  CHECK(read(9) == 1);
#if defined(__SANITIZE_ADDRESS__)
  CHECK(ends_badly([&] { read(10); }));
#else
  CHECK(std::isnan(read(10)));
#endif
}

TEST_CASE("planted: not waiting for the device") {
  TestDevice d;
  const PinnedBlock block = make_pinned(sizeof(double));
  auto* result = static_cast<double*>(block.get());
  *result = 0;
  const Each<double> y = d.arena.take_each<double>(1, 1);
  launch(d.stream.get(), over_vector(1), fill, Index{1}, y);
  check(cudaMemcpyAsync(result, y.data, sizeof(double), cudaMemcpyDeviceToHost, d.stream.get()), "copying");
  CHECK(*result == 0);
  wait(d.stream.get());
  CHECK(*result == 1);
}

TEST_CASE("planted: a wrong leading dimension") {
  CHECK(product(4) == 5);
  CHECK_THROWS_AS(product(3), Error);
  CHECK_THROWS_AS(product(5), Error);
}

TEST_CASE("planted: copies that a device can't make") {
  TestDevice d;
  double pageable = 0;
  const Each<double> y = d.arena.take_each<double>(1, 1);
  const PinnedBlock block = make_pinned(sizeof(double));
  const auto copy = [&](void* to, cudaMemcpyKind kind) {
    check(cudaMemcpyAsync(to, y.data, sizeof(double), kind, d.stream.get()), "copying");
  };
  copy(block.get(), cudaMemcpyDeviceToHost);
  CHECK_THROWS_AS(copy(&pageable, cudaMemcpyDeviceToHost), Error);
  CHECK_THROWS_AS(copy(block.get(), cudaMemcpyHostToDevice), Error);
  CHECK_THROWS_AS(copy(block.get(), cudaMemcpyDeviceToDevice), Error);
}

TEST_CASE("planted: taking memory, and waiting, while a graph is recorded") {
  TestDevice d;
  const auto record = [&](const std::function<void()>& work) {
    Graph graph;
    bool recording = false;  // the second time
    graph.run(d.stream.get(), [&] {
      if (std::exchange(recording, true)) work();
    });
  };
  CHECK_FALSE(
      ends_badly([&] { record([&] { launch(d.stream.get(), over_vector(0), fill, Index{0}, nullptr); }); }));
  CHECK(ends_badly([&] { record([&] { d.arena.take_each<double>(1, 1); }); }));
  CHECK(ends_badly([&] { record([&] { wait(d.stream.get()); }); }));
}

TEST_CASE("planted: a wrong distance between members") {
  CHECK_FALSE(ends_badly([] { products(4, 4, 4); }));
  CHECK_FALSE(ends_badly([] { products(0, 4, 4); }));  // all members have the same
  CHECK(ends_badly([] { products(5, 4, 4); }));
  CHECK(ends_badly([] { products(4, 5, 4); }));
  CHECK(ends_badly([] { products(4, 4, 5); }));
  CHECK(ends_badly([] { products(4, 4, 3); }));
  CHECK(ends_badly([] { products(4, 4, 0); }));
  CHECK_FALSE(ends_badly([] { fused_products(4, 4); }));
  CHECK(ends_badly([] { fused_products(5, 4); }));
  CHECK(ends_badly([] { fused_products(3, 4); }));
  CHECK(ends_badly([] { fused_products(4, 1000); }));
  CHECK_FALSE(ends_badly([] { fill_members(10); }));
  CHECK(ends_badly([] { fill_members(11); }));
  CHECK(ends_badly([] { fill_members(1000); }));
  CHECK_FALSE(ends_badly([] { copy_members(10); }));
  CHECK(ends_badly([] { copy_members(1000); }));
}

TEST_CASE("planted: another device than the one that was chosen, and its memory") {
  for (const Call call : {multiply, start, clear, copy_out, mark, replay}) {
    for (const int device : {0, 1}) {
      choose(device);
      const Things here;
      choose(1 - device);
      const Things there;
      CHECK(ends_badly([&] { call(here, here); }));
      choose(device);
      CHECK_FALSE(ends_badly([&] { call(here, here); }));
      if (call != mark && call != replay) CHECK(ends_badly([&] { call(here, there); }));
    }
  }
  choose(0);
}

TEST_CASE("planted: memory is given back where another device is chosen") {
  const auto give_back = [](int device) {
    const TestDevice d;
    choose(device);
  };
  CHECK_FALSE(ends_badly([&] { give_back(0); }));
  CHECK(ends_badly([&] { give_back(1); }));
}

TEST_CASE("planted: devices that aren't there, and more memory than a device has") {
  CHECK_THROWS_AS(choose(2), Error);
  CHECK_THROWS_AS(choose(-1), Error);
  TestDevice d;
  CHECK_THROWS_AS(d.arena.take<double>(Index{1} << 32), Error);
}

TEST_CASE("Devices are used from several threads") {
  std::vector<std::thread> threads;
  std::vector<double> last(4);
  for (std::size_t i = 0; i < last.size(); ++i) {
    threads.emplace_back([&last, i] {
      choose(static_cast<int>(i % 2));
      for (int step = 0; step < 10; ++step) {
        TestDevice d;
        const Each<double> y = d.arena.take_each<double>(1, 64);
        launch(d.stream.get(), Shape2{dim3(1), dim3(64)}, mirror<true>, d.put(std::vector<double>(64, 2)), y);
        last[i] = d.get(y, 64)[63];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(last == std::vector<double>(4, 2));
}
