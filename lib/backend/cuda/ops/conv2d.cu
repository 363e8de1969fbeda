// Convolutions as matrix products: patches of some rows at a time, times the kernel; all groups
// in one call. Patches are gathered anew for the backward pass, which saves their memory.
#include "backend/cuda/kernels/images.cuh"
#include "backend/cuda/ops/bias.cuh"
#include "backend/cuda/ops/windows.cuh"

namespace nn::backend::cuda {
namespace {

constexpr Index patch_elements = 32 << 20;  // of a block of rows of all members: 128 MiB of floats

template <typename T>
class Conv2d final : public Operation<T> {
 public:
  explicit Conv2d(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        op_(o.op),
        windows_(windows_of(o.op)),
        patch_(o.op.window.kernel.height * o.op.window.kernel.width * group_inputs()),
        filters_(o.op.out.channels),
        in_pixel_(pixel_stride(o.input, o.op.in)),
        out_pixel_(pixel_stride(o.output, o.op.out)),
        adds_(o.input_adds),
        kernel_(o.parameter(0)),
        kernel_gradient_(o.gradient(0)),
        bias_(s_, op_.options, s_.batch * op_.out.pixels(), filters_, out_pixel_, o.parameter(1),
              o.gradient(1)) {
    const Index row = op_.out.pixels() * op_.options.groups * patch_;
    block_ = std::clamp<Index>(most_of(patch_elements) / (row * s_.queue.members), 1, s_.batch);
    if (!in_place()) s_.patches.need(block_ * row);
  }

  void forward(bool training) override {
    for_blocks([&](Index row, Index rows) {
      Product<T> p;
      p.m = rows * op_.out.pixels();
      p.n = group_filters();
      p.k = patch_;
      p.count = op_.options.groups;
      p.a = patches_of(row, rows);
      p.b = {kernel_, filters_, group_filters()};
      p.c = {out_.data.from(out_at(row)), out_pixel_, group_filters()};
      bias_.forward(p, row * op_.out.pixels(), training);
    });
  }

  void backward() override {
    bias_.backward(out_.data, out_.gradient);
    const bool trains = kernel_gradient_ != nullptr;
    const bool at_once = block_ == s_.batch && op_.options.groups == 1;
    if (trains && !at_once) bias_.sum(out_.gradient);
    for_blocks([&](Index row, Index rows) {
      if (trains) kernel_gradient(row, rows, at_once);
      if (in_.gradient != nullptr) input_gradient(row, rows);
    });
  }

 private:
  // [patch, filters] += patches^T * gradient
  void kernel_gradient(Index row, Index rows, bool at_once) const {
    Product<T> p;
    p.m = patch_;
    p.n = group_filters();
    p.k = rows * op_.out.pixels();
    p.count = op_.options.groups;
    p.a = patches_of(row, rows);
    p.a.transposed = true;
    p.b = {out_.gradient.from(out_at(row)), out_pixel_, group_filters()};
    p.c = {kernel_gradient_, filters_, group_filters()};
    p.accumulate = row > 0;
    if (at_once) {
      bias_.gradients(p);
    } else {
      s_.blas.multiply(p);
    }
  }

  Index group_inputs() const { return op_.in.channels / op_.options.groups; }
  PatchShape shape() const {
    const Size dilation = op_.window.dilation;
    return {static_cast<int>(op_.options.groups),
            static_cast<int>(group_inputs()),
            static_cast<int>(patch_),
            {static_cast<int>(dilation.height), static_cast<int>(dilation.width)}};
  }
  Index group_filters() const { return filters_ / op_.options.groups; }
  Index in_at(Index row) const { return row * op_.in.pixels() * in_pixel_; }
  Index out_at(Index row) const { return row * op_.out.pixels() * out_pixel_; }
  // Here the input's pixels are the patches.
  bool in_place() const {
    return op_.window.kernel == Size{1, 1} && op_.window.strides == Size{1, 1} && op_.options.groups == 1;
  }

  template <typename F>
  void for_blocks(F f) const {
    for (Index row = 0; row < s_.batch; row += block_) f(row, std::min(block_, s_.batch - row));
  }

  Matrix<const T> patches_of(Index row, Index rows) const {
    if (in_place()) return {in_.data.from(in_at(row)), in_pixel_};
    const Index outputs = rows * op_.out.pixels();
    launch(s_.queue, over_elements(outputs, op_.options.groups * patch_), gather_patches<T>, windows_,
           shape(), row * op_.out.pixels(), outputs, in_.data, in_pixel_, s_.patches.data());
    return {s_.patches.data(), patch_, outputs * patch_};
  }

  // The patches' gradient [pixels, patch] = gradient * kernel^T, added where they came from.
  void input_gradient(Index row, Index rows) const {
    const Index outputs = rows * op_.out.pixels();
    Product<T> p;
    p.m = outputs;
    p.n = patch_;
    p.k = group_filters();
    p.count = op_.options.groups;
    p.a = {out_.gradient.from(out_at(row)), out_pixel_, group_filters()};
    p.b = {kernel_, filters_, group_filters(), true};
    p.c = {s_.patches.data(), patch_, outputs * patch_};
    if (in_place()) p.c = {in_.gradient.from(in_at(row)), in_pixel_};
    p.accumulate = in_place() && adds_;
    s_.blas.multiply(p);
    if (in_place()) return;
    const Index inputs = rows * op_.in.pixels();
    const auto scatter = op_.window.dilation == Size() ? scatter_patches<T> : scatter_dilated<T>;
    launch(s_.queue, over_elements(inputs, op_.in.channels), scatter, windows_, shape(),
           row * op_.out.pixels(), outputs, row * op_.in.pixels(), inputs, s_.patches.data(), in_.gradient,
           in_pixel_, adds_);
  }

  ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  const Op& op_;
  Windows windows_;
  Index patch_, filters_, in_pixel_, out_pixel_;
  Index block_ = 1;  // rows at a time
  bool adds_;
  Each<const T> kernel_;
  Each<T> kernel_gradient_;
  BiasActivation<T> bias_;
};

}  // namespace

template <>
OperationPtr<NN_SCALAR> make<OpKind::conv2d>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<Conv2d<NN_SCALAR>>(o);
}

}  // namespace nn::backend::cuda
