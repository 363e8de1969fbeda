#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

#include "base/ascii.hpp"
#include "base/error.hpp"

namespace nn {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines = split(text, '\n');
  for (std::string& line : lines) {
    if (line.ends_with('\r')) line.pop_back();
  }
  return lines;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::size_t utf8_length(std::string_view text) {
  // The second byte's range is what rules out overlong forms, surrogates and what is over U+10FFFF
  // (RFC 3629, section 4).
  struct Sequence {
    unsigned char first, last;  // lead bytes
    unsigned char low, high;    // second bytes
    std::size_t length;
  };
  static constexpr Sequence sequences[] = {
      {0x00, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
      {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
      {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
  };
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (const auto& [first, last, low, high, length] : sequences) {
    if (byte(0) < first || byte(0) > last) continue;
    if (length == 1) return 1;
    if (length > text.size() || byte(1) < low || byte(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
      if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    return length;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string as_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    out += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= limit) return out + "…";
    const std::size_t length = utf8_length(text);
    const auto byte = static_cast<unsigned char>(text[0]);
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      out += byte == '\n' ? "\\n" : byte == '\t' ? "\\t" : fmt::format("\\x{:02x}", byte);
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

std::string unknown_name(std::string_view word, std::string_view what,
                         const std::vector<std::string_view>& names) {
  const auto meant = closest(word, {names.begin(), names.end()});
  return fmt::format(
      "'{}' is not {}; {}", printable(word), what,
      meant ? fmt::format("did you mean {}?", *meant) : fmt::format("there are {}", fmt::join(names, ", ")));
}

void fail_unknown_name(std::string_view word, std::string_view what,
                       const std::vector<std::string_view>& names) {
  fail_usage("{}", unknown_name(word, what, names));
}

namespace {

// Levenshtein's distance in which two neighbours that changed places are one mistake (optimal string
// alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({row[j] + 1, last[j + 1] + 1, last[j] + (a[i] == b[j] ? 0 : 1)});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j]) {
        row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
      }
    }
    before = std::exchange(last, row);
  }
  return last.back();
}

// As misspellings are compared: without the dashes of an option, and in small letters.
std::string plain(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  std::string text(word);
  for (char& c : text) c = to_lower(c);
  return text;
}

}  // namespace

std::optional<std::string> closest(std::string_view word, const std::vector<std::string>& candidates) {
  // Advice is not worth more than a moment, and words and candidates may come from outside, any number of any
  // length.
  constexpr std::size_t longest = 256, most_work = 4'000'000;  // characters, and pairs of them compared
  if (word.size() > longest) return std::nullopt;
  const std::string typed = plain(word);
  std::optional<std::string> best;
  std::size_t work = 0;
  // A beginning is more probable than any misspelling, and the less that is missing of it, the better.
  std::size_t best_mistakes = typed.size() / 3 + 1;
  std::size_t fewest_missing = std::string::npos;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > longest) continue;
    const std::string name = plain(candidate);
    work += (typed.size() + 1) * (name.size() + 1);
    if (work > most_work) break;
    if (name == typed && !name.empty()) return candidate;
    if (typed.size() >= 2 && name.starts_with(typed)) {
      if (name.size() - typed.size() >= fewest_missing) continue;
      fewest_missing = name.size() - typed.size();
      best = candidate;
    } else if (fewest_missing == std::string::npos) {
      const std::size_t mistakes = distance(typed, name);
      if (mistakes >= best_mistakes) continue;
      best_mistakes = mistakes;
      best = candidate;
    }
  }
  return best;
}

}  // namespace nn
