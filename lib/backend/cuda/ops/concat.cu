// The channels of several inputs, behind each other in each pixel.
#include <vector>

#include "backend/cuda/kernels/rows.cuh"
#include "backend/cuda/operation.hpp"

namespace nn::backend::cuda {
namespace {

template <typename T>
class Concat final : public Operation<T> {
 public:
  explicit Concat(const Operands<T>& o)
      : s_(o.context),
        out_(o.output),
        pixels_(o.op.out.pixels()),
        out_pixel_(pixel_stride(o.output, o.op.out)) {
    add({o.input, o.input_adds}, o.op.input);
    for (std::size_t i = 0; i < o.others.size(); ++i) add(o.others[i], o.op.others[i]);
  }

  void forward(bool) override {
    for (const Part& p : parts_) {
      launch(s_.queue, over_elements(rows(), p.channels), copy_rows<T>, rows(), p.channels, p.input.view.data,
             p.pixel, out_.data.from(p.first), out_pixel_, false);
    }
  }

  void backward() override {
    for (const Part& p : parts_) {
      if (p.input.view.gradient == nullptr) continue;
      launch(s_.queue, over_elements(rows(), p.channels), copy_rows<T>, rows(), p.channels,
             out_.gradient.from(p.first), out_pixel_, p.input.view.gradient, p.pixel, p.input.adds);
    }
  }

 private:
  struct Part {
    Input<T> input;
    Index channels, pixel, first;  // pixel: from each to the next one; first: where they lie in the output
  };

  Index rows() const { return s_.batch * pixels_; }

  void add(const Input<T>& input, int value) {
    const Index channels = s_.plan.values[static_cast<std::size_t>(value)].size / pixels_;
    const Index first = parts_.empty() ? 0 : parts_.back().first + parts_.back().channels;
    parts_.push_back({input, channels, pixels_ == 1 ? input.view.stride : channels, first});
  }

  ProgramContext<T>& s_;
  const TensorView<T>& out_;
  Index pixels_, out_pixel_;
  std::vector<Part> parts_;
};

}  // namespace

template <>
OperationPtr<NN_SCALAR> make<OpKind::concat>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<Concat<NN_SCALAR>>(o);
}

}  // namespace nn::backend::cuda
