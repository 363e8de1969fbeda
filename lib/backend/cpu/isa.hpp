// The instruction set that the kernels use is the best that this CPU has, unless NN_CPU_ISA
// names a lesser one.
#pragma once

#include <string_view>
#include <vector>

#include "backend/cpu/kernels.hpp"

namespace nn::backend::cpu {

enum class Isa { baseline, v3, v4 };  // x86-64 levels; elsewhere there is only baseline

std::string_view name_of(Isa isa);   // "v3": as NN_CPU_ISA has it
std::string_view describe(Isa isa);  // "AVX2, FMA"
std::vector<Isa> usable_isas();      // ascending, baseline first

// The last of usable_isas(), or what NN_CPU_ISA says; usage error when that isn't usable.
Isa chosen_isa();

template <typename T>
const Kernels<T>& kernels_of(Isa isa);

}  // namespace nn::backend::cpu
