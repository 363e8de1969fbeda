// The lowering: a network as a short list of operations over one arena and one block
// of parameters. Plain data; every backend plans inside it as it likes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nn/network.hpp"

namespace nn {

// One weight tensor inside the parameter block.
struct Parameter {
  std::string name;  // "dense_0/kernel" [inputs, outputs], "dense_0/bias" [outputs]
  Shape shape;
  std::int64_t offset = 0;  // in elements, from the start of the block; a multiple of 16
  std::int64_t fan_in = 0, fan_out = 0;
  Activation activation = Activation::linear;  // of its layer: chooses the initialisation
  bool decays = false;                         // kernels take part in L2 and weight decay, biases don't
  std::int64_t size() const { return element_count(shape); }
};

enum class OpKind : std::uint8_t { dense, activation, dropout };

// Rows are the outer dimension of every value: [rows, inputs] → [rows, outputs].
struct Op {
  OpKind kind = OpKind::dense;
  std::int64_t inputs = 0, outputs = 0;
  std::int64_t input = 0, output = 0;          // values: offsets in elements for one row of the arena,
                                               // scaled by the batch; input -1: the batch itself
  int kernel = -1, bias = -1;                  // index into Plan::parameters
  Activation activation = Activation::linear;  // fused into dense; the op itself otherwise
  double rate = 0;
  int layer = 0;  // index into Network::layers
};

struct Plan {
  std::int64_t inputs = 0, outputs = 0;
  Loss loss = Loss::mse;
  std::vector<Op> ops;
  std::vector<Parameter> parameters;
  std::int64_t parameter_count = 0;  // elements in the block, padding included
  std::int64_t values_per_row = 0;   // elements of the arena for one row
};

// `network` must be resolved.
Plan lower(const Network& network, Loss loss);

// Fills the block (plan.parameter_count floats, overwritten; padding and biases 0):
//   relu family: He normal (He et al. 2015, eq. 10); selu: LeCun normal (Klambauer et
//   al. 2017); others: Glorot uniform (Glorot & Bengio 2010, eq. 16).
// The same seed gives the same values everywhere.
void initialise(const Plan& plan, std::uint64_t seed, std::span<float> parameters);

}  // namespace nn
