#include <algorithm>
#include <charconv>
#include <limits>

#include "base/error.hpp"
#include "base/text.hpp"
#include "inference/json.hpp"
#include "inference/v2.hpp"
#include "inference/v2_inputs.hpp"
#include "inference/v2_outputs.hpp"

namespace nn::inference {
namespace {

class RequestReader {
 public:
  RequestReader(JsonBody& json, V2Inputs& inputs, const Signature& signature, V2Request& request)
      : json_(json), inputs_(inputs), signature_(signature), request_(request) {}

  void read(std::string_view text);
  void read_raw();

 private:
  void read_parameters(json::value& value);
  void want_all(bool binary);

  JsonBody& json_;
  V2Inputs& inputs_;
  const Signature& signature_;
  V2Request& request_;
  bool binary_output_ = false;
};

void RequestReader::read(std::string_view text) {
  json::object root = json_.open(text);
  bool has_id = false, has_inputs = false, has_outputs = false, has_parameters = false;
  const Place place{"the request"};
  json_.each(root, [&](std::string_view key, json::value value) {
    if (key == "inputs") {
      once(has_inputs, key, place);
      inputs_.read(value);
    } else if (key == "outputs") {
      once(has_outputs, key, place);
      read_v2_outputs(json_, value, signature_, request_.outputs);
    } else if (key == "id") {
      once(has_id, key, place);
      request_.id = json_.text(value, {"id"});
    } else if (key == "parameters") {
      once(has_parameters, key, place);
      read_parameters(value);
    } else {
      json_.check(value);
    }
  });
  json_.close();
  if (!has_inputs) fail_data("'inputs' is missing");
  inputs_.finish();
  if (request_.outputs.empty()) want_all(binary_output_);
}

void RequestReader::read_raw() {
  inputs_.read_raw();
  want_all(true);
}

void RequestReader::want_all(bool binary) {
  for (std::size_t i = 0; i < signature_.outputs().size(); ++i)
    request_.outputs.push_back({.index = i, .binary = binary});
}

void RequestReader::read_parameters(json::value& value) {
  const Place place{"parameters"};
  json::object object = json_.object(value, place);
  json_.each(object, [&](std::string_view key, json::value parameter) {
    const Place its{"parameters", -1, key};
    if (key == "timeout") {
      const std::uint64_t us = json_.count(parameter, its);
      constexpr std::uint64_t longest = std::numeric_limits<std::int64_t>::max() / 2000;
      if (us > 0) request_.timeout = std::chrono::microseconds(std::min(us, longest));
    } else if (key == "priority") {
      request_.priority = json_.count(parameter, its);
    } else if (key == "binary_data_output") {
      binary_output_ = json_.boolean(parameter, its);
    } else if (key.substr(0, 7) == "triton_") {
      fail_data("parameter keys starting with 'triton_' are reserved");
    } else {
      const char first = json_.first(parameter);
      if (first == '[' || first == '{') json_.fail_type(parameter, "a text, a number or a boolean", its);
      json_.check(parameter);
    }
  });
}

// The bytes of JSON; nothing where all is the model's only input.
std::optional<std::size_t> json_bytes_of(std::optional<std::string_view> header_length,
                                         std::size_t body_bytes) {
  if (!header_length) return body_bytes;
  const std::string_view text = trim(*header_length);
  std::uint64_t length = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), length);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    fail_data("the inference header's content length is not a number of bytes: '{}'", printable(text, 40));
  }
  if (length > body_bytes) {
    fail_data("inference header size should be in range (0, {}), got: {}", body_bytes, length);
  }
  if (length == 0) return std::nullopt;
  return length;
}

}  // namespace

struct V2Reader::State {
  JsonBody json;
  V2Inputs::Memory inputs;
};

V2Reader::V2Reader(std::uint64_t most_bytes) : most_bytes_(most_bytes), state_(std::make_unique<State>()) {}
V2Reader::~V2Reader() = default;
V2Reader::V2Reader(V2Reader&&) noexcept = default;
V2Reader& V2Reader::operator=(V2Reader&&) noexcept = default;

void V2Reader::read(std::string_view body, std::optional<std::string_view> header_length,
                    const Signature& signature, Rows& rows, V2Request& request) {
  request.id.clear();
  request.timeout.reset();
  request.priority = 0;
  request.outputs.clear();
  const auto json_bytes = json_bytes_of(header_length, body.size());
  V2Inputs inputs(state_->inputs, state_->json, body, json_bytes.value_or(0), signature, rows, most_bytes_);
  const JsonBody::Open open(state_->json);
  RequestReader reader(state_->json, inputs, signature, request);
  if (!json_bytes) return reader.read_raw();
  reader.read(body.substr(0, *json_bytes));
}

}  // namespace nn::inference
