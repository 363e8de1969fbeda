// Largest and mean values of windows.
#include "backend/cuda/operation.hpp"
#include "backend/cuda/ops/windows.cuh"

namespace nn::backend::cuda {
namespace {

template <typename T>
class Pool2d final : public Operation<T> {
 public:
  explicit Pool2d(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        takes_largest_(o.op.kind == OpKind::max_pool2d),
        adds_(o.input_adds),
        windows_(windows_of(o.op)),
        channels_(o.op.in.channels),
        inputs_(o.op.in.pixels()),
        outputs_(o.op.out.pixels()),
        in_pixel_(pixel_stride(o.input, o.op.in)),
        out_pixel_(pixel_stride(o.output, o.op.out)) {
    if (s_.training && takes_largest_)
      chosen_ = s_.template take<std::int32_t>(s_.batch * outputs_ * channels_);
  }

  void forward(bool training) override {
    const Index outputs = s_.batch * outputs_;
    const Shape2 shape = over_elements(outputs, channels_);
    if (takes_largest_) {
      launch(s_.queue, shape, max_pool<T>, windows_, outputs, channels_, in_.data, in_pixel_, out_.data,
             out_pixel_, training ? chosen_ : nullptr);
    } else {
      launch(s_.queue, shape, average_pool<T>, windows_, outputs, channels_, in_.data, in_pixel_, out_.data,
             out_pixel_);
    }
  }

  void backward() override {
    if (in_.gradient == nullptr) return;
    const Index inputs = s_.batch * inputs_;
    const Shape2 shape = over_elements(inputs, channels_);
    if (takes_largest_) {
      launch(s_.queue, shape, max_pool_back<T>, windows_, inputs, channels_, chosen_, out_.gradient,
             out_pixel_, in_.gradient, in_pixel_, adds_);
    } else {
      launch(s_.queue, shape, average_pool_back<T>, windows_, inputs, channels_, out_.gradient, out_pixel_,
             in_.gradient, in_pixel_, adds_);
    }
  }

 private:
  ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  bool takes_largest_, adds_;
  Windows windows_;
  Index channels_, inputs_, outputs_;  // of a row
  Index in_pixel_, out_pixel_;
  Each<std::int32_t> chosen_;
};

}  // namespace

template <>
OperationPtr<NN_SCALAR> make<OpKind::max_pool2d>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<Pool2d<NN_SCALAR>>(o);
}
template <>
OperationPtr<NN_SCALAR> make<OpKind::average_pool2d>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<Pool2d<NN_SCALAR>>(o);
}

}  // namespace nn::backend::cuda
