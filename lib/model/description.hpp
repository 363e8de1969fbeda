// The inside of a model file: the FlatBuffer of schemas/model.fbs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/container.hpp"
#include "model/model.hpp"

namespace nn::model {

// Floats of the file, as block_offsets() places them: parameters, and for a checkpoint
// the optimiser state and the best parameters.
std::vector<std::byte> describe_model(const Model& model, const Plan& plan, const TrainingState* state,
                                      std::span<const std::uint64_t> offsets);

// Floats of the file, from an offset on.
struct Block {
  std::uint64_t offset = 0, count = 0;
};

struct Described {
  Model model;  // without parameters
  std::optional<TrainingState> state;
  // Of the parameters, and of a checkpoint's optimizer state and best parameters; they ascend, and lie within
  // the file.
  std::vector<Block> blocks;
};
// Verifies the FlatBuffer and that it makes sense together with the file; data errors.
Described parse_description(const Container& container);

// Fills in parameters and state: memory of their own, each read to its place. Their digest is verified once
// reader.finish() returns. Unavailable where there is no memory for them.
void read_blocks(ContainerReader& reader, Described& described);

// Throws a data error where a part of the model contradicts another one. The network must
// be resolved.
void check_model(const Model& model);

// The network that `text` names, resolved for the model's columns, target and loss; data error
// where it is wrong or needs more than `most_parameters` weights.
Network checked_network(const std::string& text, Shape input, const Model& model,
                        std::uint64_t most_parameters);

// Outputs that the network must have for the target under the loss.
std::int64_t outputs_for(const Target& target, Loss loss);

}  // namespace nn::model
