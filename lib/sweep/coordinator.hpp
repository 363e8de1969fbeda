// The coordinator keeps slots busy: it proposes trials, has them run, writes down what becomes of them, and
// decides when all is over. It never waits: it is told what happens, and says when it wants to be called
// again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "study/presence.hpp"
#include "study/study.hpp"
#include "sweep/agent_protocol.hpp"
#include "sweep/plan.hpp"
#include "sweep/pruning.hpp"

namespace nn::sweep {

// Where trials run: agents, or a simulation. The coordinator is told what becomes of them.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void start(const std::string& host, const StartTrial& trial) = 0;
  virtual void send_signal(const std::string& host, const SignalTrial& signal) = 0;
};

// What people see of it.
class Observation {
 public:
  virtual ~Observation() = default;
  virtual void began(const study::Trial& /*trial*/) {}
  virtual void ended(const study::Trial& /*trial*/, bool /*is_best*/) {}
  virtual void said(const std::string& /*sentence*/) {}
};

struct RunResult {
  std::size_t finished = 0, failed = 0, begun = 0;
  std::string reason;             // why it ended: a sentence
  std::optional<Error> error;     // where that is a failure
  double busy_s = 0, slot_s = 0;  // of slots: with a trial, and in all
};

// One thread.
class Coordinator {
 public:
  // All of them outlive it. `make_propose` is asked once.
  Coordinator(study::Study& study, study::Presence& presence, study::Observer& others, const Plan& plan,
              study::Propose propose, Executor& executor, Clock& clock, Observation& observation);

  void add_slots(std::vector<Slot> slots);
  // Its trials there are lost; they are begun again elsewhere.
  void host_lost(const std::string& host, const std::string& why);
  void take(const std::string& host, const FromAgent& message);

  // No trial begins any more; those that run end by themselves.
  void drain(std::string reason);
  // The same, and those that run are told to end; they stay unfinished in the journal, for the next run.
  void stop(std::string reason);

  // Does what is due; when it wants to be called again at the latest. After each take() it is due.
  Clock::time_point work();
  bool is_over() const { return over_; }
  RunResult result() const;

 private:
  struct Running {
    study::Run run;
    std::size_t slot;
    Clock::time_point started;
    std::optional<double> best;                          // of the first objective
    std::map<std::string, double, std::less<>> metrics;  // the last that were reported
    std::int64_t reports = 0;
    enum class End : std::uint8_t { none, timeout, pruned, stopped } ending = End::none;
    std::optional<Clock::time_point> kill_at;
    std::string reason;
  };
  struct Place {
    Slot slot;
    std::optional<std::uint32_t> trial;
    bool usable = true;
    int failures = 0;  // one after the other
    Clock::time_point since;
    double busy_s = 0;
  };
  struct Ended {
    study::Run run;
    study::State state;
    std::vector<double> values;
    study::Ending ending;
    std::map<std::string, double> constraints;
  };
  struct Reported {
    study::Run run;
    std::int64_t step;
    double value, elapsed_s;
    std::string metrics;
  };
  struct Retry {
    study::Run run;
    std::string reason;
    Clock::time_point not_before;
  };

  void report(std::uint32_t number, const Report& report);
  void ended(const TrialEnded& message);
  void finish(Running& trial, const TrialEnded& message, Ended& ended);
  bool is_worth_retry(const Running& trial, const TrialEnded& message);
  void note_slot(Place& place, bool failed);
  void fill();
  bool begin_on(std::size_t place);
  std::optional<study::Asked> next_for(const Place& place);
  std::optional<study::Asked> again(const study::Run& run, const std::string& reason, const Place& place);
  void launch(const study::Asked& asked, std::size_t place);
  void end_trial(Running& trial, Running::End how, std::string reason);
  bool flush(study::Durable durable);
  void prune();
  void look_for_lost();
  void watch_times();
  void judge();
  void look_for_end();
  void give_up(Error error);
  std::size_t failures_allowed() const;
  const study::Trial& trial_of(std::uint32_t number) const { return study_.log().trials[number]; }
  study::Date date() const;

  study::Study& study_;
  study::Presence& presence_;
  study::Observer& others_;
  const Plan& plan_;
  study::Propose propose_;
  Pruning pruning_;
  Executor& executor_;
  Clock& clock_;
  Observation& observation_;

  std::vector<Place> places_;
  std::map<std::uint32_t, Running> running_;
  std::deque<Retry> retries_;
  std::map<std::uint32_t, int> retried_;
  std::vector<Ended> ends_;  // not in the journal yet
  std::vector<Reported> reports_;
  std::optional<Clock::time_point> reports_due_, disk_retry_;
  Clock::time_point started_, beat_due_, look_due_;
  std::size_t begun_ = 0, failed_ = 0, finished_ = 0, since_better_ = 0;
  bool draining_ = false, stopping_ = false, over_ = false, nothing_left_ = false;
  bool unsynced_ = false;  // what was written last may be lost with the power
  std::string reason_;
  std::optional<Error> error_;
};

}  // namespace nn::sweep
