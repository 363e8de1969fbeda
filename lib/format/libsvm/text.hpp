// The grammar of LIBSVM's sparse text, a row a line: "label [qid:group] index:value … [# comment]". Blanks
// are spaces and tabs, also between a colon and its value.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace nn::format {

// A line without its comment and outer blanks.
std::string_view libsvm_line(std::string_view line);

inline bool is_libsvm_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// The text up to the next blank.
std::string_view libsvm_word(std::string_view text);

// Whether the first lines of a text are LIBSVM's: the first that isn't blank, a comment or a number alone
// says it. Nothing where no such line is complete yet; `complete`: the text ends here.
std::optional<bool> looks_like_libsvm(std::string_view text, bool complete);

// A label as the integer that it is, also where it is written 1.0 or 1e3.
std::optional<std::int64_t> whole_label(std::string_view word);

// What rows have to say before they are read.
struct LibsvmSurvey {
  bool only_zero = false;       // of the indices nothing else is asked; `largest` and `any` aren't known then
  std::int64_t largest = 0;     // index
  bool any = false;             // there are indices
  std::int64_t zero_line = -1;  // of the first index 0, from 1; -1: there is none
  bool whole_labels = true;

  // What follows what was looked at so far. Lines that are wrong are left to the parser, which says what is
  // wrong with them.
  void look_at(std::string_view text);
  std::int64_t lines = 0;  // looked at

  // Parts of look_at(), for it alone.
  void look_with_care(std::string_view text);
  void look_at_labels(std::string_view text);
  void look_at_indices(std::string_view text);
};

}  // namespace nn::format
