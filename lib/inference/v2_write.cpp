#include "base/error.hpp"
#include "inference/outputs.hpp"
#include "inference/rest_error.hpp"
#include "inference/v2.hpp"

namespace nn::inference {
namespace {

// Each answer in two passes: JSON, and then the tensors that it speaks of.
class AnswerWriter {
 public:
  AnswerWriter(std::string& body, const Answers& answers, bool strict)
      : body_(body), answers_(answers), signature_(*answers.signature), strict_(strict) {}

  void head(const V2Request& request, const V2Answerer& answerer);
  void output(const WantedOutput& output);
  void binary(const WantedOutput& output);

 private:
  using Row = std::span<const float>;

  std::uint64_t binary_size(const WantedOutput& output);
  void data(const WantedOutput& output);
  std::string_view class_name(std::uint32_t index) const {
    return signature_.kind().classes ? std::string_view(signature_.kind().names[index]) : std::string_view();
  }
  template <typename Each>
  void each_row(Each&& each) {
    for (std::int64_t row = 0; row < answers_.rows; ++row) each(row_of(answers_, row));
  }
  // Calls each(text) with the texts of a row's best classes. Memory of a thread: most answers have none.
  template <typename Each>
  void each_class(Row row, std::int64_t classes, Each&& each) {
    static thread_local std::vector<std::uint32_t> best;
    static thread_local std::string text;
    best_of(row, classes, best);
    for (const std::uint32_t index : best) {
      text.clear();
      append_classification(text, row[index], index, class_name(index));
      each(std::string_view(text));
    }
  }
  void comma() { body_ += ','; }

  std::string& body_;
  const Answers& answers_;
  const Signature& signature_;
  const bool strict_;
};

void AnswerWriter::head(const V2Request& request, const V2Answerer& answerer) {
  body_ += '{';
  if (!request.id.empty()) {
    body_ += "\"id\":";
    append_json_string(body_, request.id);
    comma();
  }
  body_ += "\"model_name\":";
  append_json_string(body_, answerer.model);
  body_ += ",\"model_version\":\"";
  append_json_integer(body_, static_cast<std::int64_t>(answerer.version));
  body_ += '"';
  if (!answerer.parameters.empty()) {
    body_ += ",\"parameters\":{";
    for (std::size_t i = 0; i < answerer.parameters.size(); ++i) {
      if (i > 0) comma();
      append_json_string(body_, answerer.parameters[i].first);
      body_ += ':';
      append_json_string(body_, answerer.parameters[i].second);
    }
    body_ += '}';
  }
  body_ += ",\"outputs\":[";
}

void AnswerWriter::output(const WantedOutput& output) {
  const TensorSpec& spec = signature_.outputs()[output.index];
  body_ += "{\"name\":\"";
  body_ += spec.name;
  body_ += "\",\"datatype\":\"";
  body_ += name_of(output.classes > 0 ? DataType::bytes : spec.type);
  body_ += "\",\"shape\":[";
  append_json_integer(body_, answers_.rows);
  if (output.classes > 0) {
    comma();
    append_json_integer(body_, output.classes);
  } else {
    for (const std::int64_t extent : spec.shape) {
      comma();
      append_json_integer(body_, extent);
    }
  }
  if (output.binary) {
    body_ += "],\"parameters\":{\"binary_data_size\":";
    append_json_integer(body_, static_cast<std::int64_t>(binary_size(output)));
    body_ += "}}";
    return;
  }
  body_ += "],\"data\":[";
  data(output);
  if (body_.back() == ',') body_.pop_back();
  body_ += "]}";
}

std::uint64_t AnswerWriter::binary_size(const WantedOutput& output) {
  std::uint64_t size = 0;
  if (output.classes > 0) {
    each_row([&](Row row) {
      each_class(row, output.classes,
                 [&](std::string_view text) { size += sizeof(std::uint32_t) + text.size(); });
    });
  } else if (output_kind(signature_, output.index) == OutputKind::values) {
    size = answers_.values.size_bytes();
  } else if (signature_.kind().integers) {
    size = static_cast<std::uint64_t>(answers_.rows) * sizeof(std::int64_t);
  } else {
    for (std::int64_t row = 0; row < answers_.rows; ++row)
      size += sizeof(std::uint32_t) + label_text(answers_, row).size();
  }
  return size;
}

// Elements, with a comma behind each.
void AnswerWriter::data(const WantedOutput& output) {
  if (output.classes > 0) {
    each_row([&](Row row) {
      each_class(row, output.classes, [&](std::string_view text) {
        append_json_string(body_, text);
        comma();
      });
    });
  } else if (output_kind(signature_, output.index) == OutputKind::values) {
    for (const float value : answers_.values) {
      append_json_float(body_, value, strict_);
      comma();
    }
  } else {
    for (std::int64_t row = 0; row < answers_.rows; ++row) {
      if (signature_.kind().integers) {
        append_json_integer(body_, label_number(answers_, row));
      } else {
        append_json_string(body_, label_text(answers_, row));
      }
      comma();
    }
  }
}

void AnswerWriter::binary(const WantedOutput& output) {
  if (output.classes == 0) return append_raw(body_, answers_, output.index);
  each_row([&](Row row) {
    each_class(row, output.classes, [&](std::string_view text) { append_text(body_, text); });
  });
}

}  // namespace

std::optional<std::size_t> append_v2_answer(std::string& body, const V2Request& request,
                                            const V2Answerer& answerer, const Answers& answers, bool strict) {
  AnswerWriter writer(body, answers, strict);
  const std::size_t begin = body.size();
  writer.head(request, answerer);
  bool binary = false;
  for (const WantedOutput& output : request.outputs) {
    writer.output(output);
    body += ',';
    binary = binary || output.binary;
  }
  if (body.back() == ',') body.pop_back();
  body += "]}";
  if (!binary) return std::nullopt;
  const std::size_t length = body.size() - begin;
  for (const WantedOutput& output : request.outputs) {
    if (output.binary) writer.binary(output);
  }
  return length;
}

}  // namespace nn::inference
