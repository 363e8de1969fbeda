// Predict of tensorflow.serving.PredictionService.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "inference/grpc_model_spec.hpp"
#include "inference/grpc_tensorflow.hpp"

namespace nn::inference {
namespace {

// The list of a TensorProto that has elements of a type.
std::uint32_t list_of(DataType type) {
  switch (type) {
    case DataType::fp32: return 5;
    case DataType::fp64: return 6;
    case DataType::int8:
    case DataType::int16:
    case DataType::int32:
    case DataType::uint8:
    case DataType::uint16: return 7;
    case DataType::bytes: return 8;
    case DataType::int64: return 10;
    case DataType::boolean: return 11;
    case DataType::fp16:
    case DataType::bf16: return 13;
    case DataType::uint32: return 16;
    case DataType::uint64: break;
  }
  return 17;
}

// A name of one of the other signatures, by which a prediction isn't asked for.
bool is_other_verb(std::string_view signature) { return signature == "classify" || signature == "regress"; }

}  // namespace

void PredictRequest::read(std::string_view message) {
  spec_ = {};
  proto::clear_list(inputs_);
  proto::clear_list(filter_);
  for (proto::Reader field(message); field.next();) {
    switch (field.key()) {
      case proto::bytes(1): read_model_spec(field.bytes(), spec_); break;
      case proto::bytes(2): {
        proto::check_room(inputs_, "inputs");
        const proto::MapEntry entry = proto::read_entry(field.bytes());
        inputs_.push_back({entry.key, entry.value});
        break;
      }
      case proto::bytes(3):
        proto::check_room(filter_, "names in output_filter");
        filter_.push_back(field.text());
        break;
      default: break;
    }
  }
}

PredictRequest::Tensor PredictRequest::read_tensor(std::string_view message) {
  Tensor tensor;
  const auto read_dimension = [&](std::string_view dimension) {
    std::int64_t size = 0;
    for (proto::Reader field(dimension); field.next();) {
      if (field.key() == proto::varint(1)) size = field.integer();
    }
    tensor.shape.add(size);
  };
  const auto read_shape = [&](std::string_view shape) {
    for (proto::Reader field(shape); field.next();) {
      if (field.key() == proto::bytes(2)) read_dimension(field.bytes());
      if (field.key() == proto::varint(3)) tensor.unknown_rank = field.boolean();
    }
  };
  for (proto::Reader field(message); field.next();) {
    switch (field.key()) {
      case proto::varint(1): tensor.type = field.value(); break;
      case proto::bytes(2): read_shape(field.bytes()); break;
      case proto::bytes(4): tensor.content = field.bytes(); break;
      default: break;
    }
  }
  return tensor;
}

void PredictRequest::fill(const Signature& signature, const proto::RowLimits& limits, Rows& rows) {
  using Form = Signature::Form;
  resolve_outputs(signature);
  // The last of several tensors of the same name counts, as in any map.
  const Form form = form_of_inputs(signature);
  const std::vector<TensorSpec>& specs = form == Form::matrix ? signature.inputs() : signature.columns();
  resolve_inputs(signature, form, specs);
  rows.begin(signature, form, tensor_type(specs), limits.bytes);
  proto::BatchCheck batch(limits);
  for (std::size_t column = 0; column < specs.size(); ++column) {
    fill_column(signature, specs[column], column, batch, rows);
  }
  rows.finish(batch.rows());
}

// Rows of a matrix have no other input; a column of its name has another rank.
Signature::Form PredictRequest::form_of_inputs(const Signature& signature) const {
  using Form = Signature::Form;
  if (signature.form() != Form::matrix) return Form::columns;
  const std::string& matrix = signature.inputs()[0].name;
  for (const Input& input : inputs_) {
    if (input.name != matrix) return Form::columns;
  }
  const bool is_column = !inputs_.empty() && signature.find_column(matrix) &&
                         !read_tensor(inputs_.back().tensor).shape.has_rows_of(signature.inputs()[0].shape);
  return is_column ? Form::columns : Form::matrix;
}

void PredictRequest::resolve_inputs(const Signature& signature, Signature::Form form,
                                    const std::vector<TensorSpec>& specs) {
  columns_.assign(specs.size(), {});
  for (const Input& input : inputs_) {
    const auto column = form == Signature::Form::matrix ? 0 : signature.find_column(input.name);
    if (!column) {
      fail_data("input tensor alias not found in signature: {}: there is no such input of model '{}'",
                printable(input.name), printable(spec_.name));
    }
    columns_[*column] = {input.tensor, true};
  }
  for (std::size_t column = 0; column < specs.size(); ++column) {
    if (columns_[column].there) continue;
    fail_data("input '{}' of model '{}' is required but missing", printable(specs[column].name),
              printable(spec_.name));
  }
}

// Of the rows' tensor, where they have one: as it comes, where all tensors come as such.
DType PredictRequest::tensor_type(const std::vector<TensorSpec>& specs) const {
  bool all_bytes = true, all_floats = true;
  for (std::size_t column = 0; column < specs.size(); ++column) {
    if (specs[column].shape.empty()) continue;
    const auto type = datatype_of_tensorflow(read_tensor(columns_[column].message).type);
    all_bytes = all_bytes && type == DataType::uint8;
    all_floats = all_floats && type == DataType::fp32;
  }
  if (all_floats) return DType::f32;
  return all_bytes ? DType::u8 : DType::f64;
}

void PredictRequest::fill_column(const Signature& signature, const TensorSpec& spec, std::size_t column,
                                 proto::BatchCheck& batch, Rows& rows) const {
  const std::string_view message = columns_[column].message;
  const Tensor tensor = read_tensor(message);
  const proto::Place place{spec.name, spec_.name};
  const auto type = datatype_of_tensorflow(tensor.type);
  if (!type || !signature.accepts(spec, *type)) {
    fail_data("{} is of type {}, expected {}", place.text(),
              type ? std::string(tensorflow_name_of(*type)) : fmt::format("{}", tensor.type),
              tensorflow_name_of(spec.type));
  }
  if (tensor.unknown_rank) fail_data("{} has a shape of unknown rank", place.text());
  const std::size_t count = batch.add(tensor.shape, spec, place);
  const std::uint32_t list = list_of(*type);
  const auto each = [&](const auto& use) {
    for (proto::Reader field(message); field.next();) {
      if (field.key() >> 3 == list) use(field);
    }
  };
  if (tensor.content.empty()) return proto::put_list(rows, column, *type, count, true, place, each);
  if (*type == DataType::bytes) fail_data("{} has tensor_content, but texts are in string_val", place.text());
  each([&](const proto::Reader&) {
    fail_data("{} has both tensor_content and a list of values", place.text());
  });
  proto::put_raw(rows, column, *type, tensor.content, count, place);
}

void PredictRequest::resolve_outputs(const Signature& signature) {
  const std::string_view name = spec_.signature;
  if (is_other_verb(name)) {
    fail_data("signature '{}' is not one of predictions: there are serving_default and all", name);
  }
  if (!name.empty() && name != "serving_default" && name != "all") {
    fail_data("Serving signature name: \"{}\" not found in signature def", printable(name));
  }
  const std::vector<TensorSpec>& specs = signature.outputs();
  outputs_.clear();
  if (filter_.empty()) {
    const std::size_t count = name == "all" ? specs.size() : 1;
    for (std::size_t i = 0; i < count; ++i) outputs_.push_back({i, true, 0});
    return;
  }
  for (const std::string_view wanted : filter_) {
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&](const TensorSpec& output) { return output.name == wanted; });
    if (spec == specs.end()) {
      fail_data("output tensor alias not found in signature: {}: there is no such output of model '{}'",
                printable(wanted), printable(spec_.name));
    }
    const auto index = static_cast<std::size_t>(spec - specs.begin());
    for (const WantedOutput& before : outputs_) {
      if (before.index == index) fail_data("duplicate output tensor alias: {}", printable(wanted));
    }
    outputs_.push_back({index, true, 0});
  }
}

void append_predict_answer(std::string& message, PredictRequest& request, std::uint64_t version,
                           const Answers& answers) {
  const std::size_t count = request.outputs_.size();
  if (request.ready_.size() < count) request.ready_.resize(count);
  for (std::size_t i = 0; i < count; ++i) request.ready_[i].prepare(answers, request.outputs_[i]);
  const auto write_tensor = [](auto& tensor, const proto::ReadyOutput& output) {
    tensor.integer(1, static_cast<std::uint64_t>(tensorflow_number_of(output.type())));
    write_tensor_shape(tensor, 2, output.shape());
    if (output.type() != DataType::bytes) return tensor.text(4, output.raw());
    output.each_text([&](std::string_view text) { tensor.always_text(8, text); });
  };
  proto::write(message, [&](auto& out) {
    for (const proto::ReadyOutput& output : std::span(request.ready_).first(count)) {
      out.message(1, [&](auto& entry) {
        entry.always_text(1, output.name());
        entry.message(2, [&](auto& tensor) { write_tensor(tensor, output); });
      });
    }
    write_model_spec(out, 2, request.spec_.name, version, request.spec_.signature);
  });
}

}  // namespace nn::inference
