// The lowering of a network to a plan: descriptors in nn/layers add operations and parameters with it.
// Internal to lib/nn; lower() is for all others.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "nn/plan.hpp"

namespace nn {

class Lowering {
 public:
  Lowering(const Network& network, Loss loss);
  Plan run();  // once; the rest is called by layers meanwhile

  // Rows as the layer gets them. Usage error where they are vectors, for layers over images.
  const Image& input() const { return here_.image; }
  const Image& input_image(const Layer& layer) const;
  const std::vector<InputSegment>& segments() const { return plan_.segments; }

  // From here on rows are vectors, which no window goes over.
  void flatten();

  // Each adds a parameter of the layer, named `what`, and returns its index.
  int add_parameter(const Layer& layer, std::string_view what, Shape shape, double initial = 0);
  int add_kernel(const Layer& layer, Shape shape, std::int64_t fan_in, std::int64_t fan_out);
  // For an operation's parameters and what else is to be said of one; not for longer than the next one is
  // added.
  Parameter& parameter(int index) { return plan_.parameters[static_cast<std::size_t>(index)]; }

  // Each adds an operation of the layer that reads what the one before it wrote. Valid until the next one.
  Op& push(OpKind kind, const Image& out);
  Op& push_window(OpKind kind, const Layer& layer, std::int64_t channels);

  // The marks of a block: each branch begins with its input.
  void begin_block(const Layer& layer);
  void next_branch();
  void end_residual();
  void end_concat();

 private:
  struct Value {
    int value;
    Image image;
    bool flat;  // a vector
  };
  struct Block {
    const Layer* layer;
    Value begin;
    std::vector<Value> branches;  // those that have ended
  };

  const Network& network_;
  Plan plan_;
  std::size_t index_ = 0;  // of the layer
  Value here_{};           // the value that the next layer reads
  std::vector<Block> blocks_;
};

}  // namespace nn
