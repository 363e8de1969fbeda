// The devices of the stand-ins, as the environment describes them:
//   NN_FAKE_DEVICES  how many there are; 2
//   NN_FAKE_MEMORY   bytes of each one's memory; 16 GiB
//   NN_FAKE_BUSY     the index of one that another process has for itself; none
//   NN_FAKE_FAULT    the how many-th wait of the process finds that a kernel went astray; none.
//                    As in CUDA its device answers nothing else from then on.
// Internal to the stand-ins; called one at a time.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace host_cuda {

int device_count();
cudaError_t choose_device(int device);  // for the calling thread

// What a device answers to everything: success until it has failed.
cudaError_t state_of(int device);
// Counts a wait, which may be the one that finds the fault.
cudaError_t wait_for(int device);

constexpr int on_host = -1;  // the device of pinned memory

// Guards on both sides of each allocation are checked when it is given back.
cudaError_t allocate(void** memory, std::size_t size, int device);
cudaError_t release(void* memory, bool of_device);
void check_all_guards();
std::size_t total_memory();
std::size_t free_memory(int device);
// The device of an allocation that holds all these bytes.
struct Place {
  bool found = false;
  int device = on_host;
};
Place place_of(const void* memory, std::size_t size);

}  // namespace host_cuda
