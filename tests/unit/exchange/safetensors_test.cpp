// Models as files of safetensors.
#include "format/safetensors.hpp"

#include <cmath>

#include "../model/models.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "catch.hpp"
#include "exchange/convert.hpp"
#include "exchange/json.hpp"
#include "layers/table.hpp"
#include "linear.hpp"

using namespace nn;
using namespace nn::exchange;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

const std::vector<float> kernel(4 * 2, 0.5f), bias{1, 2};
const std::vector<format::WrittenTensor> weights{{"dense_0/bias", {2}, bias},
                                                 {"dense_0/kernel", {4, 2}, kernel}};

Pairs described(const model::Model& model) {
  return {{"format", "np"}, {"nn.description", model_json(model)}};
}

void write(const std::string& path, const std::vector<format::WrittenTensor>& tensors,
           const Pairs& metadata) {
  OutputFile file(path);
  format::write_safetensors(file, tensors, metadata);
  file.commit();
}

}  // namespace

TEST_CASE("to safetensors and back gives the same bytes") {
  set_verbosity(Verbosity::quiet);
  const Scratch scratch;
  const auto check = [&](model::Model model) {
    model::save_model(scratch / "m.nn", model);
    save_safetensors(scratch / "m.safetensors", model::load_model(scratch / "m.nn"));
    model::Model back = load_safetensors(scratch / "m.safetensors");
    model::save_model(scratch / "back.nn", back);
    CHECK(read_file(scratch / "m.nn") == read_file(scratch / "back.nn"));
    save_safetensors(scratch / "again.safetensors", back);
    CHECK(read_file(scratch / "m.safetensors") == read_file(scratch / "again.safetensors"));
  };
  for (model::Model model : {class_model(), number_model()}) {
    model.provenance.metrics.emplace_back("odd", NAN);
    model.provenance.metrics.emplace_back("odd", -HUGE_VAL);
    check(model);
  }
  for (const Case& c : all_cases()) {
    INFO(c.net);
    check(model_of(c));
  }
}

TEST_CASE("safetensors have the weights under plain names, as [inputs, outputs], in the model's order") {
  const Scratch scratch;
  save_safetensors(scratch / "m.safetensors", class_model());
  const format::SafetensorsFile file(scratch / "m.safetensors");
  std::vector<std::string> names;
  for (const format::SafeTensor& tensor : file.tensors()) names.push_back(tensor.name);
  CHECK(names ==
        std::vector<std::string>{"dense_0/kernel", "dense_0/bias", "dense_1/kernel", "dense_1/bias"});
  CHECK(file.find("dense_0/kernel")->shape == Shape{6, 4});
  CHECK(file.find("dense_0/kernel")->type == "F32");
  REQUIRE(file.metadata().size() == 2);
  CHECK(file.metadata()[0] == std::pair<std::string, std::string>("format", "np"));
  CHECK(file.metadata()[1].first == "nn.description");
}

TEST_CASE("safetensors that are no model are refused with the tensor and what is wrong") {
  set_verbosity(Verbosity::quiet);
  const Scratch scratch;
  const std::string path = scratch / "m.safetensors";
  const Pairs good = described(number_model());
  const auto refuses = [&](const std::string& message, const std::vector<format::WrittenTensor>& tensors,
                           const Pairs& metadata) {
    INFO(message);
    write(path, tensors, metadata);
    CHECK_THROWS_WITH(load_safetensors(path), Contains(path + ": ") && Contains(message));
    CHECK_THAT(show_file(path, false), Contains(message));
  };
  write(path, weights, good);
  CHECK(load_safetensors(path).parameters.get()[0] == 0.5f);
  CHECK_THAT(show_file(path, false), Contains("complete"));
  refuses("has no 'nn.description' among its metadata", weights, {{"format", "pt"}});
  refuses("nn.description: is not JSON", weights, {{"nn.description", "{"}});
  refuses("has no array 'dense_0/kernel', which the network needs", {weights[0]}, good);
  refuses("array 'dense_0/kernel': has shape [2,4], but the network needs [4,2]",
          {weights[0], {"dense_0/kernel", {2, 4}, kernel}}, good);
  const std::vector<float> broken{1, NAN};
  refuses("array 'dense_0/bias': element 1 is nan, not a weight", {{"dense_0/bias", {2}, broken}, weights[1]},
          good);
}

TEST_CASE("what is left out of a model is told") {
  const Scratch scratch;
  Pairs metadata = described(number_model());
  metadata.emplace_back("licence", "mine");
  std::vector<format::WrittenTensor> tensors = weights;
  tensors.push_back({"more", {2}, bias});
  write(scratch / "m.safetensors", tensors, metadata);
  const std::string text = show_file(scratch / "m.safetensors", false);
  CHECK_THAT(text, Contains("left out    more") && Contains("licence  mine"));
  const Json json = Json::parse(show_file(scratch / "m.safetensors", true));
  CHECK(json["left_out"] == Json::array({"more"}));
  CHECK(json["refused"].empty());
  CHECK(json["metadata"]["licence"] == "mine");
  CHECK(json["model"]["loss"] == "huber");
  CHECK(json["arrays"].size() == 3);
}

TEST_CASE("a description of many members is refused before time is lost over it") {
  const auto description = [](std::size_t n) {
    std::string text = "{";
    for (std::size_t i = 0; i < n; ++i) text += fmt::format("{}\"{}\":0", i == 0 ? "" : ",", i);
    return text + "}";
  };
  CHECK_THROWS_WITH(model_from_json(description(1000)), Contains("more than 256 members"));
  CHECK_THROWS_WITH(model_from_json(description(256)), Contains("has no 'format'"));
  test::check_linear(
      3000,
      [&](std::size_t n) {
        std::string text = "[0";
        for (std::size_t i = 0; i < n; ++i) text += "," + description(200);
        return text + "]";
      },
      [](const std::string& text) { CHECK_THROWS_AS(model_from_json(text), Error); });
}
