// Inputs of a request for an inference, as rows.
#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "inference/grpc_infer.hpp"

namespace nn::inference {
namespace {

// The list of InferTensorContents that has elements of a type; 0: none has.
std::uint32_t list_of(DataType type) {
  switch (type) {
    case DataType::boolean: return 1;
    case DataType::int8:
    case DataType::int16:
    case DataType::int32: return 2;
    case DataType::int64: return 3;
    case DataType::uint8:
    case DataType::uint16:
    case DataType::uint32: return 4;
    case DataType::uint64: return 5;
    case DataType::fp32: return 6;
    case DataType::fp64: return 7;
    case DataType::bytes: return 8;
    case DataType::fp16:
    case DataType::bf16: break;
  }
  return 0;
}

}  // namespace

void InferRequest::fill(const Signature& signature, const proto::RowLimits& limits, Rows& rows) {
  using Form = Signature::Form;
  resolve_outputs(signature);
  const bool matrix = is_matrix(signature);
  const std::vector<TensorSpec>& specs = matrix ? signature.inputs() : signature.columns();
  resolve_inputs(signature, specs);
  rows.begin(signature, matrix ? Form::matrix : Form::columns, tensor_type(specs), limits.bytes);
  proto::BatchCheck batch(limits);
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const TensorSpec& spec = specs[inputs_[i].column];
    const DataType type = check_type(inputs_[i], spec, signature);
    const std::size_t count = batch.add(inputs_[i].shape, spec, {inputs_[i].name, model_});
    fill_input(i, type, count, rows);
  }
  rows.finish(batch.rows());
}

// Rows of a matrix have no other input; a column of its name has another rank. Without any input, what is
// described is missing.
bool InferRequest::is_matrix(const Signature& signature) const {
  if (signature.form() != Signature::Form::matrix || inputs_.size() > 1) return false;
  const TensorSpec& matrix = signature.inputs()[0];
  if (inputs_.empty()) return true;
  if (inputs_[0].name != matrix.name) return false;
  return !signature.find_column(matrix.name) || inputs_[0].shape.has_rows_of(matrix.shape);
}

// Which column each input is; all columns must be there.
void InferRequest::resolve_inputs(const Signature& signature, const std::vector<TensorSpec>& specs) {
  seen_.assign(specs.size(), 0);
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    // Most clients send them in the order in which they are described.
    const bool in_order = i < specs.size() && specs[i].name == input.name;
    const auto column = in_order ? i : signature.find_column(input.name);
    if (!column) {
      fail_data("unexpected inference input '{}' for model '{}'", printable(input.name), printable(model_));
    }
    if (std::exchange(seen_[*column], std::uint8_t{1}) != 0) {
      fail_data("input '{}' for model '{}' is there twice", printable(input.name), printable(model_));
    }
    input.column = *column;
  }
  if (inputs_.size() == specs.size()) return;
  const auto missing = std::find(seen_.begin(), seen_.end(), 0) - seen_.begin();
  fail_data("expected {} inputs but got {} inputs for model '{}': there is no '{}'", specs.size(),
            inputs_.size(), printable(model_), printable(specs[static_cast<std::size_t>(missing)].name));
}

// Of the rows' tensor, where they have one: as it comes, where all tensors come as such.
DType InferRequest::tensor_type(const std::vector<TensorSpec>& specs) const {
  bool all_bytes = true, all_floats = true;
  for (const Input& input : inputs_) {
    if (specs[input.column].shape.empty()) continue;
    all_bytes = all_bytes && input.type == name_of(DataType::uint8);
    all_floats = all_floats && input.type == name_of(DataType::fp32);
  }
  if (all_floats) return DType::f32;
  return all_bytes ? DType::u8 : DType::f64;
}

DataType InferRequest::check_type(const Input& input, const TensorSpec& spec,
                                  const Signature& signature) const {
  const auto type = parse_datatype(input.type);
  if (!type || !signature.accepts(spec, *type)) {
    fail_data("inference input '{}' data-type is '{}', but model '{}' expects '{}'", printable(input.name),
              printable(input.type), printable(model_), name_of(spec.type));
  }
  return *type;
}

// The lists of InferTensorContents are its fields from 1 on.
constexpr std::uint32_t last_list = 8;

void InferRequest::fill_input(std::size_t index, DataType type, std::size_t count, Rows& rows) const {
  const Input& input = inputs_[index];
  const proto::Place place{input.name, model_};
  if (answer_raw_) return proto::put_raw(rows, input.column, type, raw_[index], count, place);
  const std::uint32_t list = list_of(type);
  if (list == 0) {
    fail_data("{} has contents, but {} has no form but raw_input_contents", place.text(), name_of(type));
  }
  proto::put_list(rows, input.column, type, count, false, place, [&](const auto& use) {
    // Messages of a field that occurs more than once are one message, whose lists follow each other.
    for (proto::Reader field(input.tensor); field.next();) {
      if (field.key() != proto::bytes(5)) continue;
      for (proto::Reader contents(field.bytes()); contents.next();) {
        const std::uint32_t number = contents.key() >> 3;
        if (number == list) {
          use(contents);
        } else if (number >= 1 && number <= last_list) {
          fail_data("{} has contents of another type than {}", place.text(), name_of(type));
        }
      }
    }
  });
}

void InferRequest::resolve_outputs(const Signature& signature) {
  const std::vector<TensorSpec>& specs = signature.outputs();
  outputs_.clear();
  if (requested_.empty()) {
    for (std::size_t i = 0; i < specs.size(); ++i) outputs_.push_back({i, answer_raw_, 0});
    return;
  }
  seen_.assign(specs.size(), 0);
  for (const Requested& requested : requested_) {
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&](const TensorSpec& output) { return output.name == requested.name; });
    if (spec == specs.end()) {
      fail_data("unexpected inference output '{}' for model '{}'", printable(requested.name),
                printable(model_));
    }
    const auto index = static_cast<std::size_t>(spec - specs.begin());
    if (std::exchange(seen_[index], std::uint8_t{1}) != 0) {
      fail_data("output '{}' for model '{}' is requested twice", printable(requested.name),
                printable(model_));
    }
    if (requested.classes > 0 && output_kind(signature, index) != OutputKind::values) {
      fail_data("output '{}' for model '{}' is no list of scores for 'classification'",
                printable(requested.name), printable(model_));
    }
    outputs_.push_back({index, answer_raw_, requested.classes});
  }
}

}  // namespace nn::inference
