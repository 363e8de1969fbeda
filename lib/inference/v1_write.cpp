#include <charconv>

#include "inference/outputs.hpp"
#include "inference/rest_error.hpp"
#include "inference/v1.hpp"

namespace nn::inference {
namespace {

// Calls each(i) `count` times, in a list.
template <typename Each>
void append_list(std::string& body, std::int64_t count, Each&& each) {
  body += '[';
  for (std::int64_t i = 0; i < count; ++i) {
    if (i > 0) body += ',';
    each(i);
  }
  body += ']';
}

class AnswerWriter {
 public:
  AnswerWriter(std::string& body, const V1Request& request, const Answers& answers, bool strict)
      : body_(body),
        request_(request),
        answers_(answers),
        kind_(answers.signature->kind()),
        strict_(strict) {}

  void predict();
  void classify();
  void regress();

 private:
  using Name = V1Request::Signature;
  using Row = std::span<const float>;

  void values(Row row) {
    const std::int64_t width = kind_.width();
    kind_.classes ? values(row, std::span(&width, 1)) : values(row, kind_.shape);
  }
  void values(Row row, std::span<const std::int64_t> shape);
  void label(std::int64_t row);
  void class_name(std::uint32_t index) { append_json_string(body_, kind_.names[index]); }
  void best(Row row) { best_of(row, kind_.width(), best_); }
  void scores(Row row);
  void classes(Row row);
  template <typename Each>
  void rows(Each&& each) {
    append_list(body_, answers_.rows, [&](std::int64_t row) { each(row_of(answers_, row), row); });
  }

  std::string& body_;
  const V1Request& request_;
  const Answers& answers_;
  const predict::PredictionKind& kind_;
  const bool strict_;
  std::vector<std::uint32_t> best_;
};

void AnswerWriter::values(Row row, std::span<const std::int64_t> shape) {
  if (shape.empty()) return append_json_float(body_, row[0], strict_);
  const std::size_t step = shape[0] == 0 ? 0 : row.size() / static_cast<std::size_t>(shape[0]);
  append_list(body_, shape[0], [&](std::int64_t i) {
    values(row.subspan(static_cast<std::size_t>(i) * step, step), shape.subspan(1));
  });
}

void AnswerWriter::label(std::int64_t row) {
  if (!kind_.integers) return append_json_string(body_, label_text(answers_, row));
  append_json_integer(body_, label_number(answers_, row));
}

void AnswerWriter::scores(Row row) {
  append_list(body_, static_cast<std::int64_t>(best_.size()), [&](std::int64_t i) {
    append_json_float(body_, row[best_[static_cast<std::size_t>(i)]], strict_);
  });
}

void AnswerWriter::classes(Row) {
  append_list(body_, static_cast<std::int64_t>(best_.size()),
              [&](std::int64_t i) { class_name(best_[static_cast<std::size_t>(i)]); });
}

void AnswerWriter::predict() {
  const bool ranked = request_.signature == Name::classify;
  const bool several = ranked || (request_.signature == Name::all && kind_.classes);
  body_ += request_.by_column ? "{\"outputs\":" : "{\"predictions\":";
  if (!several) {
    rows([&](Row row, std::int64_t) { values(row); });
  } else if (request_.by_column) {
    body_ += ranked ? "{\"classes\":" : "{\"label\":";
    rows([&](Row row, std::int64_t number) {
      if (ranked) best(row);
      ranked ? classes(row) : label(number);
    });
    body_ += ranked ? ",\"scores\":" : ",\"proba\":";
    rows([&](Row row, std::int64_t) {
      if (ranked) best(row);
      ranked ? scores(row) : values(row);
    });
    body_ += '}';
  } else {
    rows([&](Row row, std::int64_t number) {
      if (ranked) best(row);
      body_ += ranked ? "{\"classes\":" : "{\"label\":";
      ranked ? classes(row) : label(number);
      body_ += ranked ? ",\"scores\":" : ",\"proba\":";
      ranked ? scores(row) : values(row);
      body_ += '}';
    });
  }
  body_ += '}';
}

void AnswerWriter::classify() {
  body_ += "{\"results\":";
  rows([&](Row row, std::int64_t) {
    best(row);
    append_list(body_, static_cast<std::int64_t>(best_.size()), [&](std::int64_t i) {
      const std::uint32_t index = best_[static_cast<std::size_t>(i)];
      body_ += '[';
      class_name(index);
      body_ += ',';
      append_json_float(body_, row[index], strict_);
      body_ += ']';
    });
  });
  body_ += '}';
}

void AnswerWriter::regress() {
  body_ += "{\"results\":";
  rows([&](Row row, std::int64_t) { values(row); });
  body_ += '}';
}

}  // namespace

void append_v1_answer(std::string& body, const V1Request& request, const Answers& answers, bool strict) {
  AnswerWriter writer(body, request, answers, strict);
  switch (request.verb) {
    case V1Verb::predict: return writer.predict();
    case V1Verb::classify: return writer.classify();
    case V1Verb::regress: return writer.regress();
  }
}

}  // namespace nn::inference
