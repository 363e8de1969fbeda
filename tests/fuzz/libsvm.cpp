// LIBSVM text. The first bytes choose --features and --zero-based.
#include "format/readers.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nn::fuzz::Choices choices(nn::fuzz::as_input(data, size));
  nn::format::SourceOptions options;
  options.limits.max_frame = 1 << 16;
  options.features = static_cast<std::int64_t>(choices.of(4)) * 100;
  options.zero_based = static_cast<nn::format::ZeroBased>(choices.of(3));
  nn::fuzz::accepts([&] {
    nn::fuzz::use_all(
        *nn::format::read_libsvm(nn::format::bytes_in_memory(choices.rest(), "input"), options));
  });
  const nn::fuzz::MemoryFile file(choices.rest());
  nn::fuzz::accepts(
      [&] { nn::fuzz::use_all(*nn::format::read_libsvm(nn::format::open_bytes(file.path()), options)); });
  return 0;
}
