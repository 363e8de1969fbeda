// Trials that are to begin again. For this module only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "study/change.hpp"

namespace nn::sweep {

class Retries {
 public:
  struct Retry {
    study::Run run;
    std::string reason;  // "lost", "exit 75"
    Clock::time_point not_before;
  };

  // Again, once; a trial that is there already stays as it is.
  void add(study::Run run, std::string reason, Clock::time_point not_before);
  // The same after a pause, which doubles from one second to a minute from each time to the next: the pause,
  // or nothing where it was tried `most` times.
  std::optional<std::chrono::seconds> add_later(study::Run run, std::string reason, Clock::time_point now,
                                                int most);
  // It is due now, if it waits.
  void hasten(study::Run run);
  // How often add_later() took it.
  int count(std::uint32_t trial) const;

  // Takes out the first that is due.
  std::optional<Retry> take(Clock::time_point now);
  // Takes out this trial, whether it is due or not.
  std::optional<Retry> take_trial(std::uint32_t number);
  // When the next is due; max() where there is none.
  Clock::time_point due() const;
  bool empty() const { return waiting_.empty(); }

 private:
  std::vector<Retry> waiting_;
  std::map<std::uint32_t, int> counts_;
};

}  // namespace nn::sweep
