// The model file NAME.nn: a FlatBuffers description (schemas/model.fbs) followed by the
// weights, 64-byte aligned and used straight from the mapping. Checkpoints are the same
// file with a training section.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/memory.hpp"
#include "model/encoder.hpp"
#include "nn/network.hpp"
#include "nn/plan.hpp"

namespace nn::model {

// Provenance: where a model comes from. Free text for people and scripts; nothing depends on it.
struct Provenance {
  std::string tool_version;
  std::string command_line;
  std::string data_digest;  // XXH3-128 of the training rows as encoded
  std::uint64_t seed = 0;
  std::int64_t created_unix_s = 0;  // SOURCE_DATE_EPOCH or 0 keeps equal runs byte-identical
  std::vector<std::pair<std::string, double>> metrics;  // "val_accuracy" …
};

struct Model {
  Network network;  // resolved
  Loss loss = Loss::mse;
  Encoder encoder;
  Target target;
  Provenance provenance;
  std::string digest;  // of the file, 32 hex digits; filled by load and save
  // lower(network, loss).parameter_count floats, 64-byte aligned. May point into a mapping.
  std::shared_ptr<const float> parameters;
};

// State of an unfinished run, beside the parameters in Model.
struct TrainingState {
  std::uint64_t step = 0;   // optimiser steps done
  std::uint64_t epoch = 0;  // the epoch it is in, from 0
  std::uint64_t batch = 0;  // batches of this epoch done
  double elapsed_s = 0;
  double epoch_loss = 0, epoch_weight = 0;  // sums so far in this epoch
  double best_score = 0;                    // early stopping
  std::uint64_t best_epoch = 0;
  std::uint64_t epochs_without_gain = 0;
  std::string options;  // canonical text of what must not change on --resume
  std::vector<float> optimizer_state;
  std::vector<float> best_parameters;  // empty: none yet
};

// Seconds since 1970 from the environment variable SOURCE_DATE_EPOCH, 0 without it: what
// Provenance::created_unix_s is set to. Usage error where it is not a number.
std::int64_t source_date_epoch();

// Opens and verifies everything but the digest of the weights (see verify_model). The
// weights are neither read nor copied: the file is mapped. "-" (stdin) and pipes are read
// whole. Errors name the file and what is wrong: not a model, cut off, corrupt, made by a
// newer version, a checkpoint.
Model load_model(const std::string& path);

// Checks the digest over the whole file as well.
Model verify_model(const std::string& path);

// Atomic ("-" is stdout). Fills model.digest. The same model gives the same bytes. A model
// that contradicts itself is a data error, and nothing is written.
void save_model(const std::string& path, Model& model);

void save_checkpoint(const std::string& path, Model& model, const TrainingState& state);
struct Checkpoint {
  Model model;
  TrainingState state;
};
// Verifies the digest. nullopt when there is no such file; a finished model is a data error.
std::optional<Checkpoint> load_checkpoint(const std::string& path);

// A model or a checkpoint, for those who look at files rather than use them.
struct AnyModel {
  Model model;
  std::optional<TrainingState> state;  // of a checkpoint
  std::uint64_t file_bytes = 0;
};
AnyModel inspect_model(const std::string& path, bool with_digest);

}  // namespace nn::model
