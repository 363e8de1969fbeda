// Takes JSON apart from front to end, without a tree: fast, and bounded whatever the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace nn {

// After a fault all of it returns nothing, and ok() is false: who reads on asks once, at the end.
class JsonCursor {
 public:
  // Texts with escapes are put into `unescaped`; all others are pieces of `text`.
  JsonCursor(std::string_view text, std::deque<std::string>& unescaped, std::size_t nesting)
      : at_(text.data()), end_(at_ + text.size()), unescaped_(unescaped), nesting_left_(nesting) {}

  bool ok() const { return fault_ == nullptr; }
  const char* fault() const { return fault_; }
  void fail(const char* fault) {
    if (ok()) fault_ = fault;
    at_ = end_;
  }
  // Only space is left.
  bool at_end() {
    space();
    return at_ == end_;
  }
  // What is next without space: 0 at the end.
  char peek() {
    space();
    return at_ == end_ ? '\0' : *at_;
  }
  std::string_view rest() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }
  void advance(std::size_t bytes) { at_ += bytes; }

  // Calls `member` with each key; it takes the value.
  template <typename Member>
  void object(Member&& member) {
    if (!enter('{')) return;
    if (leave('}')) return;
    do {
      const std::string_view key = string();
      if (!take(':')) return fail("a key without a value");
      member(key);
    } while (ok() && take(','));
    if (ok() && !leave('}')) fail("an object without an end");
  }
  template <typename Element>
  void array(Element&& element) {
    if (!enter('[')) return;
    if (leave(']')) return;
    do {
      element();
    } while (ok() && take(','));
    if (ok() && !leave(']')) fail("an array without an end");
  }
  std::string_view string();
  double number();  // also NaN, Infinity and -Infinity
  // A whole number that isn't negative; or any.
  std::uint64_t count();
  std::int64_t integer();
  bool take_null();
  bool boolean();
  // Any value, checked, as it stands there.
  std::string_view skip();

 private:
  void space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\r' || *at_ == '\n')) ++at_;
  }
  bool take(char c) {
    space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool enter(char c);
  bool leave(char c);
  bool take_word(std::string_view word);
  std::string_view digits();
  std::string_view unescape(const char* begin);
  bool escape(std::string& text);
  std::optional<std::uint32_t> hex4();

  const char* at_;
  const char* end_;
  std::deque<std::string>& unescaped_;
  std::size_t nesting_left_;
  const char* fault_ = nullptr;
};

}  // namespace nn
