#include "inference/proto_output.hpp"

#include <algorithm>
#include <cstring>

namespace nn::inference::proto {

void ReadyOutput::prepare(const Answers& answers, const WantedOutput& wanted) {
  const Signature& signature = *answers.signature;
  const TensorSpec& spec = signature.outputs()[wanted.index];
  name_ = spec.name;
  type_ = spec.type;
  shape_.assign(1, answers.rows);
  own_.clear();
  if (wanted.classes > 0) return classify(answers, wanted.classes);
  shape_.insert(shape_.end(), spec.shape.begin(), spec.shape.end());
  if (output_kind(signature, wanted.index) == OutputKind::values) {
    raw_ = {reinterpret_cast<const char*>(answers.values.data()), answers.values.size_bytes()};
    return;
  }
  append_raw(own_, answers, wanted.index);
  raw_ = own_;
}

void ReadyOutput::classify(const Answers& answers, std::int64_t classes) {
  const predict::PredictionKind& kind = answers.signature->kind();
  const auto width = static_cast<std::size_t>(kind.width());
  classes = std::min(classes, kind.width());
  type_ = DataType::bytes;
  shape_.push_back(classes);
  for (std::int64_t row = 0; row < answers.rows; ++row) {
    const auto values = answers.values.subspan(static_cast<std::size_t>(row) * width, width);
    best_of(values, classes, best_);
    for (const std::uint32_t index : best_) {
      const std::size_t at = own_.size();
      own_.append(sizeof(std::uint32_t), '\0');
      append_classification(own_, values[index], index,
                            kind.classes ? std::string_view(kind.names[index]) : std::string_view());
      const auto size = static_cast<std::uint32_t>(own_.size() - at - sizeof(std::uint32_t));
      std::memcpy(own_.data() + at, &size, sizeof size);
    }
  }
  raw_ = own_;
}

}  // namespace nn::inference::proto
