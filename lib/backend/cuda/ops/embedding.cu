// Categories become rows of a table: see kernels/embedding.cuh.
#include <vector>

#include "backend/cuda/kernels/embedding.cuh"
#include "backend/cuda/operation.hpp"

namespace nn::backend::cuda {
namespace {

template <typename T>
class Embedding final : public Operation<T> {
 public:
  explicit Embedding(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        table_rows_(shape_of(o)[0]),
        units_(shape_of(o)[1]),
        table_(o.parameter(0)),
        gradient_(o.gradient(0)) {
    std::vector<EmbeddedSegment> segments;
    std::vector<TableRow> rows;
    std::int32_t input = 0, table = 0, output = 0;
    for (const InputSegment& segment : s_.plan.segments) {
      const auto width = static_cast<std::int32_t>(segment.width);
      segments.push_back({input, width, segment.category ? table : -1, output});
      for (std::int32_t k = 0; segment.category && k < width; ++k) rows.push_back({input + k, output});
      input += width;
      table += segment.category ? width : 0;
      output += segment.category ? static_cast<std::int32_t>(units_) : width;
    }
    segments_count_ = static_cast<Index>(segments.size());
    segments_ = s_.arena.template take<EmbeddedSegment>(segments_count_);
    upload(s_.queue.stream, segments.data(), segments_count_, segments_);
    if (!s_.training) return;
    rows_ = s_.arena.template take<TableRow>(table_rows_);
    upload(s_.queue.stream, rows.data(), table_rows_, rows_);
  }

  void forward(bool) override {
    launch(s_.queue, over_segments(s_.batch, segments_count_), embed<T>, s_.batch, segments_count_, units_,
           segments_, in_.data, in_.stride, table_, out_.data, out_.stride);
  }

  void backward() override {
    if (gradient_ == nullptr) return;
    launch(s_.queue, over_rows(table_rows_ * rows_at_once), embed_back<T>, s_.batch, table_rows_, units_,
           rows_, in_.data, in_.stride, out_.gradient, out_.stride, gradient_);
  }

 private:
  static const Shape& shape_of(const Operands<T>& o) {
    return o.context.plan.parameters[static_cast<std::size_t>(o.op.parameters[0])].shape;
  }

  ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  Index table_rows_, units_, segments_count_ = 0;
  Each<const T> table_;
  Each<T> gradient_;
  EmbeddedSegment* segments_ = nullptr;
  TableRow* rows_ = nullptr;
};

}  // namespace

template <>
OperationPtr<NN_SCALAR> make<OpKind::embedding>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<Embedding<NN_SCALAR>>(o);
}

}  // namespace nn::backend::cuda
