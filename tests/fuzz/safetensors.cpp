// Files of safetensors: as tensors, and as models. The length of the header is put right first, where the
// input is shorter than it says: what is behind it has to stand any bytes.
#include "format/safetensors.hpp"

#include <cstring>
#include <vector>

#include "base/log.hpp"
#include "exchange/convert.hpp"
#include "exchange/named_arrays.hpp"
#include "fuzz.hpp"

using namespace nn;

namespace {

std::vector<std::byte> put_right(std::span<const std::byte> input) {
  std::vector<std::byte> file(input.begin(), input.end());
  std::uint64_t length = 0;
  if (file.size() < sizeof length) return file;
  std::memcpy(&length, file.data(), sizeof length);
  const std::uint64_t most = file.size() - sizeof length;
  if (length > most && length % 4 != 0) {
    length %= most + 1;
    std::memcpy(file.data(), &length, sizeof length);
  }
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  set_verbosity(Verbosity::quiet);  // what is left out is told
  const fuzz::Budget budget(size, 64 << 20);
  const fuzz::MemoryFile memory(put_right(fuzz::as_input(data, size)));
  fuzz::accepts([&] {
    const format::SafetensorsFile file(memory.path());
    std::uint64_t bytes = 0;
    for (const format::SafeTensor& tensor : file.tensors()) {
      bytes += tensor.data.size();
      if (file.find(tensor.name) != &tensor) fuzz::broken_promise("another tensor", tensor.name);
      const auto type = format::SafetensorsFile::type_of(tensor);
      if (!type) continue;
      const format::SafeValues values = file.values(tensor);
      const std::int64_t count = element_count(tensor.shape);
      if (values.data.size() != static_cast<std::size_t>(count) * size_of(*type))
        fuzz::broken_promise("too few values", tensor.name);
      for (std::int64_t i = 0; i < count; ++i) (void)number_at(values.type, values.data.data(), i);
    }
    if (bytes > size) fuzz::broken_promise("more bytes than there are", "");
  });
  fuzz::accepts([&] { (void)exchange::load_safetensors(memory.path()); });
  fuzz::accepts([&] {
    const auto file = exchange::open_safetensors(memory.path());
    (void)exchange::arrays_text(*file);
    (void)exchange::arrays_json(*file);
  });
  return 0;
}
