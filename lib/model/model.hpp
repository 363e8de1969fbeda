// The model file NAME.nn: a FlatBuffers description (schemas/model.fbs) followed by the
// weights. Checkpoints are the same file with a training section.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "base/memory.hpp"
#include "model/encoder.hpp"
#include "nn/network.hpp"
#include "nn/plan.hpp"
#include "table/reading.hpp"

namespace nn::model {

// Provenance: where a model comes from. Free text for people and scripts; nothing depends on it.
struct Provenance {
  std::string tool_version;
  std::string command_line;
  std::string data_digest;  // XXH3-128 of the training rows as encoded
  std::uint64_t seed = 0;
  std::int64_t created_unix_s = 0;  // SOURCE_DATE_EPOCH or 0 keeps equal runs byte-identical
  std::vector<std::pair<std::string, double>> metrics;  // "val_accuracy" …
  // What a member of several had of its own, besides the seed: "lr" …, as options are called.
  std::vector<std::pair<std::string, double>> options;
  std::string from_digest = {};  // of the model that it began with; empty: random weights
};

struct Model {
  Network network;  // resolved
  Loss loss = Loss::mse;
  Encoder encoder;
  Target target;
  table::Reading reading;  // of the table that it learned from
  Provenance provenance;
  std::string digest;  // of the file, 32 hex digits; filled by load and save
  // lower(network, loss).parameter_count floats, 64-byte aligned; null where only the description was read.
  std::shared_ptr<const float> parameters;
};

// State of an unfinished run, beside the parameters in Model.
// How a schedule that waits for gains stands.
struct PlateauState {
  double factor = 1;           // of the learning rate
  std::optional<double> best;  // score; none before the first epoch has ended
  std::uint64_t waited = 0;    // epochs without gain
  std::uint64_t cooldown = 0;  // epochs that are still left of it
};

struct TrainingState {
  std::uint64_t step = 0;   // optimiser steps done
  std::uint64_t epoch = 0;  // the epoch it is in, from 0
  std::uint64_t batch = 0;  // batches of this epoch done
  double elapsed_s = 0;
  double epoch_loss = 0, epoch_weight = 0;  // sums so far in this epoch
  double best_score = 0;                    // early stopping
  std::uint64_t best_epoch = 0;
  std::uint64_t epochs_without_gain = 0;
  PlateauState plateau;
  std::string options;  // canonical text of what must not change on --resume
  std::vector<float> optimizer_state;
  std::vector<float> best_parameters;  // empty: none yet
};

// Seconds since 1970 from the environment variable SOURCE_DATE_EPOCH, 0 without it: what
// Provenance::created_unix_s is set to. Usage error where it is not a number.
std::int64_t source_date_epoch();

// Reads the file ("-" is stdin; pipes are read as well) into memory of the model's own, each byte once, and
// verifies all of it on the way: whatever is done to the file from here on, the model stays what its digest
// says. Errors name the file and what is wrong: not a model, cut off, corrupt, made by a newer version, a
// checkpoint. Unavailable where there is no memory for the weights.
Model load_model(const std::string& path);

// Checks the bytes of a model that comes from elsewhere, as they come: whoever passes a model on, or gives it
// a name, does that once finish() has returned. Order of calls: add()*, finish(). One thread. Data errors,
// without a path.
class ModelCheck {
 public:
  ModelCheck();
  ModelCheck(ModelCheck&&) noexcept;
  ModelCheck& operator=(ModelCheck&&) noexcept;
  ~ModelCheck();
  // The next bytes. Throws as soon as it is certain that they are no model.
  void add(std::span<const std::byte> bytes);
  // There are no more: the model without its parameters, if all bytes are there and right.
  Model finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Atomic ("-" is stdout). Fills model.digest. The same model gives the same bytes. A model
// that contradicts itself is a data error, and nothing is written.
void save_model(const std::string& path, Model& model);

// The stamp of the file, where it is a new one.
std::optional<FileStamp> save_checkpoint(const std::string& path, Model& model, const TrainingState& state);
struct Checkpoint {
  Model model;
  TrainingState state;
  std::optional<FileStamp> stamp;  // of the file, where it is one
};
// Verifies the digest. nullopt when there is no such file; a finished model is a data error.
std::optional<Checkpoint> load_checkpoint(const std::string& path);

// A model or a checkpoint, for those who look at files rather than use them: without parameters, and without
// the floats of the state.
struct AnyModel {
  Model model;
  std::optional<TrainingState> state;  // of a checkpoint
  std::uint64_t file_bytes = 0;
};
// The table that the model learned from, as far as another one is alike: its columns, and labels that are
// texts under the name that they had.
Schema table_of(const Model& model);

// Reads the description; with `with_digest` all of the file, and checks its digest. Errors as load_model().
AnyModel inspect_model(const std::string& path, bool with_digest);

}  // namespace nn::model
