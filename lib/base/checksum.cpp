#include "base/checksum.hpp"

#define XXH_STATIC_LINKING_ONLY  // the state has a size
#include <xxhash.h>
#ifdef NN_XXH_DISPATCH
  #include <xxh_x86dispatch.h>  // the vector instructions that this processor has: its names hide the others
#endif

namespace nn {
namespace {

const XXH3_state_t* state_of(const std::byte* bytes) { return reinterpret_cast<const XXH3_state_t*>(bytes); }
XXH3_state_t* state_of(std::byte* bytes) { return reinterpret_cast<XXH3_state_t*>(bytes); }

}  // namespace

Checksum::Checksum() {
  static_assert(sizeof(XXH3_state_t) == state_bytes && alignof(XXH3_state_t) <= 64);
  XXH3_64bits_reset(state_of(state_));
}

void Checksum::add(std::span<const std::byte> bytes) {
  XXH3_64bits_update(state_of(state_), bytes.data(), bytes.size());
}

std::uint64_t Checksum::value() const { return XXH3_64bits_digest(state_of(state_)); }

}  // namespace nn
