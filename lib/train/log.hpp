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
};

// The end of a run in figures, for the line that ends its log.
struct RunFigures {
  std::size_t members = 1, models = 0;                    // to be trained; written
  std::uint64_t epochs = 0, steps = 0;                    // done, where there is one member
  std::string checkpoint;                                 // that one's, if it saved any; empty: none
  std::vector<std::optional<FileStamp>> own_checkpoints;  // of each member (Member::own_checkpoint())
  std::vector<std::uint8_t> stopped;  // of each member, whether it was told to train no more
};

// Thread-safe.
class TrainingLog {
 public:
  // Opened for appending with `append` (a resumed run), else anew; "" writes nothing.
  // FIFOs and "-", the standard output, are fine. `metrics` gets the lines of epochs and steps as well, but
  // for options, and how each of several members ends.
  TrainingLog(const std::string& path, const std::string& metrics, bool append);
  void write(const LogRecord& record);
  // The same only to `metrics`: it is in the log already.
  void repeat(const LogRecord& record);
  // How a member begins that was to go on from the checkpoint at `path`: from this state, or, null, anew,
  // since there is none. Only to the log.
  void begun(std::int64_t member, const std::string& path, const model::TrainingState* state);
  // How one of several members ends; the others go on. The first two have no model, that of the third is
  // there.
  void member_failed(std::int64_t member, const Error& error);
  void member_stopped(std::int64_t member, std::uint64_t epochs, std::uint64_t steps);
  void member_finished(std::int64_t member);
  // The last line. Io errors as write() has them.
  void finished(const RunFigures& run);
  // The last line of a run that this exception ends, as far as it can be written: what ended the run counts.
  void ended_by(const std::exception_ptr& exception, const RunFigures& run) noexcept;

 private:
  void end(std::string line, const RunFigures& run);
  LineFile file_;
  LineFile metrics_;
};

}  // namespace nn::train
