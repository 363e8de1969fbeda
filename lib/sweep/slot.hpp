// Places where a trial runs: a device, or a share of one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nn::sweep {

struct Slot {
  std::string host;    // as --hosts names it; "": this one
  std::string device;  // "cpu:0", "cpu:0-3", "cuda:1"
  int share = 0;       // which of those who share the device

  // "cpu:0", "cuda:0#1", "h2/cuda:1": unique among slots.
  std::string name() const;
  bool operator==(const Slot&) const = default;
};

// What is on a slot, for people.
struct SlotState {
  std::string slot, state;  // "idle", "trial 12", …
  bool operator==(const SlotState&) const = default;
};

// "cuda:0*4" is four slots, "cpu:0" one. Usage error for what is no device, and for a share that isn't from 1
// to 1024.
std::vector<Slot> parse_slots(std::string_view text, std::string_view host = "");

// Of a slot of this host: usage error where its cores aren't there. GPUs are not looked
// for, since trials may know some that this program can't use.
void check_is_here(const Slot& slot);

// Those of this host for whom nothing was said: each GPU, or where there is none each core that may be used.
// In a job of Slurm's, those that the job has.
std::vector<std::string> default_devices();

// What a trial on a slot has around it, made on the host that the slot is on. A GPU is the only one that it
// sees, by CUDA_VISIBLE_DEVICES, and so is cuda:0 there, whichever it is; threads of libraries are as many as
// a CPU slot has cores.
struct SlotSetup {
  std::string device;                    // what {device} stands for
  std::vector<std::string> environment;  // NAME=value
  std::vector<int> cores;                // that it may run on; empty: all
};
// `visible` is CUDA_VISIBLE_DEVICES of this process; null where it isn't set. Without a `mask`, cuda:1 stays
// that. Usage error for a GPU that isn't among them.
SlotSetup set_up(const Slot& slot, const char* visible, bool mask = true);

}  // namespace nn::sweep
