// A descriptor has all there is to know about one kind of layer; nn/layers has a file for each. Internal to
// lib/nn.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "nn/kind_table.hpp"
#include "nn/layer.hpp"
#include "nn/lowering.hpp"
#include "nn/option_values.hpp"
#include "nn/words.hpp"

namespace nn {

// The first word of a layer: its name in Keras, in lower case.
class LayerWord {
 public:
  template <std::size_t size>
  consteval LayerWord(const char (&word)[size]) : word_(word, size - 1) {
    static_assert(size > 1, "a layer needs a word");
  }
  constexpr operator std::string_view() const { return word_; }

 private:
  std::string_view word_;
};

// Neither LayerWord nor a reference has a default, so that a descriptor without one of these parts doesn't
// compile.
struct LayerType {
  LayerWord word;
  // Takes the words behind the first one. A usage error says which is wrong or missing; those that are left
  // over are refused by the caller.
  void (&parse)(Words& words, Layer& layer);
  // The same words in their canonical form, each with a blank before it.
  std::string (&print)(const Layer& layer);
  // Adds the layer's operations and parameters, or throws a usage error where its input doesn't fit it.
  void (&lower)(const Layer& layer, Lowering& to);
  // The options by the names that Keras gives them, for programs that read a model's description.
  OptionValues (&describe)(const Layer& layer);

  // Why it can only be the first layer; empty where it can be any.
  std::string_view first_because = {};
};

// Specialised once for each kind, in nn/layers.
template <LayerKind kind>
const LayerType& layer_type();

const LayerType& type_of(LayerKind kind);

// The kind that `word` names; usage errors as fail_unknown_name() has them.
LayerKind parse_layer_kind(std::string_view word);

}  // namespace nn
