// Search spaces of NNI: the lines that they become are parsed, or refused, as those of people are.
#include "sweep/nni_space.hpp"

#include "fuzz.hpp"
#include "search/space.hpp"

using namespace nn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Budget budget(size, 1 << 20);
  const std::string_view text = fuzz::as_text(fuzz::as_input(data, size));
  (void)sweep::is_nni_space(text);
  (void)fuzz::accepts([&] {
    const sweep::NniSpace space = sweep::parse_nni_space(text);
    for (const std::string& line : space.lines)
      (void)search::Space::parse({line.substr(0, line.find(" if "))});
  });
  return 0;
}
