// Work beside serving, which requests must not wait for: loading, trying out and freeing.
#pragma once

#include <optional>
#include <span>

#include "backend/device.hpp"

namespace nn::serving {

// The process's cores that none of these devices computes on; nothing where there are none.
std::optional<backend::Device> spare_cores(std::span<const backend::Device> devices);

// From here on the calling thread gives way to the others: it runs on the spare cores, where there are any,
// in the scheduler's batch class, a nice value of 15, and reads files after the others. The nice value stays
// as it is where devices have threads of their own, which may be started in this thread, and would keep it
// for ever. What the system refuses is left.
void give_way(std::span<const backend::Device> devices);

}  // namespace nn::serving
