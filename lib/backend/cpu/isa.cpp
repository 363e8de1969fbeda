#include "backend/cpu/isa.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::backend::cpu {

std::string_view name_of(Isa isa) {
  switch (isa) {
    case Isa::v3: return "v3";
    case Isa::v4: return "v4";
    default: return "baseline";
  }
}

std::string_view describe(Isa isa) {
  switch (isa) {
    case Isa::v3: return "AVX2, FMA";
    case Isa::v4: return "AVX-512";
    default: break;
  }
#if defined(__x86_64__)
  return "SSE2";
#elif defined(__aarch64__)
  return "NEON";
#else
  return "plain vectors";
#endif
}

std::vector<Isa> usable_isas() {
  std::vector<Isa> usable = {Isa::baseline};
#if defined(__x86_64__) && !defined(__clang__)  // clang 14, which fuzzers are built with, has no such names
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v3")) usable.push_back(Isa::v3);
  if (__builtin_cpu_supports("x86-64-v4")) usable.push_back(Isa::v4);
#endif
  return usable;
}

Isa chosen_isa() {
  const std::vector<Isa> usable = usable_isas();
  const char* wish = std::getenv("NN_CPU_ISA");
  if (wish == nullptr || *wish == '\0') return usable.back();
  std::string names;
  for (const Isa isa : usable) {
    if (name_of(isa) == wish) return isa;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name_of(isa));
  }
  fail_usage("NN_CPU_ISA={}: this CPU has {}", printable(wish), names);
}

}  // namespace nn::backend::cpu
