// Batch normalisation (Ioffe & Szegedy 2015, algorithm 1) and layer normalisation (Ba, Kiros &
// Hinton 2016).
#include <algorithm>
#include <cmath>

#include "backend/cpu/operation.hpp"

namespace nn::backend::cpu {
namespace {

template <typename T>
Pixels<T> pixels_of(const TensorView<T>& view, const Image& image, const T* data, std::int64_t rows) {
  return {rows * image.pixels(), image.channels, data, pixel_stride(view, image)};
}

// In training by the mean and variance of the batch, which move the running ones along; else, and where it is
// frozen, by those.
template <typename T>
class BatchNorm final : public Operation<T> {
 public:
  explicit BatchNorm(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        op_(o.op),
        channels_(o.op.in.channels),
        gamma_(o.parameter(0)),
        beta_(o.parameter(1)),
        moving_mean_(o.parameter(2)),
        moving_variance_(o.parameter(3)),
        gamma_gradient_(o.gradient(0)),
        beta_gradient_(o.gradient(1)),
        own_mean_(o.own_parameter(2)),
        own_variance_(o.own_parameter(3)),
        sums_(static_cast<std::size_t>(2 * channels_)) {
    for (T** p : {&mean_, &factor_, &scale_, &shift_, &offset_}) *p = s_.arena.take(channels_, true);
  }

  void forward(const Run& run) override {
    const Pixels<T> x = pixels_of<T>(in_, op_.in, in_.data, run.rows);
    if (run.training && !is_frozen()) {
      find_moments(x);
    } else {
      std::copy_n(moving_mean_, channels_, mean_);
      for (std::int64_t c = 0; c < channels_; ++c) factor_[c] = deviation_factor(moving_variance_[c]);
    }
    for (std::int64_t c = 0; c < channels_; ++c) {
      scale_[c] = gamma_[c] * factor_[c];
      shift_[c] = beta_[c] - mean_[c] * scale_[c];
    }
    s_.kernels.scale_channels(x, scale_, shift_, out_.data, pixel_stride(out_, op_.out));
  }

  // With n = (x - mean) * factor: x's gradient = gamma * factor * (g - mean(g) - n * mean(g * n)).
  void backward(const Run& run) override {
    const Pixels<T> x = pixels_of<T>(in_, op_.in, in_.data, run.rows);
    const std::int64_t g_stride = pixel_stride(out_, op_.out);
    if (is_frozen()) {
      const Pixels<T> g = pixels_of<T>(out_, op_.out, out_.gradient, run.rows);
      if (in_.gradient != nullptr)
        s_.kernels.scale_channels(g, scale_, offset_, in_.gradient, x.stride);  // offset_ stays 0
      return;
    }
    double* g_sums = sums_.data();
    double* gx_sums = g_sums + channels_;
    s_.kernels.channel_products(x, out_.gradient, g_stride, g_sums, gx_sums);
    const auto count = static_cast<double>(x.count);
    for (std::int64_t c = 0; c < channels_; ++c) {
      const auto mean = static_cast<double>(mean_[c]), factor = static_cast<double>(factor_[c]);
      const double slope = (gx_sums[c] - mean * g_sums[c]) * factor;  // sum of g * n
      gamma_gradient_[c] = static_cast<T>(slope);
      beta_gradient_[c] = static_cast<T>(g_sums[c]);
      const double scale = static_cast<double>(gamma_[c]) * factor;
      const double by_x = -scale * factor * slope / count;
      scale_[c] = static_cast<T>(scale);
      shift_[c] = static_cast<T>(by_x);
      offset_[c] = static_cast<T>(-scale * g_sums[c] / count - by_x * mean);
    }
    if (in_.gradient == nullptr) return;
    s_.kernels.combine_channels(x, shift_, out_.gradient, g_stride, scale_, offset_, in_.gradient, x.stride);
  }

 private:
  bool is_frozen() const { return s_.training && gamma_gradient_ == nullptr; }

  T deviation_factor(T variance) const {
    return static_cast<T>(1 / std::sqrt(static_cast<double>(variance) + op_.options.epsilon));
  }

  void find_moments(const Pixels<T>& x) {
    const auto count = static_cast<double>(x.count);
    const auto move = [&](T& moving, T to) {
      moving = static_cast<T>(op_.options.momentum) * moving + static_cast<T>(1 - op_.options.momentum) * to;
    };
    s_.kernels.channel_sums(x, nullptr, sums_.data());
    for (std::int64_t c = 0; c < channels_; ++c)
      mean_[c] = static_cast<T>(sums_[static_cast<std::size_t>(c)] / count);
    s_.kernels.channel_sums(x, mean_, sums_.data());
    for (std::int64_t c = 0; c < channels_; ++c) {
      const auto variance = static_cast<T>(sums_[static_cast<std::size_t>(c)] / count);
      factor_[c] = deviation_factor(variance);
      move(own_mean_[c], mean_[c]);
      move(own_variance_[c], variance);
    }
  }

  const ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  const Op& op_;
  std::int64_t channels_;
  const T *gamma_, *beta_, *moving_mean_, *moving_variance_;
  T *gamma_gradient_, *beta_gradient_, *own_mean_, *own_variance_;
  std::vector<double> sums_;
  T *mean_ = nullptr, *factor_ = nullptr, *scale_ = nullptr, *shift_ = nullptr, *offset_ = nullptr;
};

template <typename T>
class LayerNorm final : public Operation<T> {
 public:
  explicit LayerNorm(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        op_(o.op),
        epsilon_(static_cast<T>(o.op.options.epsilon)),
        gamma_(o.parameter(0)),
        beta_(o.parameter(1)),
        gamma_gradient_(o.gradient(0)),
        beta_gradient_(o.gradient(1)) {
    // Its kernel makes them along with the gradient of its input.
    for (T** p : {&gamma_gradient_, &beta_gradient_}) {
      if (s_.training && *p == nullptr) *p = s_.arena.take(o.op.in.channels, true);
    }
  }

  void forward(const Run& run) override {
    s_.kernels.layer_norm(pixels_of<T>(in_, op_.in, in_.data, run.rows), epsilon_, gamma_, beta_, out_.data,
                          pixel_stride(out_, op_.out));
  }

  void backward(const Run& run) override {
    std::fill_n(gamma_gradient_, op_.in.channels, T{0});
    std::fill_n(beta_gradient_, op_.in.channels, T{0});
    const Pixels<T> x = pixels_of<T>(in_, op_.in, in_.data, run.rows);
    s_.kernels.layer_norm_back(x, epsilon_, gamma_, out_.gradient, pixel_stride(out_, op_.out), in_.gradient,
                               x.stride, gamma_gradient_, beta_gradient_);
  }

 private:
  const ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  const Op& op_;
  T epsilon_;
  const T *gamma_, *beta_;
  T *gamma_gradient_, *beta_gradient_;
};

}  // namespace

template <>
OperationPtr<NN_SCALAR> make<OpKind::batch_norm>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<BatchNorm<NN_SCALAR>>(o);
}
template <>
OperationPtr<NN_SCALAR> make<OpKind::layer_norm>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<LayerNorm<NN_SCALAR>>(o);
}

}  // namespace nn::backend::cpu
