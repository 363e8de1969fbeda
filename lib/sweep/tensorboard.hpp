// A study as TensorBoard shows it: a folder for each trial with the scalars that it reports, and what the
// HParams dashboard needs. The journal says what stands there: a file is made of it anew wherever it isn't as
// it was left.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "study/study.hpp"
#include "sweep/coordinator.hpp"

namespace nn::sweep {

// Live: what trials say is appended as soon as the journal has it. After the first error it says so, and
// writes no more: a sweep doesn't end for that. Several processes with one journal may have one folder.
class TensorBoard : public Observation {
 public:
  // `folder` is made. Io error where that can't be. `study` outlives it.
  TensorBoard(const study::Study& study, std::string folder);

  void began(const study::Trial& trial) override;
  void reported(const study::Trial& trial, const study::Report& report,
                std::string_view metrics_json) override;
  void ended(const study::Trial& trial, bool is_best) override;
  // What ended before, or was ended by others.
  void catch_up();

 private:
  struct Written {
    std::uint64_t bytes = 0;
    std::int64_t last_step = INT64_MIN;
  };
  void append(const study::Trial& trial, const std::string& records);
  void write_anew(const study::Trial& trial);
  template <typename Act>
  void unless_failed(Act act);

  const study::Study& study_;
  std::string folder_;
  std::map<std::uint32_t, Written> written_;  // of trials that run here
  bool failed_ = false;
};

// All of the study; where the folder has it already, only what is new. Io errors.
void export_tensorboard(const study::Study& study, const std::string& folder);

}  // namespace nn::sweep
