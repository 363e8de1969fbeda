// From words to options: GNU's conventions. "--name VALUE", "--name=VALUE", "-oVALUE", "-qv"; "--"
// ends the options; options and arguments may be mixed; a word that a value is expected of is that
// value, whatever it looks like. Names are not abbreviated: scripts outlive new options.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.hpp"

namespace nn::cli {

// An option or argument as it was given.
struct Occurrence {
  const options::Option* option = nullptr;
  std::optional<std::string_view> value;  // of argv
  std::size_t word = 0, words = 1;        // where in argv
  bool shared = false;                    // the word with other flags
};

// A command line, parsed. It refers to argv and to the command's lists.
class Parsed {
 public:
  // Null where there are subcommands and none was given.
  const Command* subcommand() const { return subcommand_; }
  bool has(std::string_view option) const;
  // As "--name=value" and "--flag", of those options that fit.
  std::vector<std::string> arguments(const std::function<bool(const options::Option&)>& fits) const;
  // The command line without options that don't change the result, quoted for a shell: for provenance,
  // so that a resumed run gives the same bytes. See options::is_lasting().
  std::string lasting_command_line() const;

 private:
  friend class Parser;
  std::string_view tool_;
  std::span<const char* const> argv_;
  const Command* subcommand_ = nullptr;
  std::vector<Occurrence> given_;
};

// A question is asked instead of the tool's work.
enum class Question { none, short_help, help, version };

struct ParseResult {
  Parsed parsed;
  Question question = Question::none;  // otherwise nothing was checked or applied
};

// Applies all values. Usage errors name the option and say where there is help.
ParseResult parse(std::span<const char* const> argv, const Command& tool, const options::List& general);

}  // namespace nn::cli
