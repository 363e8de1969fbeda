// Slots, and what a trial on one has around it.
#include "sweep/slot.hpp"

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "catch.hpp"

namespace nn::sweep {
namespace {

using Words = std::vector<std::string>;

Words names(std::string_view text, std::string_view host = "") {
  Words out;
  for (const Slot& slot : parse_slots(text, host)) out.push_back(slot.name());
  return out;
}

TEST_CASE("a device is a slot, or several") {
  CHECK(names("cpu:0") == Words{"cpu:0"});
  CHECK(names("cpu:0-3", "h2") == Words{"h2/cpu:0-3"});
  CHECK(names("cuda:1*3") == Words{"cuda:1", "cuda:1#1", "cuda:1#2"});
  CHECK_THROWS_AS(parse_slots("gpu:0"), Error);
  CHECK_THROWS_WITH(parse_slots("cuda:0*0"), "cuda:0*0: '0': must be from 1 to 1024");
}

// Variables of the environment, put back at the end of a scope.
struct Environment {
  explicit Environment(std::initializer_list<std::pair<const char*, const char*>> wanted) {
    for (const auto& [name, value] : wanted) {
      const char* is = ::getenv(name);
      was.emplace_back(name, is == nullptr ? std::nullopt : std::optional<std::string>(is));
      value == nullptr ? ::unsetenv(name) : ::setenv(name, value, 1);
    }
  }
  ~Environment() {
    for (const auto& [name, value] : was) value ? ::setenv(name, value->c_str(), 1) : ::unsetenv(name);
  }
  Environment(const Environment&) = delete;
  std::vector<std::pair<const char*, std::optional<std::string>>> was;
};

TEST_CASE("by default a job of Slurm's has its GPUs, or as many cores as it has") {
  {
    const Environment gpus({{"SLURM_JOB_GPUS", "2,3"}, {"CUDA_VISIBLE_DEVICES", "0,1"}});
    CHECK(default_devices() == Words{"cuda:0", "cuda:1"});
  }
  const Environment cores(
      {{"SLURM_JOB_GPUS", nullptr}, {"SLURM_STEP_GPUS", nullptr}, {"SLURM_CPUS_ON_NODE", "1"}});
  CHECK(default_devices().size() == 1);
}

TEST_CASE("a trial sees its own GPU only, and has as many threads as cores") {
  const auto made = [](std::string_view slot, const char* visible, bool mask = true) {
    return set_up(parse_slots(slot)[0], visible, mask);
  };
  const SlotSetup cpu = made("cpu:2-3", nullptr);
  CHECK(cpu.device == "cpu:2-3");
  CHECK(cpu.cores == std::vector<int>{2, 3});
  CHECK(cpu.environment == Words{"OMP_NUM_THREADS=2", "OPENBLAS_NUM_THREADS=2", "MKL_NUM_THREADS=2"});
  const SlotSetup gpu = made("cuda:1", nullptr);
  CHECK(gpu.device == "cuda:0");
  CHECK(gpu.cores.empty());
  CHECK(gpu.environment == Words{"CUDA_VISIBLE_DEVICES=1", "CUDA_DEVICE_ORDER=PCI_BUS_ID"});
  CHECK(made("cuda:1", "GPU-aa,GPU-bb").environment[0] == "CUDA_VISIBLE_DEVICES=GPU-bb");
  CHECK(made("cuda:1", "GPU-aa,GPU-bb", false).device == "cuda:1");
  CHECK_THROWS_WITH(made("cuda:2", "0,1"), "cuda:2: CUDA_VISIBLE_DEVICES=0,1 has no such GPU");
  CHECK_THROWS_AS(made("cuda:0", ""), Error);
}

}  // namespace
}  // namespace nn::sweep
