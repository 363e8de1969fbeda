// Commands with placeholders: {name} is a value, {?name:…} is there only where the parameter is. A
// placeholder is a name in braces and nothing else: other braces are text, as those of awk and JSON.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nn::sweep {

// Immutable. Thread-safe.
class Template {
 public:
  // What stands for a name; nothing where it isn't there in this trial.
  using Values = std::function<std::optional<std::string>(std::string_view name)>;

  Template() = default;
  // A word each. A word that is one optional part and nothing else is several words, split at its spaces, or
  // none:
  // '{?momentum:--momentum {momentum}}'. Usage error where an optional part has no end.
  explicit Template(std::vector<std::string> words);
  // A text for a shell: values are quoted where a shell would see more in them than their characters.
  static Template of_shell(std::string text);

  // Names in the order of their first use; those in front of an optional part's colon too.
  const std::vector<std::string>& names() const { return names_; }
  // Names that are used outside of optional parts that ask for them.
  const std::vector<std::string>& plain_names() const { return plain_; }
  std::vector<std::string> fill(const Values& values) const;
  // As it was given.
  const std::vector<std::string>& words() const { return words_; }
  bool is_shell() const { return shell_; }

 private:
  struct Piece {
    enum class Is { text, value, optional } is;
    std::string text;  // or the name
    std::vector<Piece> inner;
  };
  using Pieces = std::vector<Piece>;
  struct Reader;
  void note_names(const Pieces& pieces, std::vector<std::string>& asked);
  std::string text_of(const Pieces& pieces, const Values& values) const;

  std::vector<std::string> words_;
  std::vector<Pieces> pieces_;  // by word
  std::vector<std::string> names_, plain_;
  bool shell_ = false;
};

// A word as a shell takes it, in quotes where it needs them.
std::string shell_quoted(std::string_view word);
// A command line that can be pasted into a shell.
std::string shell_line(const std::vector<std::string>& words);

}  // namespace nn::sweep
