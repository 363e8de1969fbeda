// Every layer of the table, as words, as numbers and in the manual.
#include <fstream>
#include <iterator>
#include <map>

#include "catch.hpp"
#include "layers/table.hpp"
#include "nn/layer_type.hpp"

using namespace nn;
using namespace nn::test;

namespace {

std::string text_of(const OptionValues& values) {
  std::string text;
  for (const OptionValue& option : values) {
    text += option.name;
    text += '=';
    if (const auto* n = std::get_if<std::int64_t>(&option.value)) text += std::to_string(*n);
    if (const auto* x = std::get_if<double>(&option.value)) text += std::to_string(*x);
    if (const auto* word = std::get_if<std::string_view>(&option.value)) text += *word;
    if (const auto* size = std::get_if<Size>(&option.value)) text += to_string(*size);
    if (const auto* sides = std::get_if<Sides>(&option.value)) text += to_string(*sides);
    text += ' ';
  }
  return text;
}

}  // namespace

TEST_CASE("a layer's row has it") {
  for (const LayerRow& row : layer_rows) {
    INFO(name_of(row.kind));
    CHECK(!row.cases().empty());
    for (const Case& c : row.cases()) {
      INFO(c.net);
      const std::vector<Layer> layers = parse_network(c.net).layers;
      CHECK(std::any_of(layers.begin(), layers.end(), [&](const Layer& l) { return l.kind == row.kind; }));
    }
  }
}

TEST_CASE("layers are the same when read back from their canonical text") {
  for (const Case& c : all_cases()) {
    const Network network = parse_network(c.net);
    const std::string text = to_string(network);
    INFO(c.net << " as " << text);
    CHECK(parse_network(text).layers == network.layers);
    CHECK(to_string(parse_network(text)) == text);
  }
}

// A model file has a network's text, and so has a description of it: what either leaves out is lost.
TEST_CASE("layers with different options have different words and values") {
  std::map<std::string, LayerOptions> words, values;
  for (const Case& c : all_cases()) {
    for (const Layer& layer : parse_network(c.net).layers) {
      const LayerType& type = type_of(layer.kind);
      const std::string word(type.word);
      INFO(c.net << ": " << word);
      CHECK(words.try_emplace(word + type.print(layer), layer).first->second == layer);
      CHECK(values.try_emplace(word + " " + text_of(type.describe(layer)), layer).first->second == layer);
    }
  }
}

TEST_CASE("nn-tools(7) tells of every layer and activation") {
  std::ifstream file(NN_MAN "/nn-tools.7");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  for (const LayerRow& row : layer_rows) {
    if (is_mark(row.kind)) continue;
    INFO(name_of(row.kind));
    CHECK(page.find(".It Li " + std::string(name_of(row.kind))) != std::string::npos);
  }
  for (const std::string_view activation : enum_names(Activation{}).list()) {
    INFO(activation);
    const bool takes_slope = !slope_taken(parse_activation(activation)).name.empty();
    CHECK(page.find(".It Li " + std::string(activation) + (takes_slope ? " Op Ar " : "\n")) !=
          std::string::npos);
  }
}
