// Largest and mean values of windows.
#include <algorithm>

#include "backend/cpu/operation.hpp"

namespace nn::backend::cpu {
namespace {

template <typename T>
class Pool2d final : public Operation<T> {
 public:
  explicit Pool2d(const Operands<T>& o) : s_(o.context), in_(o.input), out_(o.output), op_(o.op) {
    Patches& p = pool_.patches;
    p = patches_over(op_);
    p.in_row = in_.stride;
    p.in_pixel = pixel_stride(in_, op_.in);
    p.channels = op_.in.channels;
    pool_.out_row = out_.stride;
    pool_.out_pixel = pixel_stride(out_, op_.out);
    if (s_.training && takes_largest()) chosen_ = s_.arena.take(out_.stride * s_.batch, true);
  }

  void forward(const Run& run) override {
    s_.split(operations(run.rows), [&](int part, int parts) {
      const Pool pool = pool_of(share_of(run.rows, 1, part, parts));
      if (takes_largest()) {
        s_.kernels.max_pool(pool, in_.data, out_.data, run.training ? chosen_ : nullptr);
      } else {
        s_.kernels.average_pool(pool, in_.data, out_.data);
      }
    });
  }

  void backward(const Run& run) override {
    if (in_.gradient == nullptr) return;
    s_.split(operations(run.rows), [&](int part, int parts) {
      const Share rows = share_of(run.rows, 1, part, parts);
      std::fill_n(in_.gradient + rows.first * in_.stride, rows.count() * in_.stride, T{0});
      if (takes_largest()) {
        s_.kernels.max_pool_back(pool_of(rows), chosen_, out_.gradient, in_.gradient);
      } else {
        s_.kernels.average_pool_back(pool_of(rows), out_.gradient, in_.gradient);
      }
    });
  }

 private:
  bool takes_largest() const { return op_.kind == OpKind::max_pool2d; }
  double operations(std::int64_t rows) const {
    return static_cast<double>(rows * op_.out.size() * op_.window.kernel.height * op_.window.kernel.width);
  }
  Pool pool_of(Share rows) const {
    Pool pool = pool_;
    pool.patches.first = rows.first * op_.out.pixels();
    pool.patches.count = rows.count() * op_.out.pixels();
    return pool;
  }

  const ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  const Op& op_;
  Pool pool_;
  T* chosen_ = nullptr;
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

}  // namespace nn::backend::cpu
