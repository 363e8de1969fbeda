// What stands at the ends of a graph: which value is the answer, what it means, and what the classes are
// called. Internal to lib/onnx.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "onnx/import_flow.hpp"

namespace nn::onnx {

enum class AnswerKind : std::uint8_t {
  numbers,
  probabilities,      // of classes; what makes them of the network's outputs is left out
  log_probabilities,  // the same, as logarithms
  two_probabilities,  // of the first and the second class, of which the network gives the second's
};

struct Answer {
  std::string name;  // of the output
  int op = -1;       // the network's last operation
  AnswerKind kind = AnswerKind::numbers;
  // What the file calls the classes: texts, or integers in decimal. Empty: it doesn't say.
  std::vector<std::string> classes;
  bool integers = false;
};

// Errors (unsupported) where there is no output that a network could give, or several.
Answer find_answer(const FlowGraph& graph);

}  // namespace nn::onnx
