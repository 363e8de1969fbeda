#include "sweep/template.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::sweep {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// The length of the identifier in front.
std::size_t identifier(std::string_view text) {
  if (text.empty() || !is_letter(text[0])) return 0;
  const auto end =
      std::find_if(text.begin(), text.end(), [](char c) { return !is_letter(c) && !(c >= '0' && c <= '9'); });
  return static_cast<std::size_t>(end - text.begin());
}

void add_new(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

}  // namespace

// Takes a text apart. Optional parts may be within each other; `depth` bounds how deep.
struct Template::Reader {
  static constexpr int deepest = 16;
  std::string_view whole, rest;
  explicit Reader(std::string_view text) : whole(text), rest(text) {}

  Pieces read(int depth) {
    Pieces pieces;
    std::string text;
    const auto end_text = [&] {
      if (!text.empty()) pieces.push_back({Piece::Is::text, std::exchange(text, {}), {}});
    };
    // Of an optional part's own text, the braces that it opened.
    int open = 0;
    while (!rest.empty()) {
      if (rest.starts_with("{?")) {
        const std::size_t name = identifier(rest.substr(2));
        if (name > 0 && rest.substr(2 + name).starts_with(':')) {
          end_text();
          pieces.push_back(optional(name, depth));
          continue;
        }
      }
      if (rest[0] == '{') {
        const std::size_t name = identifier(rest.substr(1));
        if (name > 0 && rest.substr(1 + name).starts_with('}')) {
          end_text();
          pieces.push_back({Piece::Is::value, std::string(rest.substr(1, name)), {}});
          rest.remove_prefix(name + 2);
          continue;
        }
        ++open;
      }
      if (rest[0] == '}' && depth > 0 && open-- == 0) break;
      text += rest[0];
      rest.remove_prefix(1);
    }
    end_text();
    return pieces;
  }

  Piece optional(std::size_t name, int depth) {
    if (depth == deepest) fail_usage("'{}': optional parts are too deep in each other", printable(whole));
    Piece piece{Piece::Is::optional, std::string(rest.substr(2, name)), {}};
    rest.remove_prefix(name + 3);
    piece.inner = read(depth + 1);
    if (rest.empty()) fail_usage("'{}': the part {{?{}:… has no end }}", printable(whole), piece.text);
    rest.remove_prefix(1);
    return piece;
  }
};

Template::Template(std::vector<std::string> words) : words_(std::move(words)) {
  for (const std::string& word : words_) {
    Pieces pieces = Reader(word).read(0);
    std::vector<std::string> asked;
    note_names(pieces, asked);
    pieces_.push_back(std::move(pieces));
  }
}

Template Template::of_shell(std::string text) {
  Template shell({std::move(text)});
  shell.shell_ = true;
  return shell;
}

void Template::note_names(const Pieces& pieces, std::vector<std::string>& asked) {
  for (const Piece& piece : pieces) {
    if (piece.is == Piece::Is::text) continue;
    add_new(names_, piece.text);
    if (piece.is == Piece::Is::optional) {
      asked.push_back(piece.text);
      note_names(piece.inner, asked);
      asked.pop_back();
    } else if (std::find(asked.begin(), asked.end(), piece.text) == asked.end()) {
      add_new(plain_, piece.text);
    }
  }
}

std::string Template::text_of(const Pieces& pieces, const Values& values) const {
  std::string out;
  for (const Piece& piece : pieces) {
    if (piece.is == Piece::Is::text) {
      out += piece.text;
      continue;
    }
    const auto value = values(piece.text);
    if (!value) continue;
    out += piece.is == Piece::Is::optional ? text_of(piece.inner, values)
           : shell_                        ? shell_quoted(*value)
                                           : *value;
  }
  return out;
}

std::vector<std::string> Template::fill(const Values& values) const {
  std::vector<std::string> out;
  for (const Pieces& pieces : pieces_) {
    const bool words = !shell_ && pieces.size() == 1 && pieces[0].is == Piece::Is::optional;
    if (!words) {
      out.push_back(text_of(pieces, values));
      continue;
    }
    if (!values(pieces[0].text)) continue;
    // Spaces of the template separate words, those of values don't.
    bool in_word = false;
    for (const Piece& piece : pieces[0].inner) {
      if (piece.is != Piece::Is::text) {
        if (!std::exchange(in_word, true)) out.emplace_back();
        out.back() += text_of({piece}, values);
        continue;
      }
      for (const char c : piece.text) {
        if (c == ' ') {
          in_word = false;
          continue;
        }
        if (!std::exchange(in_word, true)) out.emplace_back();
        out.back() += c;
      }
    }
  }
  return out;
}

std::string shell_quoted(std::string_view word) {
  constexpr std::string_view plain = "_-+=./,:@%^";
  const bool safe = !word.empty() && std::all_of(word.begin(), word.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || plain.find(c) != std::string_view::npos;
  });
  if (safe) return std::string(word);
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + '\'';
}

std::string shell_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + shell_quoted(word);
  return line;
}

}  // namespace nn::sweep
