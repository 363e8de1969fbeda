// --tensorboard: what a run's epochs say, as TensorBoard reads it.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "train/log.hpp"

namespace nn::train {

// An event file of this process in the folder, or, of several members, in a folder for each: member-1, and so
// on. Steps have one of their own, in the folder `steps` there: a restart takes back what is from a step on,
// by number. A resumed run adds a file, which says from which epoch on earlier ones count no more. After the
// first error it says so, and writes no more: a training doesn't end for that. Thread-safe.
class EventFiles : public RunObserver {
 public:
  // The folders are made. Io error where that can't be. `with_steps`: steps are told as well; `resumes`: the
  // run goes on from checkpoints.
  EventFiles(const std::string& folder, std::size_t members, bool with_steps, bool resumes);

  void epoch_ended(const LogRecord& record) override;
  void step_ended(const LogRecord& record) override;

 private:
  struct File {
    std::string path;
    bool begun = false;
  };
  void write(File& file, const LogRecord& record, std::uint64_t step, const std::string& prefix);

  const bool resumes_;
  std::mutex mutex_;
  std::vector<File> epochs_, steps_;  // of each member
  bool failed_ = false;
};

}  // namespace nn::train
