// The threads of a device, which all its programs share.
#include <algorithm>
#include <filesystem>
#include <latch>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "backend/backend.hpp"
#include "base/memory.hpp"
#include "catch.hpp"
#include "layers/case.hpp"
#include "layers/data.hpp"

using namespace nn;
using namespace nn::backend;
using namespace nn::test;

namespace {

// Products that are worth sharing.
const Case large{"dense 300 relu, dense", 200, 7, Loss::mse, 64};

std::int64_t threads_of_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

// Threads that were joined are seen for a moment longer.
bool comes_down_to(std::int64_t threads) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (threads_of_process() > threads) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

std::optional<Device> two_cores() {
  Device device;
  device.cores = usable_cores();
  if (device.cores.size() < 2) return std::nullopt;
  device.cores.resize(2);
  return device;
}

// A model that is opened for a device by itself.
class Opened {
 public:
  explicit Opened(const Device& device, float scale = 1) : plan_(plan_of(large)), data_(large) {
    pin_thread(device);
    backend_ = open_backend(device);
    const std::vector<float> values = parameters_of(plan_);
    weights_ = Buffer(values.size() * sizeof(float));
    std::ranges::transform(values, weights_.as<float>(), [&](float value) { return value * scale; });
    ProgramOptions options;
    options.batch = large.rows;
    program_ = backend_->compile(plan_, options, weights_.as<float>());
  }
  std::vector<float> answers() {
    std::vector<float> y(static_cast<std::size_t>(large.rows * plan_.answers()));
    program_->forward(large.rows, data_.x.data(), y.data());
    return y;
  }

 private:
  Plan plan_;
  Data<float> data_;
  Buffer weights_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Program> program_;
};

}  // namespace

TEST_CASE("twenty models of a device have one thread for each core, and none when they are gone") {
  const auto device = two_cores();
  if (!device) {
    WARN("skipped: one core");
    return;
  }
  std::thread([] {}).join();  // with the first one ThreadSanitizer begins one of its own
  const std::int64_t before = threads_of_process();
  std::thread([&] {  // it is pinned to the device
    std::vector<std::unique_ptr<Opened>> models;
    for (int i = 0; i < 20; ++i) models.push_back(std::make_unique<Opened>(*device));
    const std::vector<float> first = models.front()->answers();
    for (const auto& model : models) CHECK(model->answers() == first);
    CHECK(threads_of_process() == before + 2);  // this one and the other core's
    models.erase(models.begin() + 1, models.end());
    CHECK(models.front()->answers() == first);
    models.clear();
    CHECK(comes_down_to(before + 1));
  })
      .join();
}

TEST_CASE("models that compute at the same time on one device answer as each does alone") {
  const auto device = two_cores();
  if (!device) {
    WARN("skipped: one core");
    return;
  }
  constexpr std::size_t count = 4;
  std::vector<std::vector<float>> alone(count);
  std::thread([&] {
    for (std::size_t i = 0; i < count; ++i) alone[i] = Opened(*device, static_cast<float>(i + 1)).answers();
  }).join();
  std::vector<int> wrong(count);
  std::vector<std::thread> threads;
  std::latch all_open(count);
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      Opened model(*device, static_cast<float>(i + 1));
      all_open.arrive_and_wait();
      for (int round = 0; round < 200; ++round) wrong[i] += model.answers() == alone[i] ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(count));
}

// A worker of two models on such a device served the first only.
TEST_CASE("a device is there for a thread that is pinned to one of its cores") {
  const auto device = two_cores();
  if (!device) {
    WARN("skipped: one core");
    return;
  }
  std::thread([&] {
    Device first = *device;
    first.cores.resize(1);
    pin_thread(first);
    CHECK_NOTHROW(check_device(*device));
    Device no_core;
    no_core.cores = {1'000'000};
    CHECK_THROWS(check_device(no_core));
  }).join();
}
