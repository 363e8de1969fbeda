#include "cli/parse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/enum_names.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::cli {

using options::Option;

namespace {

std::string quote(std::string_view word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%^*";
  if (!word.empty() && word.find_first_not_of(plain) == std::string_view::npos) return std::string(word);
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

bool Parsed::has(std::string_view option) const {
  return std::any_of(given_.begin(), given_.end(),
                     [&](const Occurrence& o) { return o.option->name == option; });
}

std::vector<std::string> Parsed::arguments(const std::function<bool(const Option&)>& fits) const {
  std::vector<std::string> words;
  for (const Occurrence& given : given_) {
    if (given.option->is_argument() || !fits(*given.option)) continue;
    words.push_back(given.option->flag_name());
    if (given.value) words.back() += "=" + std::string(*given.value);
  }
  return words;
}

std::string Parsed::lasting_command_line() const {
  // A word that several flags share, "-qv", stays.
  std::vector<int> kept(argv_.size(), 1);
  for (const Occurrence& given : given_) {
    const bool lasts = given.option->is_argument() || options::is_lasting(*given.option);
    for (std::size_t i = given.word; i < given.word + given.words; ++i)
      kept[i] += lasts || given.shared ? 1 : -1;
  }
  std::string text(tool_);
  for (std::size_t i = 1; i < argv_.size(); ++i) {
    if (kept[i] > 0) text += " " + quote(argv_[i]);
  }
  return text;
}

class Parser {
 public:
  Parser(std::span<const char* const> argv, const Command& tool, const options::List& general)
      : argv_(argv), tool_(tool), general_(general) {
    out_.parsed.tool_ = tool.name;
    out_.parsed.argv_ = argv;
  }

  ParseResult run() {
    for (at_ = 1; at_ < argv_.size(); ++at_) take(argv_[at_]);
    if (out_.question != Question::none) return std::move(out_);
    if (!error_.empty()) fail(error_);
    apply();
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(std::string_view text) const {
    throw with_help(make_error(ErrorKind::usage, "{}", text));
  }
  Error with_help(const Error& error) const { return error.advise(" (try '{} --help')", tool_.name); }
  // Whoever asks for help gets it, whatever else is wrong.
  void fail_later(std::string text) {
    if (error_.empty()) error_ = std::move(text);
  }

  template <typename Key>
  const Option* find(Key key) const {
    const Command* sub = out_.parsed.subcommand_;
    const Option* option = options::find(general_, key);
    if (option == nullptr) option = options::find(tool_.options, key);
    return option == nullptr && sub != nullptr ? options::find(sub->options, key) : option;
  }

  options::List all_options() const {
    options::List all = tool_.options;
    if (const Command* sub = out_.parsed.subcommand_) {
      all.insert(all.end(), sub->options.begin(), sub->options.end());
    }
    all.insert(all.end(), general_.begin(), general_.end());
    return all;
  }

  void take(std::string_view word) {
    const bool dash = !only_arguments_ && word.size() > 1 && word[0] == '-';
    if (!dash) return take_argument(word);
    if (word == "--") {
      only_arguments_ = true;
    } else if (word[1] == '-') {
      take_long(word);
    } else if (std::isdigit(static_cast<unsigned char>(word[1])) != 0 && find(word[1]) == nullptr) {
      take_argument(word);  // a negative number
    } else {
      take_letters(word);
    }
  }

  void take_long(std::string_view word) {
    const auto equals = word.find('=');
    const Option* option = find(word.substr(2, equals - 2));
    if (option == nullptr) return fail_later(options::unknown_option(all_options(), word));
    if (equals == std::string_view::npos) return take_value(*option, std::nullopt);
    if (option->is_flag()) return fail_later(option->flag_name() + " takes no value");
    take_value(*option, word.substr(equals + 1));
  }

  // "-q", "-qv", "-o FILE", "-oFILE".
  void take_letters(std::string_view word) {
    const std::size_t first = at_;
    for (std::size_t i = 1; i < word.size(); ++i) {
      const Option* option = find(word[i]);
      if (option == nullptr) return fail_later(options::unknown_option(all_options(), word));
      const std::string_view rest = word.substr(i + 1);
      if (!option->is_flag() && !rest.empty()) return take_value(*option, rest);
      take_value(*option, std::nullopt, word.size() > 2);
      if (at_ != first) return;
    }
  }

  void take_value(const Option& option, std::optional<std::string_view> value, bool shared = false) {
    Occurrence given{&option, value, at_, 1, shared};
    if (!option.is_flag() && !value && !option.field.optional_value) {
      if (at_ + 1 == argv_.size())
        return fail_later(fmt::format("{}: {} is missing", option.flag_name(), option.value));
      given.value = argv_[++at_];
      given.words = 2;
    }
    const bool by_letter = argv_[given.word][1] != '-';
    if (option.name == "help") out_.question = by_letter ? Question::short_help : Question::help;
    if (option.name == "version" && out_.question == Question::none) out_.question = Question::version;
    out_.parsed.given_.push_back(given);
  }

  void take_argument(std::string_view word) {
    const Command*& sub = out_.parsed.subcommand_;
    if (!tool_.subcommands.empty() && sub == nullptr) {
      const auto named = std::find_if(tool_.subcommands.begin(), tool_.subcommands.end(),
                                      [&](const Command& c) { return c.name == word; });
      if (named == tool_.subcommands.end()) return fail_later(unknown_command(word));
      sub = &*named;
      return;
    }
    const options::List& arguments = sub != nullptr ? sub->arguments : tool_.arguments;
    if (next_argument_ == arguments.size()) return fail_later(unexpected(word));
    const Option& argument = arguments[next_argument_];
    if (!argument.field.repeatable) ++next_argument_;
    out_.parsed.given_.push_back({&argument, word, at_});
  }

  std::string unknown_command(std::string_view word) const {
    std::vector<std::string_view> names;
    for (const Command& command : tool_.subcommands) names.push_back(command.name);
    return unknown_name(word, "a command", names);
  }

  static std::string unexpected(std::string_view word) {
    return fmt::format("unexpected argument '{}'", printable(word));
  }

  void apply() {
    options::Application application;
    try {
      for (const Occurrence& given : out_.parsed.given_) application.apply(*given.option, given.value);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::usage) throw;
      throw with_help(error);
    }
    const Command* sub = out_.parsed.subcommand_;
    for (const Option& argument : sub != nullptr ? sub->arguments : tool_.arguments) {
      if (argument.required && !out_.parsed.has(argument.name))
        fail(fmt::format("{} is required", argument.name));
    }
  }

  std::span<const char* const> argv_;
  const Command& tool_;
  const options::List& general_;
  ParseResult out_;
  std::size_t at_ = 0, next_argument_ = 0;
  bool only_arguments_ = false;
  std::string error_;
};

ParseResult parse(std::span<const char* const> argv, const Command& tool, const options::List& general) {
  return Parser(argv, tool, general).run();
}

}  // namespace nn::cli
