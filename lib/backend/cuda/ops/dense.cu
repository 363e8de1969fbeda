// y = activation(x kernel + bias).
#include "backend/cuda/ops/bias.cuh"

namespace nn::backend::cuda {
namespace {

template <typename T>
class Dense final : public Operation<T> {
 public:
  explicit Dense(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        inputs_(o.op.in.size()),
        outputs_(o.op.out.size()),
        adds_(o.input_adds),
        kernel_(o.parameter(0)),
        kernel_gradient_(o.gradient(0)),
        bias_(s_, o.op.options, s_.batch, outputs_, out_.stride, o.parameter(1), o.gradient(1)) {}

  void forward(bool training) override {
    Product<T> p;
    p.m = s_.batch;
    p.n = outputs_;
    p.k = inputs_;
    p.a = {in_.data, in_.stride};
    p.b = {kernel_, outputs_};
    p.c = {out_.data, out_.stride};
    bias_.forward(p, 0, training);
  }

  void backward() override {
    bias_.backward(out_.data, out_.gradient);
    if (kernel_gradient_ != nullptr) kernel_gradient();
    if (in_.gradient != nullptr) input_gradient();
  }

 private:
  // [inputs, outputs] = input^T * gradient
  void kernel_gradient() const {
    Product<T> p;
    p.m = inputs_;
    p.n = outputs_;
    p.k = s_.batch;
    p.a = {in_.data, in_.stride, 0, true};
    p.b = {out_.gradient, out_.stride};
    p.c = {kernel_gradient_, outputs_};
    bias_.gradients(p);
  }
  // [rows, inputs] = gradient * kernel^T
  void input_gradient() const {
    Product<T> p;
    p.m = s_.batch;
    p.n = inputs_;
    p.k = outputs_;
    p.a = {out_.gradient, out_.stride};
    p.b = {kernel_, outputs_, 0, true};
    p.c = {in_.gradient, in_.stride};
    p.accumulate = adds_;
    s_.blas.multiply(p);
  }

  ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  Index inputs_, outputs_;
  bool adds_;
  Each<const T> kernel_;
  Each<T> kernel_gradient_;
  BiasActivation<T> bias_;
};

}  // namespace

template <>
OperationPtr<NN_SCALAR> make<OpKind::dense>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<Dense<NN_SCALAR>>(o);
}

}  // namespace nn::backend::cuda
