// The channels of several inputs, behind each other in each pixel.
#include <algorithm>
#include <vector>

#include "backend/cpu/operation.hpp"

namespace nn::backend::cpu {
namespace {

template <typename T>
class Concat final : public Operation<T> {
 public:
  explicit Concat(const Operands<T>& o)
      : s_(o.context),
        out_(o.output),
        pixels_(o.op.out.pixels()),
        channels_(o.op.out.channels),
        out_pixel_(pixel_stride(o.output, o.op.out)) {
    add(o.input, o.op.input);
    for (std::size_t i = 0; i < o.others.size(); ++i) add(*o.others[i], o.op.others[i]);
  }

  void forward(const Run& run) override {
    each_row(run, [&](const Input& input, std::int64_t pixel) {
      std::copy_n(input.view.data + pixel * input.pixel, input.channels,
                  out_.data + pixel * out_pixel_ + input.first);
    });
  }

  void backward(const Run& run) override {
    each_row(run, [&](const Input& input, std::int64_t pixel) {
      if (input.view.gradient == nullptr) return;
      std::copy_n(out_.gradient + pixel * out_pixel_ + input.first, input.channels,
                  input.view.gradient + pixel * input.pixel);
    });
  }

 private:
  struct Input {
    const TensorView<T>& view;
    std::int64_t channels, pixel,
        first;  // pixel: from each to the next one; first: where they lie in the output
  };

  void add(const TensorView<T>& view, int value) {
    const std::int64_t channels = s_.plan.values[static_cast<std::size_t>(value)].size / pixels_;
    const std::int64_t first = inputs_.empty() ? 0 : inputs_.back().first + inputs_.back().channels;
    inputs_.push_back({view, channels, pixels_ == 1 ? view.stride : channels, first});
  }

  // f(input, pixel) for each input of each pixel of the rows, which threads share.
  template <typename F>
  void each_row(const Run& run, F f) const {
    s_.split(static_cast<double>(run.rows * pixels_ * channels_), [&](int part, int parts) {
      const Share rows = share_of(run.rows, 1, part, parts);
      for (std::int64_t pixel = rows.first * pixels_; pixel < rows.last * pixels_; ++pixel) {
        for (const Input& input : inputs_) f(input, pixel);
      }
    });
  }

  const ProgramContext<T>& s_;
  const TensorView<T>& out_;
  std::int64_t pixels_, channels_, out_pixel_;
  std::vector<Input> inputs_;
};

}  // namespace

template <>
OperationPtr<NN_SCALAR> make<OpKind::concat>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<Concat<NN_SCALAR>>(o);
}

}  // namespace nn::backend::cpu
