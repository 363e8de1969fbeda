// A stand-in for libcuda.so.1 with as many devices as NN_FAKE_DEVICES says (default: 2); it fails
// with fewer than none.
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#define NN_EXPORT extern "C" __attribute__((visibility("default")))

namespace {
int devices() {
  const char* text = std::getenv("NN_FAKE_DEVICES");
  return text != nullptr ? std::atoi(text) : 2;
}
}  // namespace

NN_EXPORT int cuInit(unsigned) { return devices() == 0 ? 100 : devices() < 0 ? 999 : 0; }
NN_EXPORT int cuDeviceGetCount(int* count) {
  *count = devices();
  return 0;
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
