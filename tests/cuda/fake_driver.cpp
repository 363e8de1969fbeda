// A stand-in for libcuda.so.1. Variables say how it behaves:
//   NN_FAKE_DEVICES      how many devices there are; 2. With fewer than none it fails
//   NN_FAKE_INIT_ERROR   what cuInit answers
//   NN_FAKE_COUNT_ERROR  what cuDeviceGetCount answers
// It is never unloaded, and a process that asks it twice is ended: tools ask once.
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#define NN_EXPORT extern "C" __attribute__((visibility("default")))

namespace {
int number_of(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::atoi(text) : otherwise;
}
int devices() { return number_of("NN_FAKE_DEVICES", 2); }

// Some of those that the driver has.
struct Named {
  int error;
  const char *name, *meaning;
};
constexpr Named names[] = {
    {802, "CUDA_ERROR_SYSTEM_NOT_READY", "system not yet initialized"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};
int text_of(int error, const char* Named::*which, const char** text) {
  *text = nullptr;
  for (const Named& named : names) {
    if (named.error == error) *text = named.*which;
  }
  return *text != nullptr ? 0 : 1;
}
std::atomic<int> asked{0};
}  // namespace

NN_EXPORT int cuInit(unsigned) {
  if (asked++ > 0) {
    std::fputs("stand-in for the driver: cuInit is called again\n", stderr);
    std::abort();
  }
  return number_of("NN_FAKE_INIT_ERROR", devices() == 0 ? 100 : devices() < 0 ? 999 : 0);
}
NN_EXPORT int cuGetErrorName(int error, const char** text) { return text_of(error, &Named::name, text); }
NN_EXPORT int cuGetErrorString(int error, const char** text) { return text_of(error, &Named::meaning, text); }
NN_EXPORT int cuDeviceGetCount(int* count) {
  *count = devices();
  return number_of("NN_FAKE_COUNT_ERROR", 0);
}
NN_EXPORT int cuDeviceGet(int* handle, int index) {
  *handle = index;
  return 0;
}
NN_EXPORT int cuDeviceGetName(char* name, int size, int handle) {
  std::snprintf(name, static_cast<std::size_t>(size), "Stand-in %d", handle);
  return 0;
}
NN_EXPORT int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
  *bytes = std::size_t{16} << 30;
  return 0;
}
NN_EXPORT int cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? 9 : 0;
  return 0;
}
