// What stands beside a repository's versions: labels, what is wanted, and labels as people write them.
#include <string>

#include "fuzz.hpp"
#include "repository/labels.hpp"
#include "repository/wants.hpp"

using namespace nn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::as_text(fuzz::as_input(data, size));
  const fuzz::Budget budget(size, 1 << 20);
  fuzz::accepts([&] {
    const repository::Wants wants = repository::parse_wants(text);
    if (repository::parse_wants(to_text(wants)) != wants) fuzz::broken_promise("not the same wishes", text);
  });
  fuzz::accepts([&] {
    if (std::to_string(repository::parse_label_file(text)) + "\n" != text)
      fuzz::broken_promise("not a label's file", text);
  });
  fuzz::accepts([&] {
    const repository::Label label = repository::parse_label(text);
    if (label.name + "=" + std::to_string(label.version) != text) fuzz::broken_promise("not a label", text);
  });
  return 0;
}
