#include "inference/v2_outputs.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "inference/outputs.hpp"

namespace nn::inference {
namespace {

class OutputReader {
 public:
  OutputReader(JsonBody& json, const Signature& signature, std::vector<WantedOutput>& wanted)
      : json_(json), signature_(signature), wanted_(wanted) {}

  void read(json::value& value);

 private:
  void read_output(json::object object, const Place& place);
  void read_parameters(json::value& value, WantedOutput& output, const Place& place);

  JsonBody& json_;
  const Signature& signature_;
  std::vector<WantedOutput>& wanted_;
};

void OutputReader::read(json::value& value) {
  json::array list = json_.list(value, {"outputs"});
  std::int64_t i = 0;
  for (auto result : list) {
    json::value element = json_.need<json::value>(std::move(result));
    const Place place{"outputs", i++};
    read_output(json_.object(element, place), place);
  }
}

void OutputReader::read_output(json::object object, const Place& place) {
  const auto& outputs = signature_.outputs();
  WantedOutput output;
  bool has_name = false, has_parameters = false;
  json_.each(object, [&](std::string_view key, json::value value) {
    if (key == "name") {
      once(has_name, key, place);
      const std::string_view name = json_.text(value, {place.root, place.index, key});
      while (output.index < outputs.size() && outputs[output.index].name != name) ++output.index;
      if (output.index == outputs.size()) {
        fail_data("unexpected inference output '{}': the model has {}", printable(name, 40),
                  outputs.size() == 1 ? outputs[0].name : outputs[0].name + ", " + outputs[1].name);
      }
    } else if (key == "parameters") {
      once(has_parameters, key, place);
      read_parameters(value, output, place);
    } else {
      json_.check(value);
    }
  });
  if (!has_name) throw data_error("'name' is missing").within(to_string(place));
  for (const WantedOutput& before : wanted_) {
    if (before.index == output.index) fail_data("output '{}' is there twice", outputs[output.index].name);
  }
  if (output.classes > 0 && output_kind(signature_, output.index) == OutputKind::label) {
    fail_data("classification is of numbers, but '{}' is a label", outputs[output.index].name);
  }
  wanted_.push_back(output);
}

void OutputReader::read_parameters(json::value& value, WantedOutput& output, const Place& place) {
  json::object object = json_.object(value, {place.root, place.index, "parameters"});
  json_.each(object, [&](std::string_view key, json::value parameter) {
    const Place its{place.root, place.index, key};
    if (key == "binary_data") {
      output.binary = json_.boolean(parameter, its);
    } else if (key == "classification") {
      const std::uint64_t classes = json_.count(parameter, its);
      if (classes < 1) throw data_error("expected 1 or more classes, got 0").within(to_string(its));
      output.classes =
          static_cast<std::int64_t>(std::min(classes, static_cast<std::uint64_t>(signature_.kind().width())));
    } else if (key == "shared_memory_region") {
      throw data_error("shared memory is not supported").within(to_string(place));
    } else {
      json_.check(parameter);
    }
  });
}

}  // namespace

void read_v2_outputs(JsonBody& json, json::value& value, const Signature& signature,
                     std::vector<WantedOutput>& outputs) {
  OutputReader(json, signature, outputs).read(value);
}

}  // namespace nn::inference
