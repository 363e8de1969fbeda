// One operation of a plan on the CPU: where its values lie, and how it computes them.
// Internal to the backend.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>

#include "backend/cpu/bf16.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/team.hpp"
#include "base/memory.hpp"
#include "nn/kind_table.hpp"
#include "nn/plan.hpp"

namespace nn::backend::cpu {

constexpr std::int64_t round_up(std::int64_t n) { return (n + 15) / 16 * 16; }

// Rows of values and of their gradients.
template <typename T>
struct TensorView {
  T* data = nullptr;
  std::int64_t stride = 0;
  T* gradient = nullptr;  // null where nobody asks for it

  bool padded() const { return stride % 16 == 0; }
};

// The elements of a pixel to those of the next one, for images in such a view.
template <typename T>
std::int64_t pixel_stride(const TensorView<T>& view, const Image& image) {
  return image.pixels() == 1 ? view.stride : image.channels;
}

// The windows of a convolution or a pool; strides, channels and pixels are left to set.
inline Patches patches_over(const Op& op) {
  Patches p;
  p.in = {op.in.height, op.in.width};
  p.out = {op.out.height, op.out.width};
  p.kernel = {op.window.kernel.height, op.window.kernel.width};
  p.strides = {op.window.strides.height, op.window.strides.width};
  p.top = op.window.top;
  p.left = op.window.left;
  p.dilation = {op.window.dilation.height, op.window.dilation.width};
  return p;
}

// Memory for a program's life, all of it taken before its first step.
template <typename T>
class Arena {
 public:
  // `count` elements and up to 31 beyond that may be read and written.
  T* take(std::int64_t count, bool zeroed);

 private:
  std::deque<Buffer> buffers_;
};

// The context that all operations of a program share.
template <typename T>
struct ProgramContext {
  const Kernels<T>& kernels;
  const Plan& plan;
  Arena<T>& arena;
  Team* team;               // null: one thread
  const Bf16Kernels* bf16;  // null: products in full precision
  bool training;
  std::int64_t batch;
  std::uint64_t seed;
  const T* parameters;
  T* own_parameters;  // training: the same, to be changed
  T* gradients;       // of the parameters
  T* panels;          // scratch for products, panel_size for each thread

  int threads() const { return team == nullptr ? 1 : team->size(); }
  T* panel(int part) const { return panels + part * panel_size; }

  // f(part, parts) for every part: at the same time where there is enough to do.
  template <typename F>
  void split(double operations, F&& f) const {
    const int parts = team != nullptr && operations >= team->least() ? team->size() : 1;
    if (parts == 1) return f(0, 1);
    team->run([&](int part) { f(part, parts); });
  }
};

struct Run {
  std::int64_t rows = 0;
  bool training = false;
  std::uint64_t step = 0;
};

template <typename T>
class Operation {
 public:
  virtual ~Operation() = default;
  // Output from input. Outputs' padding is written too, with what doesn't matter.
  virtual void forward(const Run& run) = 0;
  // Gradients of input and parameters (overwritten), but for those that nobody asks for, from that of the
  // output, which is lost.
  virtual void backward(const Run& run) = 0;
};

template <typename T>
struct Operands {
  const Op& op;
  const ProgramContext<T>& context;  // outlives the operation, as do the views
  const TensorView<T>& input;
  std::span<const TensorView<T>* const> others;  // as Op::others; the list is gone behind the constructor
  const TensorView<T>& output;

  const T* parameter(std::size_t i) const { return context.parameters + offset(i); }
  T* own_parameter(std::size_t i) const {
    return context.training ? context.own_parameters + offset(i) : nullptr;
  }
  // Null in predictions, and where the operation is frozen.
  T* gradient(std::size_t i) const {
    return context.training && !is_frozen(context.plan, op) ? context.gradients + offset(i) : nullptr;
  }

 private:
  std::int64_t offset(std::size_t i) const {
    return context.plan.parameters[static_cast<std::size_t>(op.parameters[i])].offset;
  }
};

template <typename T>
using OperationPtr = std::unique_ptr<Operation<T>>;

// Specialised once for each kind, in ops.
template <OpKind kind, typename T>
OperationPtr<T> make(const Operands<T>& operands);

template <typename T>
OperationPtr<T> make_operation(const Operands<T>& operands) {
  static constexpr auto makers =
      table_of<OpKind>([](auto constant) { return &make<decltype(constant)::value, T>; });
  return makers.at(static_cast<std::size_t>(operands.op.kind))(operands);
}

}  // namespace nn::backend::cpu
