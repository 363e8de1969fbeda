#include "table/where_parse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/ascii.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"

namespace nn::table {
namespace {

using Node = Condition::Node;
using NodePtr = std::unique_ptr<Node>;

constexpr std::size_t deepest = 100;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_word(char c) {
  const char lower = to_lower(c);
  return (lower >= 'a' && lower <= 'z') || c == '_' || (static_cast<unsigned char>(c) & 0x80) != 0;
}
// There is no arithmetic, so that names such as marital-status need no quotes.
bool continues_word(char c) { return begins_word(c) || is_digit(c) || c == '.' || c == '-'; }

struct Token {
  enum class Kind : std::uint8_t { end, word, quoted, text, number, symbol } kind = Kind::end;
  std::size_t at = 0;
  std::string_view raw;
  std::string text;
  long double number = 0;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { advance(); }

  NodePtr parse() {
    if (token_.kind == Token::Kind::end) fail("a condition is missing");
    NodePtr node = any(0);
    if (is_symbol("&&") || is_symbol("&")) fail("write 'and'");
    if (is_symbol("||") || is_symbol("|")) fail("write 'or'");
    if (token_.kind != Token::Kind::end) fail("'and', 'or' or the end is expected");
    return node;
  }

 private:
  [[noreturn]] void fail(std::string_view message) const { fail_at(token_.at, message); }
  [[noreturn]] void fail_at(std::size_t at, std::string_view message) const {
    throw condition_error(ErrorKind::usage, text_, at, message);
  }

  bool is_symbol(std::string_view symbol) const {
    return token_.kind == Token::Kind::symbol && token_.raw == symbol;
  }
  bool is_keyword(std::string_view keyword) const {
    return token_.kind == Token::Kind::word && equal_ignoring_case(token_.raw, keyword);
  }
  bool take(std::string_view what) {
    if (!is_symbol(what) && !is_keyword(what)) return false;
    advance();
    return true;
  }

  void advance() {
    while (next_ < text_.size() && is_space(text_[next_])) ++next_;
    token_ = {};
    token_.at = next_;
    if (next_ == text_.size()) return;
    const char c = text_[next_];
    const char after = next_ + 1 < text_.size() ? text_[next_ + 1] : '\0';
    if (c == '\'' || c == '"') return quoted(c);
    if (is_digit(c) || ((c == '-' || c == '+' || c == '.') && (is_digit(after) || after == '.')))
      return number();
    std::size_t end = next_ + 1;
    if (begins_word(c)) {
      while (end < text_.size() && continues_word(text_[end])) ++end;
      token_.kind = Token::Kind::word;
    } else {
      constexpr std::string_view pairs[] = {"==", "!=", "<>", "<=", ">=", "&&", "||"};
      const bool two =
          std::find(std::begin(pairs), std::end(pairs), text_.substr(next_, 2)) != std::end(pairs);
      if (two) ++end;
      token_.kind = Token::Kind::symbol;
    }
    token_.raw = text_.substr(next_, end - next_);
    token_.text = token_.raw;
    next_ = end;
  }

  void quoted(char quote) {
    std::size_t at = next_ + 1;
    for (;; ++at) {
      if (at == text_.size()) fail_at(next_, "this quote is never closed");
      if (text_[at] == quote) {
        if (at + 1 == text_.size() || text_[at + 1] != quote) break;
        ++at;
      }
      token_.text += text_[at];
    }
    token_.kind = quote == '"' ? Token::Kind::quoted : Token::Kind::text;
    token_.raw = text_.substr(next_, at + 1 - next_);
    next_ = at + 1;
  }

  void number() {
    const char* first = text_.data() + next_ + (text_[next_] == '+' ? 1 : 0);
    const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), token_.number);
    if (error != std::errc()) fail_at(next_, "this is no number");
    const auto length = static_cast<std::size_t>(end - (text_.data() + next_));
    if (next_ + length < text_.size() && continues_word(text_[next_ + length]))
      fail_at(next_, "this is neither a number nor a name; a name that begins with a digit is quoted: \"…\"");
    token_.kind = Token::Kind::number;
    token_.raw = text_.substr(next_, length);
    token_.text = token_.raw;
    next_ += length;
  }

  NodePtr any(std::size_t depth) { return joined(Node::Kind::any, "or", depth); }
  NodePtr all(std::size_t depth) { return joined(Node::Kind::all, "and", depth); }

  NodePtr joined(Node::Kind kind, std::string_view word, std::size_t depth) {
    const auto part = [&] { return kind == Node::Kind::any ? all(depth) : no(depth); };
    NodePtr first = part();
    if (!is_keyword(word)) return first;
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->parts.push_back(std::move(first));
    while (take(word)) node->parts.push_back(part());
    return node;
  }

  NodePtr no(std::size_t depth) {
    if (depth > deepest) fail("this is nested too deeply");
    if (is_symbol("!")) fail("write 'not'");
    if (take("not")) {
      auto node = std::make_unique<Node>();
      node->kind = Node::Kind::no;
      node->parts.push_back(no(depth + 1));
      return node;
    }
    if (take("(")) {
      NodePtr node = any(depth + 1);
      if (!take(")")) fail("')' is expected");
      return node;
    }
    return comparison();
  }

  Operand operand() {
    Operand out;
    out.at = token_.at;
    out.text = token_.text;
    switch (token_.kind) {
      case Token::Kind::number:
        out.kind = Operand::Kind::number;
        out.number = token_.number;
        break;
      case Token::Kind::text: out.kind = Operand::Kind::text; break;
      case Token::Kind::quoted: out.kind = Operand::Kind::quoted; break;
      case Token::Kind::word:
        for (const char* word : {"and", "or", "not", "in", "is", "missing", "null"}) {
          if (is_keyword(word))
            fail(fmt::format("a column or a value is expected; a column '{}' is quoted: \"{}\"", token_.raw,
                             token_.raw));
        }
        if (is_keyword("true") || is_keyword("false")) {
          out.kind = Operand::Kind::boolean;
          out.number = is_keyword("true") ? 1 : 0;
        }
        break;
      case Token::Kind::symbol:
      case Token::Kind::end: fail("a column or a value is expected");
    }
    advance();
    return out;
  }

  std::optional<Node::Operator> find_operator() const {
    using Operator = Node::Operator;
    constexpr std::pair<std::string_view, Operator> operators[] = {
        {"=", Operator::equal},    {"==", Operator::equal},        {"!=", Operator::unequal},
        {"<>", Operator::unequal}, {"<", Operator::less},          {"<=", Operator::less_equal},
        {">", Operator::greater},  {">=", Operator::greater_equal}};
    for (const auto& [text, op] : operators) {
      if (is_symbol(text)) return op;
    }
    return std::nullopt;
  }

  NodePtr comparison() {
    auto node = std::make_unique<Node>();
    node->left = operand();
    if (const auto op = find_operator()) {
      advance();
      node->op = *op;
      node->right.push_back(operand());
      if (find_operator()) fail("two comparisons are joined by 'and'");
      return node;
    }
    bool negated = false;
    if (take("is")) {
      node->kind = Node::Kind::missing;
      negated = take("not");
      if (!take("missing") && !take("null")) fail("'missing' is expected");
    } else if (is_keyword("not") || is_keyword("in")) {
      negated = take("not");
      if (!take("in")) fail("'in' is expected");
      in_list(*node);
    } else {
      node->kind = Node::Kind::boolean;
      if (node->left.kind != Operand::Kind::word && node->left.kind != Operand::Kind::quoted)
        fail_at(node->left.at, "a comparison is expected, such as =, <, in (…) or is missing");
    }
    if (!negated) return node;
    auto no = std::make_unique<Node>();
    no->kind = Node::Kind::no;
    no->parts.push_back(std::move(node));
    return no;
  }

  void in_list(Node& node) {
    node.kind = Node::Kind::in;
    if (!take("(")) fail("'(' is expected");
    do {
      node.right.push_back(operand());
    } while (take(","));
    if (!take(")")) fail("',' or ')' is expected");
  }

  std::string_view text_;
  std::size_t next_ = 0;
  Token token_;
};

}  // namespace

std::unique_ptr<const Condition::Node> parse_condition(std::string_view text) { return Parser(text).parse(); }

Error condition_error(ErrorKind kind, std::string_view text, std::size_t at, std::string_view message) {
  constexpr std::size_t most = 60;
  const auto continues = [&](std::size_t i) { return (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80; };
  std::size_t first = at > most ? at - most : 0, last = std::min(text.size(), at + most);
  while (first > 0 && first < text.size() && continues(first)) --first;
  while (last < text.size() && continues(last)) ++last;
  const std::string before = (first > 0 ? "…" : "") + printable(text.substr(first, at - first), 4 * most);
  const std::string after = printable(text.substr(at, last - at), 4 * most) + (last < text.size() ? "…" : "");
  return {kind, fmt::format("{}\n  {}{}\n  {}^", message, before, after,
                            std::string(display_columns(before), ' '))};
}

}  // namespace nn::table
