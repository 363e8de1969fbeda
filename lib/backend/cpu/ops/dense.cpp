// y = activation(x kernel + bias).
#include "backend/cpu/ops/weights.hpp"

namespace nn::backend::cpu {
namespace {

template <typename T>
class Dense final : public Operation<T> {
 public:
  explicit Dense(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        activation_(o.op.options.activation),
        slope_(static_cast<T>(slope_of(o.op.options))),
        inputs_(o.op.in.size()),
        outputs_(o.op.out.size()),
        kernel_(o.parameter(0)),
        bias_(o.parameter(1)),
        weights_(s_, inputs_, outputs_, kernel_, outputs_),
        kernel_gradient_(o.gradient(0)),
        bias_gradient_(o.gradient(1)) {
    if (s_.training && keeps_argument(activation_)) before_ = s_.arena.take(out_.stride * s_.batch, true);
  }

  void forward(const Run& run) override {
    s_.split(operations(run.rows), [&](int part, int parts) {
      const Share rows = share_of(run.rows, 1, part, parts);
      if (rows.count() == 0) return;
      T* sums = (run.training && before_ != nullptr ? before_ : out_.data) + rows.first * out_.stride;
      Gemm<T> g;
      g.m = rows.count();
      g.n = outputs_;
      g.k = inputs_;
      g.a = in_.data + rows.first * in_.stride;
      g.a_row = in_.stride;
      g.c = sums;
      g.c_row = out_.stride;
      g.c_padded = true;
      g.start = bias_;
      weights_.multiply(g, part);
      s_.kernels.activate(activation_, slope_, rows.count() * out_.stride, sums,
                          out_.data + rows.first * out_.stride);
    });
  }

  void backward(const Run& run) override {
    const T* saved = before_ != nullptr ? before_ : out_.data;
    s_.kernels.activate_back(activation_, slope_, run.rows * out_.stride, saved, out_.gradient);
    if (bias_gradient_ != nullptr)
      s_.kernels.column_sums(run.rows, outputs_, out_.gradient, out_.stride, bias_gradient_);
    s_.split(operations(run.rows), [&](int part, int parts) {
      if (kernel_gradient_ != nullptr) kernel_gradient(run.rows, share_of(inputs_, 16, part, parts), part);
      if (in_.gradient != nullptr) input_gradient(share_of(run.rows, 1, part, parts), part);
    });
  }

 private:
  double operations(std::int64_t rows) const {
    return 2.0 * static_cast<double>(rows) * static_cast<double>(inputs_) * static_cast<double>(outputs_);
  }

  // [inputs, outputs] = input^T * gradient
  void kernel_gradient(std::int64_t rows, Share inputs, int part) const {
    if (inputs.count() == 0) return;
    Gemm<T> g;
    g.m = inputs.count();
    g.n = outputs_;
    g.k = rows;
    g.a = in_.data + inputs.first;
    g.a_row = 1;
    g.a_col = in_.stride;
    g.b = out_.gradient;
    g.b_row = out_.stride;
    g.c = kernel_gradient_ + inputs.first * outputs_;
    g.c_row = outputs_;
    g.panel = s_.panel(part);
    s_.kernels.gemm(g);
  }

  // [rows, inputs] = gradient * kernel^T
  void input_gradient(Share rows, int part) const {
    if (rows.count() == 0) return;
    Gemm<T> g;
    g.m = rows.count();
    g.n = inputs_;
    g.k = outputs_;
    g.a = out_.gradient + rows.first * out_.stride;
    g.a_row = out_.stride;
    g.b = kernel_;
    g.b_row = 1;
    g.b_col = outputs_;
    g.c = in_.gradient + rows.first * in_.stride;
    g.c_row = in_.stride;
    g.c_padded = in_.padded();
    g.panel = s_.panel(part);
    s_.kernels.gemm(g);
  }

  const ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  Activation activation_;
  T slope_;
  std::int64_t inputs_, outputs_;
  const T *kernel_, *bias_;
  Weights<T> weights_;
  T *kernel_gradient_, *bias_gradient_;
  T* before_ = nullptr;  // the activation's argument, where it is kept
};

}  // namespace

template <>
OperationPtr<NN_SCALAR> make<OpKind::dense>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<Dense<NN_SCALAR>>(o);
}

}  // namespace nn::backend::cpu
