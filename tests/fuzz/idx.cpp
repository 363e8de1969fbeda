// IDX, the files of MNIST: mapped and from a pipe.
#include "format/readers.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = nn::fuzz::as_input(data, size);
  nn::fuzz::accepts(
      [&] { nn::fuzz::use_all(*nn::format::read_idx(nn::format::bytes_in_memory(input, "input"), "x")); });
  const nn::fuzz::MemoryFile file(input);
  nn::fuzz::accepts(
      [&] { nn::fuzz::use_all(*nn::format::read_idx(nn::format::open_bytes(file.path()), "x")); });
  return 0;
}
