#include "train/train.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "train/trainer.hpp"

namespace nn {
namespace {

// The loss that fits the target, or the one that was asked for if it does.
Loss loss_for(const Target& target, std::optional<Loss> wanted) {
  const bool classes = target.kind == Target::Kind::classes;
  if (classes && target.classes.size() < 2) {
    fail_data("every row has the same class '{}': there is nothing to learn",
              target.classes.empty() ? "" : target.classes[0]);
  }
  if (!wanted) {
    if (!classes) return Loss::mse;
    return target.classes.size() == 2 ? Loss::binary_crossentropy : Loss::categorical_crossentropy;
  }
  if (is_classification(*wanted) != classes) {
    fail_usage("--loss {} is for {}, but y has {}", name_of(*wanted), classes ? "numbers" : "classes",
               classes ? "classes (--target reads it as numbers)" : "numbers (--label reads it as classes)");
  }
  if (*wanted == Loss::binary_crossentropy && target.classes.size() != 2) {
    fail_usage("--loss binary_crossentropy is for two classes, but y has {}", target.classes.size());
  }
  return *wanted;
}

// An output that cannot be written is found out before hours of work, not after.
void probe_output(const std::string& path) { const OutputFile probe(path); }

}  // namespace

Model train(const TrainOptions& options) {
  Network network = network_of(options);
  check_device(options.device);
  probe_output(options.output);
  const std::string checkpoint_path =
      options.checkpoint.empty() ? options.output + ".ckpt" : options.checkpoint;

  const TrainingData data = load_training_data(options);
  const Loss loss = loss_for(data.target, options.loss);
  resolve(network, data.encoder.input_shape(), loss == Loss::binary_crossentropy ? 1 : data.target.width(),
          data.encoder.segments());

  Model model;
  model.network = network;
  model.loss = loss;
  model.encoder = data.encoder;
  model.target = data.target;
  model.provenance.tool_version = tools_version();
  model.provenance.command_line = options.command_line;
  model.provenance.data_digest = data.digest;
  model.provenance.seed = options.seed;
  model.provenance.created_unix_s = source_date_epoch();

  Trainer trainer(options, data, std::move(model));
  if (options.resume) {
    if (const auto checkpoint = load_checkpoint(checkpoint_path)) {
      trainer.restore(*checkpoint);
      note("resumed from {}", checkpoint_path);
    } else {
      note("{}: no checkpoint, starting anew", checkpoint_path);
    }
  }
  trainer.run();
  Model trained = trainer.finish();
  save_model(options.output, trained);
  ::unlink(checkpoint_path.c_str());
  return trained;
}

}  // namespace nn
