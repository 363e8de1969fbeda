// Numbers as they are, and for each category the row of the table that stands for it.
// Categories come one-hot: an unknown one is all zero, and so is what it becomes.
#include <algorithm>

#include "backend/cpu/operation.hpp"

namespace nn::backend::cpu {
namespace {

template <typename T>
class Embedding final : public Operation<T> {
 public:
  explicit Embedding(const Operands<T>& o)
      : segments_(o.context.plan.segments),
        in_(o.input),
        out_(o.output),
        units_(shape_of(o)[1]),
        size_(element_count(shape_of(o))),
        table_(o.parameter(0)),
        gradient_(o.gradient(0)) {}

  void forward(const Run& run) override {
    for (std::int64_t i = 0; i < run.rows; ++i) {
      const T* x = in_.data + i * in_.stride;
      T* y = out_.data + i * out_.stride;
      const T* table = table_;
      for (const InputSegment& segment : segments_) {
        if (segment.category) {
          std::fill_n(y, units_, T{0});
          for (std::int64_t j = 0; j < segment.width; ++j) add(x[j], table + j * units_, y);
          table += segment.width * units_;
          y += units_;
        } else {
          y = std::copy_n(x, segment.width, y);
        }
        x += segment.width;
      }
    }
  }

  void backward(const Run& run) override {
    if (gradient_ == nullptr) return;
    std::fill_n(gradient_, size_, T{0});
    for (std::int64_t i = 0; i < run.rows; ++i) {
      const T* x = in_.data + i * in_.stride;
      const T* g = out_.gradient + i * out_.stride;
      T* table = gradient_;
      for (const InputSegment& segment : segments_) {
        if (segment.category) {
          for (std::int64_t j = 0; j < segment.width; ++j) add(x[j], g, table + j * units_);
          table += segment.width * units_;
        }
        g += segment.category ? units_ : segment.width;
        x += segment.width;
      }
    }
  }

 private:
  static const Shape& shape_of(const Operands<T>& o) {
    return o.context.plan.parameters[static_cast<std::size_t>(o.op.parameters[0])].shape;
  }
  void add(T factor, const T* from, T* to) const {
    if (factor == T{0}) return;
    for (std::int64_t j = 0; j < units_; ++j) to[j] += factor * from[j];
  }

  const std::vector<InputSegment>& segments_;
  const TensorView<T>&in_, &out_;
  std::int64_t units_, size_;
  const T* table_;
  T* gradient_;
};

}  // namespace

template <>
OperationPtr<NN_SCALAR> make<OpKind::embedding>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<Embedding<NN_SCALAR>>(o);
}

}  // namespace nn::backend::cpu
