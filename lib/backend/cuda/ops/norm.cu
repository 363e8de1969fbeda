// Batch and layer normalisation.
#include "backend/cuda/kernels/norms.cuh"
#include "backend/cuda/operation.hpp"

namespace nn::backend::cuda {
namespace {

// In training by the mean and variance of the rows that are there, which move the running ones
// along; else, and where it is frozen, by those.
template <typename T>
class BatchNorm final : public Operation<T> {
 public:
  explicit BatchNorm(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        adds_(o.input_adds),
        pixels_(o.op.in.pixels()),
        channels_(o.op.in.channels),
        in_pixel_(pixel_stride(o.input, o.op.in)),
        out_pixel_(pixel_stride(o.output, o.op.out)),
        parameters_{o.parameter(0), o.parameter(1),        o.parameter(2),
                    o.parameter(3), o.op.options.momentum, o.op.options.epsilon},
        gamma_gradient_(o.gradient(0)),
        beta_gradient_(o.gradient(1)) {
    for (Each<T>* p : {&moments_.mean, &moments_.factor, &moments_.scale, &moments_.shift, &moments_.by_x,
                       &moments_.by_g, &moments_.offset})
      *p = s_.template take<T>(channels_);
    if (s_.training) s_.partial.need(partial_count(count(), channels_, 2));
  }

  void forward(bool training) override {
    if (training && !is_frozen()) {
      find_moments();
    } else {
      launch(s_.queue, over_vector(channels_), use_moving_moments<T>, channels_, parameters_, moments_);
    }
    launch(s_.queue, over_elements(count(), channels_), scale_channels<T>, count(), channels_, in_.data,
           in_pixel_, moments_.scale, moments_.shift, out_.data, out_pixel_);
  }

  void backward() override {
    if (is_frozen()) {
      launch(s_.queue, over_vector(channels_), hold_batch_norm<T>, channels_, moments_);
    } else {
      find_back();
    }
    if (in_.gradient == nullptr) return;
    launch(s_.queue, over_elements(count(), channels_), batch_norm_back<T>, s_.state, s_.batch, pixels_,
           channels_, in_.data, in_pixel_, out_.gradient, out_pixel_, moments_, in_.gradient, in_pixel_,
           adds_);
  }

 private:
  Index count() const { return s_.batch * pixels_; }
  bool is_frozen() const { return s_.training && gamma_gradient_ == nullptr; }

  void find_back() {
    const Index chunks = chunks_of(count());
    const Each<double> partial = s_.partial.data();
    launch(s_.queue, over_chunks(count(), channels_), sum_products<T>, count(), channels_, in_.data,
           in_pixel_, out_.gradient, out_pixel_, partial);
    launch(s_.queue, over_columns(channels_), finish_batch_norm_back<T>, s_.state, pixels_, chunks, channels_,
           partial, parameters_.gamma, moments_, gamma_gradient_, beta_gradient_);
  }

  void find_moments() {
    const Index chunks = chunks_of(count());
    const Each<double> partial = s_.partial.data();
    launch(s_.queue, over_chunks(count(), channels_), sum_present<T>, s_.state, pixels_, channels_, in_.data,
           in_pixel_, partial);
    launch(s_.queue, over_columns(channels_), finish_mean<T>, s_.state, pixels_, chunks, channels_, partial,
           moments_.mean);
    launch(s_.queue, over_chunks(count(), channels_), sum_squares<T>, s_.state, pixels_, channels_, in_.data,
           in_pixel_, moments_.mean, partial);
    launch(s_.queue, over_columns(channels_), finish_variance<T>, s_.state, pixels_, chunks, channels_,
           partial, parameters_, moments_);
  }

  ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  bool adds_;
  Index pixels_, channels_, in_pixel_, out_pixel_;
  BatchNormParameters<T> parameters_;
  BatchMoments<T> moments_{};
  Each<T> gamma_gradient_, beta_gradient_;
};

template <typename T>
class LayerNorm final : public Operation<T> {
 public:
  explicit LayerNorm(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        adds_(o.input_adds),
        pixels_(o.op.in.pixels()),
        channels_(o.op.in.channels),
        in_pixel_(pixel_stride(o.input, o.op.in)),
        out_pixel_(pixel_stride(o.output, o.op.out)),
        epsilon_(static_cast<T>(o.op.options.epsilon)),
        gamma_(o.parameter(0)),
        beta_(o.parameter(1)),
        gamma_gradient_(o.gradient(0)),
        beta_gradient_(o.gradient(1)) {
    if (!s_.training) return;
    moments_ = s_.template take<PixelMoments<T>>(count());
    s_.partial.need(partial_count(count(), channels_, 2));
  }

  void forward(bool training) override {
    launch(s_.queue, over_rows(count()), layer_norm<T>, count(), channels_, epsilon_, in_.data, in_pixel_,
           gamma_, beta_, training ? moments_ : nullptr, out_.data, out_pixel_);
  }

  void backward() override {
    if (gamma_gradient_ != nullptr) {
      const Each<double> partial = s_.partial.data();
      launch(s_.queue, over_chunks(count(), channels_), sum_layer_norm<T>, count(), channels_, moments_,
             in_.data, in_pixel_, out_.gradient, out_pixel_, partial);
      launch(s_.queue, over_columns(channels_), finish_layer_norm<T>, chunks_of(count()), channels_, partial,
             gamma_gradient_, beta_gradient_);
    }
    if (in_.gradient == nullptr) return;
    launch(s_.queue, over_rows(count()), layer_norm_back<T>, count(), channels_, moments_, in_.data,
           in_pixel_, gamma_, out_.gradient, out_pixel_, in_.gradient, in_pixel_, adds_);
  }

 private:
  Index count() const { return s_.batch * pixels_; }

  ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  bool adds_;
  Index pixels_, channels_, in_pixel_, out_pixel_;
  T epsilon_;
  Each<const T> gamma_, beta_;
  Each<T> gamma_gradient_, beta_gradient_;
  Each<PixelMoments<T>> moments_;
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

}  // namespace nn::backend::cuda
