// Convolutions as matrix products: patches of some pixels at a time, which stay in the cache,
// times the kernel. Patches are gathered anew for the backward pass: that costs less than
// reading them from memory. Where each channel is a group with one filter, a kernel of its own needs no
// patches.
#include <algorithm>
#include <numeric>

#include "backend/cpu/ops/weights.hpp"

namespace nn::backend::cpu {
namespace {

constexpr std::int64_t patch_elements = 48 * 1024;  // of a block: a part of the second-level cache

template <typename T>
class Conv2d final : public Operation<T> {
 public:
  explicit Conv2d(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        op_(o.op),
        patch_(o.op.window.kernel.height * o.op.window.kernel.width * group_inputs()),
        block_(std::clamp<std::int64_t>(patch_elements / patch_ / 16 * 16, 16, 192)),
        filters_(o.op.out.channels),
        out_pixel_(pixel_stride(o.output, o.op.out)),
        in_pixel_(pixel_stride(o.input, o.op.in)),
        kernel_(o.parameter(0)),
        bias_(o.parameter(1)),
        kernel_gradient_(o.gradient(0)),
        bias_gradient_(o.gradient(1)) {
    patches_ = patches_over(op_);
    patches_.in_row = in_.stride;
    patches_.in_pixel = in_pixel_;
    patches_.channels = group_inputs();
    for (std::int64_t group = 0; group < op_.options.groups && !depthwise(); ++group)
      weights_.emplace_back(s_, patch_, group_filters(), kernel_ + group * group_filters(), filters_);
    if (!depthwise()) columns_ = s_.arena.take(s_.threads() * block_elements(), true);
    if (!s_.training) return;
    sums_ = s_.arena.take(s_.threads() * round_up(filters_), true);
    more_ = s_.arena.take((s_.threads() - 1) * kernel_elements(), true);
    if (keeps_argument(op_.options.activation)) before_ = s_.arena.take(out_.stride * s_.batch, true);
  }

  void forward(const Run& run) override {
    s_.split(operations(run.rows), [&](int part, int parts) {
      for_blocks(share_of(run.rows, grain(), part, parts),
                 [&](Share pixels) { forward_block(run, pixels, part); });
    });
  }

  void backward(const Run& run) override {
    int parts_used = 1;
    s_.split(operations(run.rows), [&](int part, int parts) {
      if (part == 0) parts_used = parts;
      const Share rows = share_of(run.rows, grain(), part, parts);
      T* bias = sums_ + part * round_up(filters_);
      T* kernel = part == 0 || is_frozen() ? kernel_gradient_ : more_ + (part - 1) * kernel_elements();
      if (!is_frozen()) {
        std::fill_n(bias, round_up(filters_), T{0});
        std::fill_n(kernel, kernel_elements(), T{0});
      }
      if (in_.gradient != nullptr)
        std::fill_n(in_.gradient + rows.first * in_.stride, rows.count() * in_.stride, T{0});
      for_blocks(rows, [&](Share pixels) { backward_block(pixels, part, kernel, bias); });
    });
    if (is_frozen()) return;
    std::copy_n(sums_, filters_, bias_gradient_);
    for (int part = 1; part < parts_used; ++part) {
      s_.kernels.add_scaled(kernel_elements(), 1, more_ + (part - 1) * kernel_elements(), kernel_gradient_);
      for (std::int64_t j = 0; j < filters_; ++j) bias_gradient_[j] += sums_[part * round_up(filters_) + j];
    }
  }

 private:
  bool is_frozen() const { return kernel_gradient_ == nullptr; }
  T slope() const { return static_cast<T>(slope_of(op_.options)); }
  std::int64_t group_inputs() const { return op_.in.channels / op_.options.groups; }
  std::int64_t group_filters() const { return filters_ / op_.options.groups; }
  std::int64_t block_elements() const { return round_up(block_ * patch_ + 32); }
  std::int64_t kernel_elements() const { return round_up(patch_ * filters_); }
  bool depthwise() const { return op_.options.groups > 1 && group_inputs() == 1 && group_filters() == 1; }
  // Here the input's pixels are the patches.
  bool in_place() const {
    return op_.window.kernel == Size{1, 1} && op_.window.strides == Size{1, 1} && op_.options.groups == 1;
  }
  double operations(std::int64_t rows) const {
    return 2.0 * static_cast<double>(rows * op_.out.pixels() * filters_) * static_cast<double>(patch_);
  }
  // Rows of one thread: what they have of values is a multiple of 16, so that threads don't
  // write to each other's.
  std::int64_t grain() const { return 16 / std::gcd(out_.stride, std::int64_t{16}); }
  bool rows_follow() const {  // pixels of several rows can be counted through
    return out_.stride == op_.out.pixels() * out_pixel_ &&
           (!in_place() || in_.stride == op_.in.pixels() * in_pixel_);
  }

  // Output pixels of these rows, some at a time.
  template <typename F>
  void for_blocks(Share rows, F f) const {
    const std::int64_t pixels = op_.out.pixels();
    const std::int64_t run = rows_follow() ? rows.count() * pixels : pixels;
    for (std::int64_t first = rows.first * pixels; first < rows.last * pixels; first += run) {
      for (std::int64_t p = first; p < first + run; p += block_)
        f(Share{p, std::min(p + block_, first + run)});
    }
  }

  std::int64_t out_at(std::int64_t pixel) const {
    return pixel / op_.out.pixels() * out_.stride + pixel % op_.out.pixels() * out_pixel_;
  }
  std::int64_t in_at(std::int64_t pixel) const {
    return pixel / op_.in.pixels() * in_.stride + pixel % op_.in.pixels() * in_pixel_;
  }

  // The patches of a block as a matrix [pixels, patch_].
  struct Matrix {
    const T* data;
    std::int64_t stride;
  };
  Matrix patches_of(Share pixels, std::int64_t group, int part) const {
    if (in_place()) return {in_.data + in_at(pixels.first), in_pixel_};
    T* columns = columns_ + part * block_elements();
    s_.kernels.gather_patches(patches(pixels, group), in_.data, columns);
    return {columns, patch_};
  }
  Patches patches(Share pixels, std::int64_t group) const {
    Patches p = patches_;
    p.first = pixels.first;
    p.count = pixels.count();
    p.first_channel = group * group_inputs();
    return p;
  }

  // The same for depthwise().
  Pool windows(Share pixels) const {
    Pool w;
    w.patches = patches(pixels, 0);
    w.patches.channels = filters_;
    w.out_row = out_.stride;
    w.out_pixel = out_pixel_;
    return w;
  }

  void forward_block(const Run& run, Share pixels, int part) const {
    const std::int64_t at = out_at(pixels.first);
    T* all = run.training && before_ != nullptr ? before_ : out_.data;
    T* sums = all + at;
    if (depthwise()) {
      s_.kernels.depthwise(windows(pixels), in_.data, kernel_, bias_, all);
    } else {
      multiply(pixels, sums, part);
    }
    s_.kernels.activate(op_.options.activation, slope(), round_up(pixels.count() * out_pixel_), sums,
                        out_.data + at);
  }

  void multiply(Share pixels, T* sums, int part) const {
    for (std::int64_t group = 0; group < op_.options.groups; ++group) {
      const Matrix a = patches_of(pixels, group, part);
      Gemm<T> g;
      g.m = pixels.count();
      g.n = group_filters();
      g.k = patch_;
      g.a = a.data;
      g.a_row = a.stride;
      g.c = sums + group * group_filters();
      g.c_row = out_pixel_;
      g.c_padded = op_.options.groups == 1 && out_pixel_ % 16 == 0;
      g.start = bias_ + group * group_filters();
      weights_[static_cast<std::size_t>(group)].multiply(g, part);
    }
  }

  void backward_block(Share pixels, int part, T* kernel_gradient, T* bias_gradient) const {
    const std::int64_t at = out_at(pixels.first);
    T* gradient = out_.gradient + at;
    s_.kernels.activate_back(op_.options.activation, slope(), round_up(pixels.count() * out_pixel_),
                             (before_ != nullptr ? before_ : out_.data) + at, gradient);
    for (std::int64_t p = 0; !is_frozen() && p < pixels.count(); ++p) {
      for (std::int64_t j = 0; j < filters_; ++j) bias_gradient[j] += gradient[p * out_pixel_ + j];
    }
    if (depthwise())
      return s_.kernels.depthwise_back(windows(pixels), in_.data, kernel_, out_.gradient,
                                       is_frozen() ? nullptr : kernel_gradient, in_.gradient);
    for (std::int64_t group = 0; group < op_.options.groups; ++group) {
      if (!is_frozen()) add_kernel_gradient(pixels, group, gradient, kernel_gradient, part);
      if (in_.gradient != nullptr) input_gradient(pixels, group, gradient, part);
    }
  }

  // [patch, filters] += patches^T * gradient
  void add_kernel_gradient(Share pixels, std::int64_t group, const T* gradient, T* kernel_gradient,
                           int part) const {
    const Matrix a = patches_of(pixels, group, part);
    Gemm<T> g;
    g.m = patch_;
    g.n = group_filters();
    g.k = pixels.count();
    g.a = a.data;
    g.a_row = 1;
    g.a_col = a.stride;
    g.b = gradient + group * group_filters();
    g.b_row = out_pixel_;
    g.c = kernel_gradient + group * group_filters();
    g.c_row = filters_;
    g.accumulate = true;
    g.panel = s_.panel(part);
    s_.kernels.gemm(g);
  }

  // The patches' gradient [pixels, patch] = gradient * kernel^T, added where they came from.
  void input_gradient(Share pixels, std::int64_t group, const T* gradient, int part) const {
    T* columns = columns_ + part * block_elements();
    Gemm<T> g;
    g.m = pixels.count();
    g.n = patch_;
    g.k = group_filters();
    g.a = gradient + group * group_filters();
    g.a_row = out_pixel_;
    g.b = kernel_ + group * group_filters();
    g.b_row = 1;
    g.b_col = filters_;
    g.c = in_place() ? in_.gradient + in_at(pixels.first) : columns;
    g.c_row = in_place() ? in_pixel_ : patch_;
    g.c_padded = g.c_row % 16 == 0;
    g.panel = s_.panel(part);
    s_.kernels.gemm(g);
    if (!in_place()) s_.kernels.scatter_patches(patches(pixels, group), columns, in_.gradient);
  }

  const ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  const Op& op_;
  std::int64_t patch_, block_, filters_, out_pixel_, in_pixel_;
  const T *kernel_, *bias_;
  T *kernel_gradient_, *bias_gradient_;
  std::vector<Weights<T>> weights_;  // of each group
  Patches patches_;
  T* columns_ = nullptr;  // for each thread, a block of patches
  T* sums_ = nullptr;     // for each thread, the bias' gradient
  T* more_ = nullptr;     // for each other thread, the kernel's gradient
  T* before_ = nullptr;   // the activation's argument, where it is kept
};

}  // namespace

template <>
OperationPtr<NN_SCALAR> make<OpKind::conv2d>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<Conv2d<NN_SCALAR>>(o);
}

}  // namespace nn::backend::cpu
