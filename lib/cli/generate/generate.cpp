#include "cli/generate/generate.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::cli {

std::string generated(const Command& tool, const options::List& general, std::string_view what,
                      std::string_view section) {
  if (what == "bash") return bash_completion(tool, general);
  if (what == "zsh") return zsh_completion(tool, general);
  if (what == "fish") return fish_completion(tool, general);
  if (what == "man") return mdoc_section(tool, general, section);
  fail_usage("--generate: '{}' can't be generated; there are bash, zsh, fish, man", printable(what));
}

std::string_view short_help_of(const options::Option& option) {
  std::string_view help = option.help;
  return help.substr(0, std::min(help.find(" ("), help.find("; ")));
}

}  // namespace nn::cli
