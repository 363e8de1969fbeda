#include "serving/background.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace nn::serving {
namespace {

constexpr int nice_value = 15;  // below threads that compute for a server

// The last priority of the usual class (ioprio_set(2)): the idle class might never read where others do.
void read_after_others() {
  constexpr int who_process = 1, best_effort = 2, last = 7, class_shift = 13;
  ::syscall(SYS_ioprio_set, who_process, 0, (best_effort << class_shift) | last);
}

bool has_own_threads(const backend::Device& device) {
  return device.kind != backend::Device::Kind::cpu || backend::thread_count(device) > 1;
}

}  // namespace

std::optional<backend::Device> spare_cores(std::span<const backend::Device> devices) {
  backend::Device spare;
  spare.cores = backend::process_cores();
  for (const backend::Device& device : devices) {
    if (device.kind != backend::Device::Kind::cpu) continue;
    if (device.cores.empty()) return std::nullopt;  // it has all
    std::erase_if(spare.cores, [&](int core) {
      return std::find(device.cores.begin(), device.cores.end(), core) != device.cores.end();
    });
  }
  if (spare.cores.empty()) return std::nullopt;
  return spare;
}

void give_way(std::span<const backend::Device> devices) {
  if (const auto spare = spare_cores(devices)) backend::pin_thread(*spare);
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK,
                       &none);  // of this thread, and of none that it starts
  read_after_others();
  if (std::none_of(devices.begin(), devices.end(), has_own_threads))
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), nice_value);
}

}  // namespace nn::serving
