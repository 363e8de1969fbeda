// Lines of what a file is, for people. For the sources of this module only.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "model/model.hpp"

namespace nn::exchange {

// A key, which may be empty, and a value beside it.
class Lines {
 public:
  void add(std::string_view key, std::string_view value) { text_ += fmt::format("{:<12}{}\n", key, value); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// What the network is, and what it answers.
void add_network(const model::Model& model, Lines& lines);
// What it learned about the table, and where it comes from.
void add_origin(const model::Model& model, Lines& lines);

std::string bytes_text(std::uint64_t bytes);  // "1408 bytes", "23 MB"

}  // namespace nn::exchange
