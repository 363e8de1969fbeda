// --log: a JSON object a line, for jq, pandas and dashboards. Flushed line by line.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json_lines.hpp"
#include "model/model.hpp"

namespace nn::train {

struct LogRecord {
  std::uint64_t step = 0, epoch = 0;                    // steps done; epoch from 1
  std::int64_t member = 0;                              // from 1; 0 where there is one only
  std::vector<std::pair<std::string, double>> figures;  // in this order; NaN becomes null
  std::string_view options = {};                        // of the member, an object of JSON; empty: none
  bool ends_epoch = false;                              // or it is of a step
  bool done = false;                                    // it is the member's last
  std::uint64_t best_epoch = 0;  // so far, from 1: that with the lowest val_loss, or loss
  double best_score = 0;         // which is this
};

// Sees what happens in a run, besides its log. Thread-safe: members call from their threads.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void epoch_ended(const LogRecord& /*record*/) {}
  virtual void step_ended(const LogRecord& /*record*/) {}  // of those that --log-every tells
  // One of several ends without a model.
  virtual void member_ended(std::int64_t /*member*/) {}
};

// How a member's training went.
struct MemberCourse {
  std::uint64_t epochs = 0, steps = 0;                  // done, of all runs that this one goes on from
  std::uint64_t best_epoch = 0;                         // from 1; 0: none has ended
  std::string score;                                    // what epochs are compared by: "val_loss", "loss"
  double best_score = 0, last_score = 0;                // of that epoch, and of the model
  double elapsed_s = 0;                                 // of all runs
  std::vector<std::pair<std::string, double>> metrics;  // of the model
  std::string options;  // its own, an object of JSON; empty: there is one member only
};

// The end of a run in figures, for the line that ends its log.
// A figure over the folds of a cross-validation.
struct FoldFigure {
  std::string name;  // "val_loss"
  double mean = 0, deviation = 0;
};

struct RunFigures {
  std::size_t members = 1, models = 0;                    // to be trained; written
  std::string checkpoint;                                 // that one's, if it saved any; empty: none
  std::vector<std::optional<FileStamp>> own_checkpoints;  // of each member (Member::own_checkpoint())
  std::vector<std::uint8_t> stopped;  // of each member, whether it was told to train no more
  std::vector<MemberCourse> courses;  // of each member, as far as it came
  std::int64_t best_member = 0;       // of several that have models, from 1
  std::vector<FoldFigure> folds;      // where members were folds, and all have a model
};

// Thread-safe.
class TrainingLog {
 public:
  // Opened for appending with `append` (a resumed run), else anew; "" writes nothing.
  // FIFOs and "-", the standard output, are fine. `metrics` gets the lines of epochs and steps as well, but
  // for options, and how each of several members ends.
  TrainingLog(const std::string& path, const std::string& metrics, bool append);
  void write(const LogRecord& record);
  // Who is told as well, from here on; borrowed until forget(). Before members begin, and after they have
  // ended.
  void observe(RunObserver& observer) { observers_.push_back(&observer); }
  void forget(const RunObserver& observer) { std::erase(observers_, &observer); }
  // The same only to `metrics`: it is in the log already.
  void repeat(const LogRecord& record);
  // How a member begins that was to go on from the checkpoint at `path`: from this state, or, null, anew,
  // since there is none. Only to the log.
  void begun(std::int64_t member, const std::string& path, const model::TrainingState* state);
  // How one of several members ends; the others go on. The first two have no model, that of the third is
  // there.
  void member_failed(std::int64_t member, const Error& error);
  void member_stopped(std::int64_t member, std::uint64_t epochs, std::uint64_t steps);
  void member_finished(std::int64_t member, const MemberCourse& course);
  // The last line. Io errors as write() has them.
  void finished(const RunFigures& run);
  // The last line of a run that this exception ends, as far as it can be written: what ended the run counts.
  void ended_by(const std::exception_ptr& exception, const RunFigures& run) noexcept;

 private:
  void end(std::string line, const RunFigures& run);
  LineFile file_;
  LineFile metrics_;
  std::vector<RunObserver*> observers_;
};

// In a scope.
class Observing {
 public:
  Observing(TrainingLog& log, RunObserver& observer) : log_(log), observer_(observer) {
    log_.observe(observer);
  }
  Observing(const Observing&) = delete;
  Observing& operator=(const Observing&) = delete;
  ~Observing() { log_.forget(observer_); }

 private:
  TrainingLog& log_;
  RunObserver& observer_;
};

}  // namespace nn::train
