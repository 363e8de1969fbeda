#include "train/train.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/queue.hpp"
#include "base/signals.hpp"
#include "format/reading.hpp"
#include "train/cross_validate.hpp"
#include "train/curves.hpp"
#include "train/event_files.hpp"
#include "train/files.hpp"
#include "train/start.hpp"
#include "train/summary.hpp"
#include "train/trainer.hpp"
#include "train/warm_start.hpp"

namespace nn::train {
namespace {

// Saves those that there are. Each waits for the disk, which takes many in the time of one: so they wait
// together.
void save_models(const std::vector<TrainOptions>& members, std::vector<model::Model>& trained) {
  constexpr std::size_t most_writers = 16;
  const std::size_t writers = std::min(members.size(), most_writers);
  const auto save_every = [&](std::size_t first, const Coordinator* threads) {
    for (std::size_t k = first; k < members.size() && (threads == nullptr || !threads->stopping());
         k += writers) {
      if (trained[k].parameters != nullptr) model::save_model(members[k].output, trained[k]);
    }
  };
  if (writers == 1) return save_every(0, nullptr);
  Coordinator threads;
  for (std::size_t w = 0; w < writers; ++w) threads.start([&, w] { save_every(w, &threads); });
  threads.join();
}

// What a run begins with, and the network that it trains.
struct Beginning {
  TrainOptions options;  // which read a table of text as the model's was
  std::shared_ptr<const model::Model> model;
  Network network;
};

Beginning beginning_of(const TrainOptions& options) {
  Beginning beginning{options, load_start(options), {}};
  if (beginning.model == nullptr) {
    beginning.network = network_of(options);
    return beginning;
  }
  beginning.network = network_from(options, *beginning.model);
  read_as_start(*beginning.model, beginning.options.source);
  return beginning;
}

// Trains all members and writes their models; `run` says how far that came, also where this throws.
void train_to_files(const Beginning& beginning, const std::vector<TrainOptions>& members, TrainingLog& log,
                    RunFigures& run) {
  const TrainOptions& options = beginning.options;
  backend::check_device(options.device);
  check_outputs(members);
  if (!options.plot.empty()) probe_output(options.plot);
  const TrainingData data = load_training_data(options, beginning.network, beginning.model);
  const model::Model model = untrained(options, beginning.network, data);
  std::vector<model::Model> trained;
  try {
    trained = train_members(members, data, model, log, run);
  } catch (const Interrupted&) {
    if (members.size() > 1)
      print_message(fmt::format("stopped; {} and the other checkpoints continue with --resume",
                                checkpoint_of(members[0])));
    throw;
  }
  save_models(members, trained);
  std::size_t missing = 0;
  for (std::size_t k = 0; k < members.size(); ++k) {
    if (trained[k].parameters == nullptr) {
      missing += run.stopped[k] ? 0 : 1;
      continue;
    }
    run.courses[k].metrics = trained[k].provenance.metrics;
    const auto& own = run.own_checkpoints[k];
    if (own && !members[k].keep_checkpoint) remove_own(checkpoint_of(members[k]), *own);
    ++run.models;
    if (members.size() > 1) log.member_finished(members[k].member, run.courses[k]);
  }
  if (const auto best = best_member(run, trained)) run.best_member = members[*best].member;
  print_summaries(members, run, trained, data);
  if (missing > 0) fail_data("{} of {} members have no model", missing, members.size());
  if (!options.keep_checkpoint) run.checkpoint.clear();
}

}  // namespace

void train(const TrainOptions& given) {
  check_options(given);
  check_device_options(given);
  const Beginning beginning = beginning_of(given);
  const TrainOptions& options = beginning.options;
  const bool folds = options.folds > 0;
  const std::vector<TrainOptions> members = folds ? folds_of(options) : members_of(options);
  check_files(members);
  if (members.size() > 1) tell_models_beyond(options.output, members.size());
  std::optional<EventFiles> event_files;
  if (!options.tensorboard.empty())
    event_files.emplace(options.tensorboard, members.size(), options.log_every > 0, options.resume);
  TrainingLog log(options.log, options.metrics, options.resume);
  std::optional<Observing> for_tensorboard;
  if (event_files) for_tensorboard.emplace(log, *event_files);
  std::optional<Curves> curves;
  std::optional<Observing> for_plot;
  if (!options.plot.empty()) for_plot.emplace(log, curves.emplace(members));
  RunFigures run;
  run.members = members.size();
  try {
    if (folds) {
      backend::check_device(options.device);
      cross_validate(options, members, beginning.network, beginning.model, log, run);
    } else {
      train_to_files(beginning, members, log, run);
    }
    if (curves) curves->write(options.plot);
  } catch (...) {
    if (curves) curves->write_what_there_is(options.plot);
    log.ended_by(std::current_exception(), run);
    throw;
  }
  log.finished(run);
}

void read_as_start(const model::Model& start, format::SourceOptions& source) {
  format::take_reading(source, start.reading);
  format::take_columns(source, model::table_of(start));
}

std::vector<RatePoint> find_rate(const TrainOptions& given) {
  const auto [options, start, network] = beginning_of(given);
  backend::check_device(options.device);
  const TrainingData data = load_training_data(options, network, start);
  return find_rate(options, data, untrained(options, network, data));
}

}  // namespace nn::train
