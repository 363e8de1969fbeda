#include "train/start.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/numbered_path.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "train/files.hpp"
#include "train/warm_start.hpp"

namespace nn::train {
namespace {

// The loss that fits the target, or the one that was asked for if it does.
LossChoice loss_for(const model::Target& target, const std::optional<LossChoice>& wanted) {
  const bool classes = target.kind == model::Target::Kind::classes;
  if (classes && target.classes.size() < 2) {
    fail_data("every row has the same class '{}': there is nothing to learn",
              target.classes.empty() ? "" : target.classes[0]);
  }
  if (!wanted) {
    if (!classes) return {Loss::mse, {}};
    return {target.classes.size() == 2 ? Loss::binary_crossentropy : Loss::categorical_crossentropy, {}};
  }
  const Loss loss = wanted->loss;
  if (is_classification(loss) != classes) {
    fail_usage("--loss {} is for {}, but y has {}", name_of(loss), classes ? "numbers" : "classes",
               classes ? "classes (--target reads it as numbers)" : "numbers (--label reads it as classes)");
  }
  if (loss == Loss::binary_crossentropy && target.classes.size() != 2) {
    fail_usage("--loss binary_crossentropy is for two classes, but y has {}", target.classes.size());
  }
  if (model::answers_kind_of(loss) != model::Answers::Kind::values && target.width() != 1) {
    fail_usage("--loss {} is for one number a row, but y has {}; a network for each would do", name_of(loss),
               target.width());
  }
  return *wanted;
}

void require_checkpoint(const std::string& path) {
  if (::access(path.c_str(), R_OK) != 0)
    throw make_error(ErrorKind::io, "there is no checkpoint to go on from").within_file(path);
}

}  // namespace

// A FIFO is not opened for that: its reader would see an end when the probe is closed.
void probe_output(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_fifo(path, ignored)) {
    const OutputFile probe(path);
  } else if (::access(path.c_str(), W_OK) != 0) {
    fail_errno(path);
  }
}

// Who takes NAME-*.nn would take them as well.
void tell_models_beyond(const std::string& output, std::size_t count) {
  const std::string next = numbered_path(output, std::to_string(count + 1));
  std::error_code ignored;
  if (std::filesystem::exists(next, ignored))
    warn("{} is there from a run of more networks than the {} of this one, and stays", printable(next),
         count);
}

void check_outputs(const std::vector<TrainOptions>& runs) {
  for (const TrainOptions& run : runs) {
    if (run.require_checkpoint) require_checkpoint(checkpoint_of(run));
    probe_output(run.output);
  }
}

model::Model untrained(const TrainOptions& options, Network network, const TrainingData& data) {
  model::Model model;
  const LossChoice choice =
      loss_for(data.target, options.loss || !data.start ? options.loss : loss_from(*data.start, data.target));
  const bool smooths = std::ranges::any_of(options.members.label_smoothing, [](double v) { return v > 0; });
  if ((smooths || options.label_smoothing > 0) && !is_classification(choice.loss))
    fail_usage("--label-smoothing is for classes, but y has numbers");
  model.loss = choice.loss;
  model.target = data.target;
  model.target.answers = {model::answers_kind_of(choice.loss), choice.quantiles};
  check_last_layer(network, model.loss);
  const std::int64_t outputs =
      model.loss == Loss::binary_crossentropy ? 1 : model.target.width() * model.target.answers.each();
  if (data.start != nullptr && outputs != data.start->network.outputs() &&
      !has_new_target(options, network)) {
    const std::string& last = last_dense(network).name;
    throw make_error(ErrorKind::usage, "--loss {} needs {} outputs, and the model has {}",
                     name_of(model.loss), outputs, data.start->network.outputs())
        .advise("; --reset {} begins its last layer anew", last);
  }
  resolve(network, data.encoder.input_shape(), outputs, data.encoder.segments());
  model.network = std::move(network);
  if (data.start != nullptr) {
    check_start(options, lower(model.network, model.loss), *data.start);
    model.provenance.from_digest = data.start->digest;
  }
  model.encoder = data.encoder;
  model.reading = data.reading;
  model.provenance.tool_version = tools_version();
  model.provenance.command_line = options.command_line;
  model.provenance.data_digest = data.digest;
  model.provenance.seed = options.seed;
  model.provenance.created_unix_s = model::source_date_epoch();
  return model;
}

}  // namespace nn::train
