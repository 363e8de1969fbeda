#include "cli/markup.hpp"

#include <algorithm>
#include <cctype>

#include "base/text.hpp"

namespace nn::cli {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n'; }
bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }
bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; }

// Reads the words of one paragraph.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Words run() {
    while (at_ < text_.size()) {
      if (is_space(text_[at_])) {
        end_word();
        ++at_;
      } else if (!take_marked() && !take_option()) {
        add(Piece::Kind::plain, text_.substr(at_++, 1));
      }
    }
    end_word();
    return std::move(words_);
  }

 private:
  char next(std::size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : ' '; }
  bool begins_word() const { return word_.empty() || (word_.size() == 1 && word_[0].text == "("); }

  void add(Piece::Kind kind, std::string_view text) {
    if (kind == Piece::Kind::plain && !word_.empty() && word_.back().kind == kind) {
      word_.back().text += text;
    } else {
      word_.push_back({kind, std::string(text)});
    }
  }

  bool take_marked() {
    const char mark = text_[at_];
    const bool opens = mark == '`' ||
                       (mark == '*' && std::isalnum(static_cast<unsigned char>(next(1))) != 0) ||
                       (mark == '\'' && begins_word());
    if (!opens) return false;
    const auto end = text_.find(mark, at_ + 1);
    if (end == std::string_view::npos) return false;
    // An apostrophe is no quotation mark.
    if (mark == '\'' && end + 1 < text_.size() && is_letter(text_[end + 1])) return false;
    add(mark == '`'   ? Piece::Kind::literal
        : mark == '*' ? Piece::Kind::value
                      : Piece::Kind::quoted,
        text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return true;
  }

  bool take_option() {
    if (text_[at_] != '-' || !begins_word()) return false;
    std::size_t length = 0;
    if (next(1) == '-' && is_letter(next(2))) {
      for (length = 3; is_name(next(length));) ++length;
    } else if (is_letter(next(1)) && !is_name(next(2))) {
      length = 2;
    }
    if (length == 0) return false;
    add(Piece::Kind::option, text_.substr(at_, length));
    at_ += length;
    return true;
  }

  // "nn-read(1)," is a page and a comma.
  void split_page() {
    if (word_.size() != 1 || word_[0].kind != Piece::Kind::plain) return;
    const std::string text = word_[0].text;
    const auto open = text.find('(');
    if (open == std::string::npos || open == 0 || open + 2 >= text.size() || text[open + 2] != ')') return;
    if (text[open + 1] < '1' || text[open + 1] > '8') return;
    if (!std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(open), is_name)) return;
    word_ = {{Piece::Kind::page, text.substr(0, open + 3)}};
    if (open + 3 < text.size()) word_.push_back({Piece::Kind::plain, text.substr(open + 3)});
  }

  void end_word() {
    if (word_.empty()) return;
    split_page();
    words_.push_back(std::move(word_));
    word_.clear();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Word word_;
  Words words_;
};

}  // namespace

std::vector<Block> parse_markup(std::string_view text) {
  constexpr std::string_view literal_indent = "    ";
  std::vector<Block> blocks;
  while (!text.empty()) {
    auto end = std::min(text.find("\n\n"), text.find("\n- "));
    end = std::min(end, text.size());
    std::string_view part = text.substr(0, end);
    text.remove_prefix(end);
    while (!text.empty() && text[0] == '\n') text.remove_prefix(1);
    Block block;
    if (part.starts_with(literal_indent)) {
      for (const std::string& line : split(part, '\n'))
        block.lines.push_back(line.substr(literal_indent.size()));
      blocks.push_back(std::move(block));
      continue;
    }
    const auto colons = part.find(" :: ");
    if (part.starts_with("- ") && colons != std::string_view::npos) {
      block.item = Reader(part.substr(2, colons - 2)).run();
      part.remove_prefix(colons + 4);
    }
    block.words = Reader(part).run();
    if (!block.words.empty()) blocks.push_back(std::move(block));
  }
  return blocks;
}

std::string plain_text(const Word& word) {
  std::string out;
  for (const Piece& piece : word) {
    switch (piece.kind) {
      case Piece::Kind::quoted: out += "'" + piece.text + "'"; break;
      case Piece::Kind::value:
        for (const char c : piece.text) out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        break;
      default: out += piece.text; break;
    }
  }
  return out;
}

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string wrapped(const Words& words, std::size_t indent, std::size_t width) {
  const std::string margin(indent, ' ');
  std::string out = margin;
  std::size_t column = indent;
  for (const Word& word : words) {
    const std::string text = plain_text(word);
    const std::size_t columns = columns_of(text);
    if (column > indent && column + 1 + columns > width) {
      out += "\n" + margin;
      column = indent;
    }
    if (column > indent) {
      out += ' ';
      ++column;
    }
    out += text;
    column += columns;
  }
  return out;
}

}  // namespace nn::cli
