#include "cli/generate/generate.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "format/column_names.hpp"

namespace nn::cli {

namespace {

// Names that are one line each. Whatever a reader has to say is for another time.
std::string names_of_columns(const std::string& path) {
  set_verbosity(Verbosity::quiet);
  std::string out;
  for (const std::string& name : format::column_names(path)) {
    if (!name.empty() && printable(name, name.size()) == name) out += name + "\n";
  }
  return out;
}

}  // namespace

std::string generated(const Command& tool, const options::List& general, std::string_view what,
                      std::string_view section) {
  if (what == "bash") return bash_completion(tool, general);
  if (what == "zsh") return zsh_completion(tool, general);
  if (what == "fish") return fish_completion(tool, general);
  if (what == "man") return mdoc_section(tool, general, section);
  if (what == "columns") return names_of_columns(std::string(section));
  fail_usage("--generate: '{}' can't be generated; there are bash, zsh, fish, man", printable(what));
}

std::string_view short_help_of(const options::Option& option) {
  std::string_view help = option.help;
  return help.substr(0, std::min(help.find(" ("), help.find("; ")));
}

}  // namespace nn::cli
