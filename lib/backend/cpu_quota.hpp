// The share of the processors that a container or a service is given, by the kernel's control groups.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace nn::backend {

// How many processors' time this process may use: the smallest quota of its cgroup and of those around it
// (cpu.max of version 2, cpu.cfs_quota_us and cpu.cfs_period_us of version 1). Nothing where there is no
// quota, or no sense in the files. `root` is put before all paths that are read (/proc/self/cgroup,
// /sys/fs/cgroup).
std::optional<double> cpu_quota(const std::string& root = "");

// How many of process_cores() can compute at a time: all, or fewer where there is a quota, rounded up. More
// threads than that would wait for each other's turns.
std::size_t cores_at_once();

}  // namespace nn::backend
