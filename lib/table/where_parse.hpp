// What a condition is once it is read. For where.cpp and its parser only.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "table/where.hpp"

namespace nn::table {

struct Operand {
  enum class Kind : std::uint8_t { word, quoted, text, number, boolean } kind = Kind::word;
  std::size_t at = 0;      // in the condition's text, in bytes
  std::string text;        // word: a column; quoted: a column or a text
  long double number = 0;  // exact for all whole numbers of 64 bits; boolean: 0 or 1
};

struct Condition::Node {
  enum class Kind : std::uint8_t { all, any, no, compare, missing, in, boolean } kind = Kind::compare;
  enum class Operator : std::uint8_t { equal, unequal, less, less_equal, greater, greater_equal };
  std::vector<std::unique_ptr<const Node>> parts;  // all, any, no
  Operator op = Operator::equal;                   // compare
  Operand left;                                    // compare, missing, in, boolean
  std::vector<Operand> right;                      // compare: one; in: one and more
};

// Usage errors that show the place. Nesting is limited.
std::unique_ptr<const Condition::Node> parse_condition(std::string_view text);

// "message" with the part of the text around byte `at`, and a mark under it, in lines of their own.
Error condition_error(ErrorKind kind, std::string_view text, std::size_t at, std::string_view message);

}  // namespace nn::table
