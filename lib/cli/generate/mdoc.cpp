#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <string>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/generate/generate.hpp"
#include "cli/help.hpp"
#include "cli/markup.hpp"

namespace nn::cli {

using options::Option;

namespace {

constexpr std::string_view closing = ".,:;)]?!";

bool is_closing(std::string_view text) {
  return !text.empty() && text.find_first_not_of(closing) == std::string_view::npos;
}

// Characters that roff takes for something else.
std::string roff_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\\': out += "\\e"; break;
      case '^': out += "\\(ha"; break;
      case '~': out += "\\(ti"; break;
      default: out += c; break;
    }
  }
  return out == "-" ? "\\-" : out;
}

// The width of a list whose items are short words; otherwise they stand above their texts.
std::string width_of_items(const std::vector<Block>& blocks, std::size_t from) {
  std::size_t longest = 0;
  for (std::size_t i = from; i < blocks.size() && !blocks[i].item.empty(); ++i) {
    std::size_t columns = 0;
    for (const Word& word : blocks[i].item) columns += columns_of(plain_text(word)) + 1;
    longest = std::max(longest, columns - 1);
  }
  return longest > 6 && longest <= 10 ? std::string(longest, 'n') : "Ds";
}

// An argument of a macro.
std::string roff_argument(std::string_view text) {
  const bool mark = text.size() == 1 && closing.find(text) != std::string_view::npos;
  std::string plain = (mark ? "\\&" : "") + roff_text(text);
  const bool needs_quotes = plain.empty() || plain.find_first_of(" \"") != std::string::npos;
  if (!needs_quotes) return plain;
  std::string out = "\"";
  for (const char c : plain) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

// "Cm stack", "Fl Fl at".
std::string macro_of(const Piece& piece) {
  switch (piece.kind) {
    case Piece::Kind::literal: return "Cm " + roff_argument(piece.text);
    case Piece::Kind::quoted: return "Ql " + roff_argument(piece.text);
    case Piece::Kind::value: return "Ar " + roff_argument(piece.text);
    case Piece::Kind::option:
      return piece.text.starts_with("--") ? "Fl Fl " + piece.text.substr(2) : "Fl " + piece.text.substr(1);
    case Piece::Kind::page: {
      const auto open = piece.text.find('(');
      return fmt::format("Xr {} {}", piece.text.substr(0, open), piece.text[open + 1]);
    }
    case Piece::Kind::plain: break;
  }
  return "No " + roff_argument(piece.text);
}

// Marks at the end of a word stand apart, so that they don't get the macro's font.
std::string closing_arguments(std::string_view marks) {
  std::string out;
  for (const char c : marks) out += fmt::format(" {}", c);
  return out;
}

// A word with macros in it, without the dot in front of the line.
std::string macro_line(const Word& word) {
  std::string out;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const Piece& piece = word[i];
    const bool last = i + 1 == word.size();
    if (i > 0 && last && piece.kind == Piece::Kind::plain && is_closing(piece.text)) {
      return out + closing_arguments(piece.text);
    }
    if (i == 0 && piece.text == "(" && piece.kind == Piece::Kind::plain) {
      const std::string next = macro_of(word[1]);
      const auto space = next.rfind(' ', next.find('"'));  // "Cm (" and then what it is
      out += fmt::format("{} ({}", next.substr(0, space), next.substr(space));
      ++i;
      continue;
    }
    out += (i > 0 ? " Ns " : "") + macro_of(piece);
  }
  return out;
}

bool ends_sentence(const Word& word) {
  const std::string& text = word.back().text;
  return word.back().kind == Piece::Kind::plain && (text.ends_with('.') || text.ends_with(':'));
}

std::string mdoc_words(const Words& words) {
  constexpr std::size_t width = 100;
  std::string out, line;
  const auto end_line = [&] {
    if (line.empty()) return;
    if (line[0] == '.' || line[0] == '\'') line.insert(0, "\\&");
    out += line + "\n";
    line.clear();
  };
  for (const Word& word : words) {
    const bool plain = word.size() == 1 && word[0].kind == Piece::Kind::plain;
    if (plain) {
      const std::string text = roff_text(word[0].text);
      if (line.size() + 1 + text.size() > width) end_line();
      line += (line.empty() ? "" : " ") + text;
      if (ends_sentence(word)) end_line();
    } else {
      end_line();
      out += "." + macro_line(word) + "\n";
    }
  }
  end_line();
  return out;
}

std::string one_line(const Words& words) {
  std::string out;
  for (const Word& word : words) out += (out.empty() ? "" : " ") + macro_line(word);
  return out;
}

std::string mdoc_text(std::string_view text) {
  std::string out;
  bool in_list = false, first = true;
  const std::vector<Block> blocks = parse_markup(text);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Block& block = blocks[i];
    const bool item = !block.item.empty();
    if (item && !in_list) out += fmt::format(".Bl -tag -width {} -compact\n", width_of_items(blocks, i));
    if (!item && in_list) out += ".El\n";
    if (!block.lines.empty()) {
      out += ".Bd -literal -offset indent\n";
      for (const std::string& line : block.lines) out += "\\&" + roff_text(line) + "\n";
      out += ".Ed\n";
    }
    if (item) out += ".It " + one_line(block.item) + "\n";
    if (!item && !first && block.lines.empty()) out += ".Pp\n";
    out += mdoc_words(block.words);
    in_list = item;
    first = false;
  }
  return in_list ? out + ".El\n" : out;
}

// "FRACTION|FILE" as arguments of ".It": capitals are to be put in, everything else stands for itself.
std::string mdoc_value(std::string_view value) {
  std::string out;
  bool glued = false;  // to what comes next
  const auto add = [&](const std::string& text, bool tight) {
    out += (glued && tight ? " Ns " : " ") + text;
    glued = true;
  };
  for (std::size_t i = 0; i < value.size();) {
    const auto run = [&](auto fits) {
      const std::size_t from = i;
      while (i < value.size() && fits(static_cast<unsigned char>(value[i]))) ++i;
      return std::string(value.substr(from, i - from));
    };
    const auto c = static_cast<unsigned char>(value[i]);
    if (std::isupper(c) != 0) {
      std::string name;
      for (const char letter : run([](unsigned char l) { return std::isupper(l) != 0; })) {
        name += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
      }
      add("Ar " + name, true);
    } else if (c == '|') {
      ++i;
      out += " |";
      glued = false;
    } else if (c == '[' || c == ']') {
      ++i;
      add(c == '[' ? "Oo" : "Oc", c == '[');
      glued = c == ']' && i < value.size();
      if (c == '[') glued = false;
    } else {
      const std::string rest =
          run([](unsigned char l) { return std::isupper(l) == 0 && std::strchr("[]|", l) == nullptr; });
      add("Li " + roff_argument(rest), true);
    }
  }
  return out;
}

std::string mdoc_heading(const Option& option) {
  std::string out;
  if (option.letter != 0) out += fmt::format("Fl {} , ", option.letter);
  out += fmt::format("Fl Fl {}", option.name);
  if (option.value.empty()) return out;
  if (option.field.optional_value) return out + " Ns Oo Li = Ns" + mdoc_value(option.value) + " Oc";
  return out + mdoc_value(option.value);
}

std::string mdoc_list(const options::List& list, std::string_view section) {
  std::string out;
  for (const Option& option : list) {
    if (section_of(option.group) != section) continue;
    const std::string text =
        option.text.empty() ? with_default(option, option.help) + "." : with_default(option, option.text);
    out += fmt::format(".It {}\n{}", mdoc_heading(option), mdoc_text(text));
  }
  return out.empty() ? out : fmt::format(".Bl -tag -width Ds\n{}.El\n", out);
}

}  // namespace

std::string mdoc_section(const Command& tool, const options::List& general, std::string_view section) {
  options::List all = tool.options;
  for (const Command& sub : tool.subcommands) {
    for (const Option& option : sub.options) {
      // What several commands have stands there once, unless each says something else of it.
      const bool is_there = std::any_of(all.begin(), all.end(), [&](const Option& other) {
        return other.name == option.name && other.text == option.text && other.help == option.help;
      });
      if (!is_there) all.push_back(option);
    }
  }
  all.insert(all.end(), general.begin(), general.end());
  std::string out;
  if (section.empty()) {
    for (const std::string_view group : groups_of(all)) {
      out += fmt::format(".Ss {}\n{}", section_of(group), mdoc_list(all, section_of(group)));
    }
    return out;
  }
  out = mdoc_list(all, section);
  if (out.empty()) fail_usage("--generate man: {} has no section '{}'", tool.name, printable(section));
  return out;
}

}  // namespace nn::cli
