// Answers to requests for an inference.
#include <charconv>

#include "inference/grpc_infer.hpp"

namespace nn::inference {
namespace {

using proto::ReadyOutput;

// A number's digits.
class Digits {
 public:
  explicit Digits(std::uint64_t number) : end_(std::to_chars(text_, text_ + sizeof text_, number).ptr) {}
  std::string_view text() const { return {text_, static_cast<std::size_t>(end_ - text_)}; }

 private:
  char text_[20];
  const char* end_;
};

template <typename Out>
void write_contents(Out& out, const ReadyOutput& output) {
  out.message(5, [&](auto& contents) {
    switch (output.type()) {
      case DataType::bytes:
        output.each_text([&](std::string_view text) { contents.always_text(8, text); });
        break;
      case DataType::int64: contents.template integers<std::int64_t>(3, output.raw()); break;
      default: contents.text(6, output.raw()); break;  // packed floats
    }
  });
}

}  // namespace

void InferRequest::prepare(const Answers& answers) {
  if (ready_.size() < outputs_.size()) ready_.resize(outputs_.size());
  for (std::size_t i = 0; i < outputs_.size(); ++i) ready_[i].prepare(answers, outputs_[i]);
}

template <typename Out>
void InferRequest::write(Out& out, const V2Answerer& answerer) const {
  const auto outputs = std::span(ready_).first(outputs_.size());
  out.text(1, answerer.model);
  out.text(2, Digits(answerer.version).text());
  out.text(3, id_);
  for (const auto& [name, value] : answerer.parameters) {
    out.message(4, [&name = name, &value = value](auto& entry) {
      entry.always_text(1, name);
      entry.message(2, [&](auto& parameter) { parameter.always_text(3, value); });
    });
  }
  for (const ReadyOutput& output : outputs) {
    out.message(5, [&](auto& tensor) {
      tensor.text(1, output.name());
      tensor.text(2, name_of(output.type()));
      tensor.integers(3, output.shape());
      if (!answer_raw_) write_contents(tensor, output);
    });
  }
  if (!answer_raw_) return;
  for (const ReadyOutput& output : outputs) out.always_text(6, output.raw());
}

void append_infer_answer(std::string& message, InferRequest& request, const V2Answerer& answerer,
                         const Answers& answers) {
  request.prepare(answers);
  proto::write(message, [&](auto& out) { request.write(out, answerer); });
}

void append_stream_answer(std::string& message, InferRequest& request, const V2Answerer& answerer,
                          const Answers& answers) {
  request.prepare(answers);
  proto::write(message,
               [&](auto& out) { out.message(2, [&](auto& answer) { request.write(answer, answerer); }); });
}

void append_stream_error(std::string& message, std::string_view id, std::string_view error) {
  proto::write(message, [&](auto& out) {
    out.always_text(1, error);
    if (!id.empty()) out.message(2, [&](auto& answer) { answer.text(3, id); });
  });
}

}  // namespace nn::inference
