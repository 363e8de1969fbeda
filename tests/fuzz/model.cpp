// Model files and checkpoints. Their lengths and the checksum of their description are put right
// first: the checksum keeps out accidents, and what is behind it has to stand any bytes.
#include "model/model.hpp"

#include <xxhash.h>

#include <cstring>
#include <vector>

#include "exchange/convert.hpp"
#include "fuzz.hpp"

using namespace nn;

namespace {

// schemas/model.fbs tells where they are.
constexpr std::size_t header_bytes = 64, description_at = 16, file_at = 24, checksum_at = 56;

std::vector<std::byte> put_right(std::span<const std::byte> input) {
  std::vector<std::byte> file(input.begin(), input.end());
  if (file.size() < header_bytes) return file;
  const std::uint64_t size = file.size();
  std::memcpy(file.data() + file_at, &size, sizeof size);
  std::uint64_t description = 0;
  std::memcpy(&description, file.data() + description_at, sizeof description);
  if (description > size - header_bytes) return file;
  std::vector<std::byte> summed(file.begin(), file.begin() + checksum_at);
  const auto begin = file.begin() + header_bytes;
  summed.insert(summed.end(), begin, begin + static_cast<std::ptrdiff_t>(description));
  const std::uint64_t checksum = XXH3_64bits(summed.data(), summed.size());
  std::memcpy(file.data() + checksum_at, &checksum, sizeof checksum);
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file(put_right(fuzz::as_input(data, size)));
  fuzz::accepts([&] {
    const model::AnyModel any = model::inspect_model(file.path(), false);
    (void)exchange::file_json(any);
    (void)exchange::file_text(any);
  });
  fuzz::accepts([&] { (void)model::load_model(file.path()); });
  fuzz::accepts([&] { (void)model::load_checkpoint(file.path()); });
  return 0;
}
