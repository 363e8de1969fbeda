// gzip and zstd, as any input may be compressed.
#include <array>

#include "format/bytes.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t enough = 1 << 20;  // a few bytes may stand for gigabytes
  const nn::fuzz::MemoryFile file(nn::fuzz::as_input(data, size));
  nn::fuzz::accepts([&] {
    const auto input = nn::format::open_bytes(file.path());
    std::array<std::byte, 1000> out;
    for (std::size_t total = 0; total < enough;) {
      const std::size_t n = input->read(out);
      if (n == 0) break;
      total += n;
    }
  });
  return 0;
}
