// LIBSVM text. The first byte chooses --features.
#include "format/readers.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nn::fuzz::Choices choices(nn::fuzz::as_input(data, size));
  const auto features = static_cast<std::int64_t>(choices.of(4)) * 100;
  nn::fuzz::accepts([&] {
    nn::fuzz::use_all(
        *nn::format::read_libsvm(nn::format::bytes_in_memory(choices.rest(), "input"), features));
  });
  const nn::fuzz::MemoryFile file(choices.rest());
  nn::fuzz::accepts(
      [&] { nn::fuzz::use_all(*nn::format::read_libsvm(nn::format::open_bytes(file.path()), features)); });
  return 0;
}
