// MODEL[@DEVICE][*WEIGHT].
#include "fuzz.hpp"
#include "predict/placement.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = nn::fuzz::as_text(nn::fuzz::as_input(data, size));
  nn::fuzz::accepts([&] {
    const nn::predict::Member member = nn::predict::parse_member(text);
    if (member.model.empty() || !text.starts_with(member.model) || !(member.weight > 0)) {
      nn::fuzz::broken_promise("not a member", text);
    }
  });
  return 0;
}
