#include "host_cuda/fake_devices.hpp"

#include <cstdlib>
#include <set>

#include "host_cuda/fake_runtime.hpp"

namespace host_cuda {
namespace {

thread_local int chosen = 0;

long long from_environment(const char* name, long long otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoll(text) : otherwise;
}

std::set<int>& failed_devices() {
  static std::set<int> all;
  return all;
}

}  // namespace

std::recursive_mutex& one_at_a_time() {
  static std::recursive_mutex mutex;
  return mutex;
}

int device_count() {
  static const auto count = static_cast<int>(from_environment("NN_FAKE_DEVICES", 2));
  return count;
}

cudaError_t choose_device(int device) {
  static const auto busy = static_cast<int>(from_environment("NN_FAKE_BUSY", -1));
  if (device < 0 || device >= device_count()) return cudaErrorInvalidDevice;
  if (device == busy) return cudaErrorDevicesUnavailable;
  chosen = device;
  return state_of(device);
}
int chosen_device() { return chosen; }

cudaError_t state_of(int device) {
  return failed_devices().count(device) > 0 ? cudaErrorIllegalAddress : cudaSuccess;
}

cudaError_t wait_for(int device) {
  static const long long last = from_environment("NN_FAKE_FAULT", 0);
  if (++counts().waits == last) failed_devices().insert(device);
  return state_of(device);
}

std::size_t total_memory() {
  static const auto bytes = static_cast<std::size_t>(from_environment("NN_FAKE_MEMORY", 16LL << 30));
  return bytes;
}

}  // namespace host_cuda
