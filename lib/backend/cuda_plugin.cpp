#include "backend/cuda_plugin.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.hpp"
#include "base/text.hpp"
#include "plugin_abi.h"

namespace nn::backend {
namespace {

namespace fs = std::filesystem;

constexpr const char* file_name = "nn-cuda.so";

// Paths at which the plugin is looked for: the one folder that the environment names, or beside the tools, in
// an installation and in a build.
std::vector<fs::path> search_paths() {
  if (const char* folder = std::getenv("NN_PLUGIN_DIR")) return {fs::path(folder) / file_name};
  std::error_code error;
  const fs::path tools = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (error) return {};
  std::vector<fs::path> all = {tools / ".." / NN_PLUGIN_FOLDER / file_name};
  const fs::path build = tools / ".." / "lib" / "nn-tools" / file_name;
  if (all[0] != build) all.push_back(build);
  return all;
}

fs::path plugin_path() {
  for (const fs::path& path : search_paths()) {
    if (::access(path.c_str(), R_OK) == 0) return path;
  }
  return {};
}

std::string nowhere() {
  std::vector<std::string> tried;
  for (const fs::path& path : search_paths()) tried.push_back(path.lexically_normal().string());
  return fmt::format("the CUDA backend isn't installed: there is no {}", fmt::join(tried, " and no "));
}

std::string last_error() {
  const char* error = ::dlerror();
  return printable(error != nullptr ? error : "an unknown error");
}

template <typename Function>
Function* function_of(void* plugin, const char* name, const Device& device) {
  auto* function = reinterpret_cast<Function*>(::dlsym(plugin, name));
  if (function == nullptr) throw Error(ErrorKind::unsupported, last_error()).within(to_string(device));
  return function;
}

}  // namespace

CudaDevices find_cuda_devices() {
  const CudaDevices& found = ask_cuda_driver();
  if (found.reason.empty() && plugin_path().empty()) return {{}, nowhere()};
  return found;
}

void check_cuda_device(const Device& device) {
  const CudaDevices found = find_cuda_devices();
  if (!found.reason.empty()) {
    throw Error(ErrorKind::unsupported, found.reason)
        .within(to_string(device))
        .advise("; nn-devices lists the devices there are");
  }
  if (device.index >= static_cast<int>(found.devices.size())) {
    throw data_error("there is no such device; CUDA devices here: {}, from cuda:0 on", found.devices.size())
        .within(to_string(device));
  }
}

std::unique_ptr<Backend> open_cuda_backend(const Device& device) {
  const fs::path path = plugin_path();
  if (path.empty()) throw Error(ErrorKind::unsupported, nowhere()).within(to_string(device));
  // Never closed: errors that it throws are of its code.
  void* plugin = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) throw Error(ErrorKind::unsupported, last_error()).within(to_string(device));
  auto* abi = reinterpret_cast<CudaPluginAbi*>(::dlsym(plugin, "nn_cuda_abi"));
  if (abi == nullptr || abi() != std::string_view(NN_PLUGIN_ABI)) {
    throw make_error(ErrorKind::unsupported, "{} is of another build of these tools",
                     printable(path.string()))
        .within(to_string(device));
  }
  return std::unique_ptr<Backend>(function_of<CudaPluginOpen>(plugin, "nn_cuda_open", device)(device));
}

}  // namespace nn::backend
