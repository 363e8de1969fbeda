#include "inference/grpc_infer.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "inference/grpc_parameter.hpp"

namespace nn::inference {
namespace {

// A longer time than anybody waits, with which the clock doesn't overflow.
constexpr std::int64_t longest_timeout_us = std::int64_t{366} * 24 * 3600 * 1'000'000;

[[noreturn]] void fail_shared_memory(std::string_view tensor) {
  fail_data("'{}' is in shared memory, which is not supported", printable(tensor));
}

}  // namespace

void InferRequest::read(std::string_view message) {
  model_ = version_ = {};
  id_.clear();
  timeout_.reset();
  priority_ = 0;
  proto::clear_list(inputs_);
  proto::clear_list(raw_);
  proto::clear_list(requested_);
  for (proto::Reader field(message); field.next();) {
    switch (field.key()) {
      case proto::bytes(1): model_ = field.text(); break;
      case proto::bytes(2): version_ = field.text(); break;
      case proto::bytes(3): id_ = field.text(); break;
      case proto::bytes(4): read_parameter(field.bytes()); break;
      case proto::bytes(5): read_input(field.bytes()); break;
      case proto::bytes(6): read_output(field.bytes()); break;
      case proto::bytes(7):
        proto::check_room(raw_, "raw_input_contents");
        raw_.push_back(field.bytes());
        break;
      default: break;
    }
  }
  answer_raw_ = !raw_.empty();
  check_sources();
}

void InferRequest::read_parameter(std::string_view entry) {
  const auto [name, value] = proto::read_parameter(entry);
  if (name == "timeout") {
    const auto time = value.whole();
    if (!time) fail_data("parameter 'timeout' must be a whole number of microseconds, 0 or more");
    timeout_.reset();
    if (*time > 0) timeout_ = std::chrono::microseconds(std::min(*time, longest_timeout_us));
  } else if (name == "priority") {
    const auto priority = value.whole();
    if (!priority) fail_data("parameter 'priority' must be a whole number, 0 or more");
    priority_ = static_cast<std::uint64_t>(*priority);
  } else if (name.starts_with("triton_") && name != "triton_enable_empty_final_response") {
    // Its own clients send the latter with each request of a stream.
    fail_data("parameter keys starting with 'triton_' are reserved");
  }
}

void InferRequest::read_input(std::string_view tensor) {
  proto::check_room(inputs_, "inputs");
  Input& input = inputs_.emplace_back();
  input.tensor = tensor;
  bool shared = false;
  for (proto::Reader field(tensor); field.next();) {
    switch (field.key()) {
      case proto::bytes(1): input.name = field.text(); break;
      case proto::bytes(2): input.type = field.text(); break;
      case proto::bytes(3):
      case proto::varint(3):
        proto::each_varint(field,
                           [&](std::uint64_t size) { input.shape.add(static_cast<std::int64_t>(size)); });
        break;
      case proto::bytes(4):
        shared = proto::read_parameter(field.bytes()).first.starts_with("shared_memory") || shared;
        break;
      case proto::bytes(5): input.has_contents = true; break;
      default: break;
    }
  }
  if (shared) fail_shared_memory(input.name);
}

void InferRequest::read_output(std::string_view output) {
  proto::check_room(requested_, "outputs");
  Requested& requested = requested_.emplace_back();
  for (proto::Reader field(output); field.next();) {
    if (field.key() == proto::bytes(1)) requested.name = field.text();
    if (field.key() != proto::bytes(2)) continue;
    const auto [name, value] = proto::read_parameter(field.bytes());
    if (name.starts_with("shared_memory")) fail_shared_memory(requested.name);
    if (name != "classification") continue;
    const auto classes = value.whole();
    if (!classes || *classes < 1) {
      fail_data("invalid value for 'classification' parameter, expected 1 or more");
    }
    requested.classes = *classes;
  }
}

void InferRequest::check_sources() const {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const Input& input = inputs_[i];
    if (answer_raw_ && input.has_contents) {
      fail_data("contents field must not be specified when using raw_input_contents for '{}' for model '{}'",
                printable(input.name), printable(model_));
    }
    if (!input.has_contents && i >= raw_.size()) {
      fail_data("unable to find data for input tensor '{}' for model '{}' in request.", printable(input.name),
                printable(model_));
    }
  }
  if (raw_.size() > inputs_.size()) {
    fail_data("there are {} raw_input_contents for the {} inputs of a request for model '{}'", raw_.size(),
              inputs_.size(), printable(model_));
  }
}

}  // namespace nn::inference
