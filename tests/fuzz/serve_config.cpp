// A server's configuration, in TOML, and its list of tokens.
#include <map>
#include <string>

#include "fuzz.hpp"
#include "options/option.hpp"
#include "serve/access.hpp"
#include "serve/config.hpp"
#include "serve/options.hpp"

using namespace nn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::as_text(fuzz::as_input(data, size));
  const auto none = [](std::string_view) { return false; };
  {
    const fuzz::Budget budget(size, 8 << 20);
    fuzz::accepts([&] {
      const serve::Config config = serve::Config::parse(text, "f");
      serve::ServeOptions options;
      config.apply(serve::option_list(options), none);
      if (config.words(none) != serve::Config::parse(text, "f").words(none)) {
        fuzz::broken_promise("not the same words", text);
      }
    });
  }
  fuzz::accepts([&] { serve::Tokens::parse(text, "f"); });
  return 0;
}
