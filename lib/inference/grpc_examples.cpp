// Classify and Regress of tensorflow.serving.PredictionService, whose requests are examples.
#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "inference/grpc_model_spec.hpp"
#include "inference/grpc_tensorflow.hpp"

namespace nn::inference {
namespace {

// Views of 16 bytes each; more rows than that are too many for any request.
constexpr std::size_t most_examples = 1 << 20;

// Calls use(name, feature) with each feature of an Example.
template <typename Use>
void each_feature(std::string_view example, const Use& use) {
  for (proto::Reader field(example); field.next();) {
    if (field.key() != proto::bytes(1)) continue;
    for (proto::Reader features(field.bytes()); features.next();) {
      if (features.key() != proto::bytes(1)) continue;
      const proto::MapEntry entry = proto::read_entry(features.bytes());
      use(entry.key, entry.value);
    }
  }
}

// Calls use(field, list) with each field of values of a Feature; list is 1, bytes, 2, floats, or 3, integers.
template <typename Use>
void each_value(std::string_view feature, const Use& use) {
  for (proto::Reader field(feature); field.next();) {
    if (field.wire() != proto::Wire::bytes || field.key() >> 3 > 3) continue;
    for (proto::Reader list(field.bytes()); list.next();) {
      if (list.key() >> 3 == 1) use(list, field.key() >> 3);
    }
  }
}

// Puts the numbers of a Feature into `out`. How many there were, also where that was no room for.
template <typename T>
std::size_t put_numbers(std::string_view feature, std::span<T> out, const proto::Place& place,
                        std::size_t row) {
  std::size_t count = 0;
  const auto add = [&](T value) {
    if (count < out.size()) out[count] = value;
    ++count;
  };
  each_value(feature, [&](const proto::Reader& field, std::uint32_t list) {
    if (list == 1) fail_data("{} of example {} is a text, expected numbers", place.text(), row);
    if (list == 3) {
      return proto::each_varint(
          field, [&](std::uint64_t bits) { add(static_cast<T>(static_cast<std::int64_t>(bits))); });
    }
    proto::each_run<float>(field, [&](const char* data, std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) add(static_cast<T>(proto::load<float>(data + i * sizeof(float))));
    });
  });
  return count;
}

}  // namespace

void ExamplesRequest::read(std::string_view message, Verb verb) {
  spec_ = {};
  verb_ = verb;
  context_ = {};
  proto::clear_list(examples_);
  for (proto::Reader field(message); field.next();) {
    if (field.key() == proto::bytes(1)) read_model_spec(field.bytes(), spec_);
    if (field.key() == proto::bytes(2)) read_input(field.bytes());
  }
}

void ExamplesRequest::read_input(std::string_view message) {
  for (proto::Reader field(message); field.next();) {
    const bool with_context = field.key() == proto::bytes(2);
    if (!with_context && field.key() != proto::bytes(1)) continue;
    for (proto::Reader list(field.bytes()); list.next();) {
      if (list.key() == proto::bytes(1)) {
        proto::check_room(examples_, "examples", most_examples);
        examples_.push_back(list.bytes());
      }
      if (with_context && list.key() == proto::bytes(2)) context_ = list.bytes();
    }
  }
}

void ExamplesRequest::check_verb(const Signature& signature) const {
  const bool classify = verb_ == Verb::classify;
  const std::string_view name = spec_.signature;
  if (!name.empty() && name != "serving_default" && name != (classify ? "classify" : "regress")) {
    fail_data("Serving signature name: \"{}\" not found in signature def", printable(name));
  }
  const predict::PredictionKind& kind = signature.kind();
  if (classify && !kind.classes) {
    fail_data("model '{}' answers with numbers: it can't classify", printable(spec_.name));
  }
  if (!classify && (kind.classes || kind.width() != 1)) {
    fail_data("model '{}' doesn't answer with one number a row: it has no regression", printable(spec_.name));
  }
}

void ExamplesRequest::check_limits(const std::vector<TensorSpec>& specs,
                                   const proto::RowLimits& limits) const {
  if (examples_.empty()) fail_data("there are no examples for model '{}'", printable(spec_.name));
  if (static_cast<std::int64_t>(examples_.size()) > limits.rows) {
    fail_data("there are {} examples for model '{}', but a request may have at most {}", examples_.size(),
              printable(spec_.name), limits.rows);
  }
  std::uint64_t row_bytes = 0;
  for (const TensorSpec& spec : specs) {
    row_bytes += static_cast<std::uint64_t>(element_count(spec.shape)) *
                 (spec.shape.empty() ? sizeof(double) : sizeof(float));
  }
  if (row_bytes * examples_.size() > limits.bytes) fail_most_bytes(limits.bytes);
}

// Is there all that a row has, in one feature?
bool ExamplesRequest::has_matrix(const Signature& signature) const {
  if (signature.form() != Signature::Form::matrix || examples_.empty()) return false;
  const std::string& matrix = signature.inputs()[0].name;
  if (signature.find_column(matrix)) return !signature.columns()[0].shape.empty();
  bool found = false;
  for (const std::string_view example : {examples_[0], context_}) {
    each_feature(example, [&](std::string_view name, std::string_view) { found = found || name == matrix; });
  }
  return found;
}

void ExamplesRequest::fill(const Signature& signature, const proto::RowLimits& limits, Rows& rows) {
  using Form = Signature::Form;
  check_verb(signature);
  const bool matrix = has_matrix(signature);
  const std::vector<TensorSpec>& specs = matrix ? signature.inputs() : signature.columns();
  check_limits(specs, limits);
  rows.begin(signature, matrix ? Form::matrix : Form::columns, DType::f32, limits.bytes);
  features_.assign(specs.size(), {});
  text_bytes_ = 0;
  find_features(signature, matrix, context_, 0);
  for (std::size_t row = 0; row < examples_.size(); ++row) {
    find_features(signature, matrix, examples_[row], row + 1);
    for (std::size_t column = 0; column < specs.size(); ++column) {
      fill_feature(specs[column], column, row, limits, rows);
    }
  }
  rows.finish(static_cast<std::int64_t>(examples_.size()));
}

// Features of an example, number 1 and on, come before those of the context, number 0.
void ExamplesRequest::find_features(const Signature& signature, bool matrix, std::string_view example,
                                    std::size_t number) {
  each_feature(example, [&](std::string_view name, std::string_view feature) {
    const auto column =
        matrix ? (name == signature.inputs()[0].name ? std::optional<std::size_t>(0) : std::nullopt)
               : signature.find_column(name);
    // Examples are records that may have more than one model is made for.
    if (!column) return;
    Feature& its = features_[*column];
    if (number == 0) {
      its.of_context = feature;
      its.in_context = true;
    }
    its.message = feature;
    its.number = number;
  });
}

void ExamplesRequest::fill_feature(const TensorSpec& spec, std::size_t column, std::size_t row,
                                   const proto::RowLimits& limits, Rows& rows) {
  const Feature& its = features_[column];
  const bool own = its.number == row + 1;
  const proto::Place place{spec.name, spec_.name};
  if (!own && !its.in_context) fail_data("{} is missing in example {}", place.text(), row);
  const std::string_view feature = own ? its.message : its.of_context;
  if (spec.type == DataType::bytes) return fill_text(feature, column, row, limits, place, rows);
  if (spec.shape.empty()) {
    double value = 0;
    const std::size_t count = put_numbers(feature, std::span(&value, 1), place, row);
    if (count > 1) fail_data("{} of example {} has {} values, expected 1", place.text(), row, count);
    return count == 0 ? rows.add_missing(column) : rows.add_number(column, value);
  }
  const auto width = static_cast<std::size_t>(element_count(spec.shape));
  const std::span<float> all = rows.floats(column, (row + 1) * width);
  const std::size_t count = put_numbers(feature, all.subspan(row * width), place, row);
  if (count != width)
    fail_data("{} of example {} has {} values, expected {}", place.text(), row, count, width);
}

void ExamplesRequest::fill_text(std::string_view feature, std::size_t column, std::size_t row,
                                const proto::RowLimits& limits, const proto::Place& place, Rows& rows) {
  std::size_t count = 0;
  std::string_view text;
  each_value(feature, [&](const proto::Reader& field, std::uint32_t list) {
    if (list != 1 || field.wire() != proto::Wire::bytes) {
      fail_data("{} of example {} is a number, expected a text", place.text(), row);
    }
    text = field.text();
    ++count;
  });
  if (count > 1) fail_data("{} of example {} has {} values, expected 1", place.text(), row, count);
  text_bytes_ += text.size();
  if (text_bytes_ > limits.bytes) fail_data("the examples' texts have more than {} bytes", limits.bytes);
  return count == 0 ? rows.add_missing(column) : rows.add_text(column, text);
}

namespace {

template <typename Out>
void write_classes(Out& out, const predict::PredictionKind& kind, std::span<const float> row,
                   std::vector<std::uint32_t>& best) {
  best_of(row, kind.width(), best);
  out.message(1, [&](auto& classifications) {
    for (const std::uint32_t index : best) {
      classifications.message(1, [&](auto& its) {
        its.text(1, kind.names[index]);
        its.real(2, row[index]);
      });
    }
  });
}

}  // namespace

void append_examples_answer(std::string& message, ExamplesRequest& request, std::uint64_t version,
                            const Answers& answers) {
  const bool classify = request.verb_ == ExamplesRequest::Verb::classify;
  proto::write(message, [&](auto& out) {
    out.message(1, [&](auto& result) {
      for (std::int64_t row = 0; row < answers.rows; ++row) {
        const std::span<const float> values = row_of(answers, row);
        if (classify) {
          write_classes(result, answers.signature->kind(), values, request.best_);
        } else {
          result.message(1, [&](auto& regression) { regression.real(1, values[0]); });
        }
      }
    });
    write_model_spec(out, 2, request.spec_.name, version, request.spec_.signature);
  });
}

}  // namespace nn::inference
