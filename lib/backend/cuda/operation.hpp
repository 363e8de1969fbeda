// One operation of a plan on a CUDA device: where its values lie, and how they are computed.
// Everything works on whole batches, so that a recorded step fits every number of rows.
// Internal to the backend.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

#include "backend/cuda/blas.hpp"
#include "backend/cuda/step_state.hpp"
#include "nn/kind_table.hpp"
#include "nn/plan.hpp"

namespace nn::backend::cuda {

// Rows of values and of their gradients, on the device.
template <typename T>
struct TensorView {
  Each<T> data;
  Index stride = 0;
  Each<T> gradient{};  // null where nobody asks for it
};

// The elements of a pixel to those of the next one, of the same row or another.
template <typename T>
Index pixel_stride(const TensorView<T>& view, const Image& image) {
  return image.pixels() == 1 ? view.stride : image.channels;
}

// Memory that operations use in turn: as much as the largest needs.
template <typename T>
class Scratch {
 public:
  void need(Index count) { count_ = std::max(count_, count); }
  void allocate(Arena& arena, Index members) { data_ = arena.take_each<T>(members, well_aligned(count_)); }
  Each<T> data() const { return data_; }

 private:
  Index count_ = 0;
  Each<T> data_;
};

// The context that all operations of a program share.
template <typename T>
struct ProgramContext {
  const Plan& plan;
  Arena& arena;
  const Blas& blas;
  Queue queue;
  bool training;
  Index batch;  // rows that are computed: of a prediction maybe less than there is room for
  Each<const StepState> state{};
  Each<T> parameters{};
  Each<T> gradients{};        // of the parameters
  Scratch<double> partial{};  // sums of some rows
  Scratch<T> patches{};

  // `count` elements for each member.
  template <typename E>
  Each<E> take(Index count) const {
    return arena.take_each<E>(queue.members, count);
  }
};

template <typename T>
class Operation {
 public:
  virtual ~Operation() = default;
  // Output from input.
  virtual void forward(bool training) = 0;
  // Gradients of inputs (overwritten, or added to: see Operands) and of parameters
  // (overwritten), but for those that nobody asks for, from that of the output, which is lost.
  virtual void backward() = 0;
};

template <typename T>
struct Input {
  const TensorView<T>& view;
  bool adds;  // to a gradient that is there already
};

template <typename T>
struct Operands {
  const Op& op;
  ProgramContext<T>& context;  // outlives the operation, as do the views
  const TensorView<T>&input, &output;
  bool input_adds;                   // to a gradient that is there already
  std::span<const Input<T>> others;  // as Op::others; the list is gone behind the constructor

  Each<T> parameter(std::size_t i) const { return context.parameters.from(offset(i)); }
  // Null in predictions, and where the operation is frozen.
  Each<T> gradient(std::size_t i) const {
    return context.training && !is_frozen(context.plan, op) ? context.gradients.from(offset(i)) : nullptr;
  }

 private:
  Index offset(std::size_t i) const {
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

}  // namespace nn::backend::cuda
