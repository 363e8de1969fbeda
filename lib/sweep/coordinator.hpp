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
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "study/presence.hpp"
#include "study/study.hpp"
#include "sweep/agent_protocol.hpp"
#include "sweep/fidelity.hpp"
#include "sweep/group.hpp"
#include "sweep/live_table.hpp"
#include "sweep/outcome.hpp"
#include "sweep/plan.hpp"
#include "sweep/proposer.hpp"
#include "sweep/pruning.hpp"
#include "sweep/retries.hpp"

namespace nn::sweep {

// Where trials run: agents, or a simulation. The coordinator is told what becomes of them.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void start(const std::string& host, const StartTrial& trial) = 0;
  virtual void send_signal(const std::string& host, const SignalTrial& signal) = 0;
  // There are no trials, and the run has another lock now (study::Presence). Whether its slots are gone,
  // until agents have it and are ready again.
  virtual bool renew(int /*lock*/) { return false; }
  virtual void tell(const std::string& /*host*/, const ControlTrial& /*control*/) {}
  virtual void find(const std::string& /*host*/, const FindFile& /*file*/) {}
};

struct RunResult {
  std::size_t finished = 0, failed = 0, begun = 0;
  std::string reason;             // why it ended, or no trial begins any more: a sentence
  std::optional<Error> error;     // where that is a failure
  double busy_s = 0, slot_s = 0;  // of slots: with a trial that has ended, and in all
  double elapsed_s = 0;
  double mean_s = std::numeric_limits<double>::quiet_NaN();  // that a trial took; NaN: none has ended
};

// What people see of it.
class Observation {
 public:
  virtual ~Observation() = default;
  virtual void began(const study::Trial& /*trial*/) {}
  // What a trial said, as soon as the journal has it. The report's metrics are those of the JSON object.
  virtual void reported(const study::Trial& /*trial*/, const study::Report& /*report*/,
                        std::string_view /*metrics_json*/) {}
  virtual void ended(const study::Trial& /*trial*/, bool /*is_best*/) {}
  // After ended(), of one that failed: the last lines of what it printed.
  virtual void failed(const study::Trial& /*trial*/, const std::string& /*tail*/) {}
  // It has come to its budget, and waits for what becomes of others.
  virtual void paused(const study::Trial& /*trial*/) {}
  virtual void said(const std::string& /*sentence*/) {}
  // How often it is shown how things stand; 0: never.
  virtual Clock::duration look_every() const { return {}; }
  virtual void look(const std::vector<SlotView>& /*slots*/, const RunResult& /*so_far*/) {}
};

// One thread.
class Coordinator {
 public:
  // All of them outlive it. With `ready`, which is called from another thread when work() is due again, slow
  // proposals are made in that thread.
  Coordinator(study::Study& study, study::Presence& presence, study::Observer& others, const Plan& plan,
              study::Propose propose, Executor& executor, Clock& clock, Observation& observation,
              std::function<void()> ready = {});

  // Slots that it has are there again. `wanted`: also those that were drained.
  void add_slots(std::vector<Slot> slots, bool wanted = false);
  // The slot of this name, or all of this device (of this host, "h2/cuda:1"), get no more trials; those that
  // run end by themselves, or, `now`, are told to, and begun again elsewhere. Usage error where there is
  // none.
  void drain_slot(std::string_view name, bool now);
  std::vector<SlotState> slot_states() const;
  // Trials there are lost, so many. They are begun again when their agent must have ended them, or is known
  // to be gone: host_is_clear(). The host may come back: add_slots().
  std::size_t host_lost(const std::string& host, const std::string& why);
  void host_is_clear(const std::string& host);
  void take(const std::string& host, const FromAgent& message);

  // No trial begins any more; those that run end by themselves.
  void drain(std::string reason);
  // The same, and those that run are told to end; they stay unfinished in the journal, for the next run.
  void stop(std::string reason);
  // This process is about to be stopped, and its trials with it; then both go on. The time between counts for
  // no trial's timeout.
  void pause();
  void go_on();
  // As drain(), with an error.
  void give_up(const Error& error);

  // Does what is due; when it wants to be called again at the latest. After each take() it is due.
  Clock::time_point work();
  bool is_over() const { return over_; }
  RunResult result() const;  // so far
  std::vector<SlotView> slots() const;

 private:
  struct Running {
    study::Run run;
    std::uint32_t process = 0;  // the first trial of its group; it itself, where it is alone
    std::size_t member = 0;     // its place in the group, from 0
    std::size_t slot;
    Clock::time_point started;
    Said said;
    enum class End : std::uint8_t { none, timeout, pruned, stopped } ending = End::none;
    std::optional<Clock::time_point> kill_at;
    std::string reason;
    std::optional<MemberEnd> said_end = {};
    bool moves = false;  // it begins again elsewhere when it has been stopped
  };
  // A process with several members, by its first trial.
  struct GroupRun {
    std::vector<std::uint32_t> trials;  // of its members, also of those that ended before
    std::size_t slot;
    Clock::time_point started;
    bool is_told = false;    // to end
    bool has_stray = false;  // it reported without saying of which member
    std::optional<Clock::time_point> kill_at;
  };
  struct Place {
    Slot slot;
    std::optional<std::uint32_t> trial;
    std::deque<std::uint32_t> queue = {};  // those that begin when that one has ended, one after the other
    bool usable = true, present = true;    // not broken; its host is there
    int failures = 0;                      // one after the other
    Clock::time_point since;               // that it has been present, or absent
    double busy_s = 0, present_s = 0;      // the latter before `since`
    bool drained = false;                  // by people
    bool is_open() const { return usable && present && !drained; }
    bool is_free() const { return is_open() && !trial; }
  };
  // What ended in this run.
  struct Tally {
    std::size_t failed = 0, finished = 0, since_better = 0;
    std::size_t paused = 0;  // stages that ended well, of trials that may go on
    double wall_s = 0;       // of all of them
    double mean_s() const {
      const std::size_t all = finished + failed + paused;
      return all == 0 ? 0 : wall_s / static_cast<double>(all);
    }
  };
  // Why no more trials begin.
  struct Verdict {
    std::string reason;
    std::optional<Error> error;
  };
  struct Round;
  struct Begun;
  struct Reported {
    study::Run run;
    std::int64_t step;
    double value, elapsed_s;
    std::string metrics;
  };

  void report(std::uint32_t number, const Report& report);
  void ended(const TrialEnded& message);
  void leave_stopped(const Running& trial);
  bool is_worth_retry(const Running& trial, const TrialEnded& message);
  void note_slot(Place& place, bool failed);
  std::size_t trials_ahead(const Tally& tally) const;
  bool is_round_due() const;
  void round();
  void write(study::Change& change, Round& round);
  void begin(study::Change& change, Round& round);
  std::optional<study::Asked> next_for(study::Change& change, Round& round, const Place& place, bool& again);
  std::optional<study::Asked> propose_for(study::Change& change, Round& round, const study::Start& how);
  void tell(const Round& round);
  void tell_end(const Ended& ended, study::Outcome outcome, bool is_best);
  void follow_stages();
  study::Outcome end(study::Change& change, const Ended& ended);
  study::Outcome end_stage(study::Change& change, const Ended& ended);
  std::optional<study::Asked> next_stage(study::Change& change, Round& round, const Place& place);
  void settle(study::Change& change, Round& round);
  bool waits_for_hosts(bool may_begin);
  bool is_there(const study::Trial& trial, const std::string& host) const;
  void ask_hosts(const std::vector<Slot>& slots);
  void prepare_stage(const study::Trial& trial, bool again, StartTrial& start) const;
  void remove_checkpoints();
  std::optional<Verdict> judge(const Tally& tally) const;
  void launch(const study::Asked& asked, std::size_t place, bool again);
  StartTrial start_of(const TrialPlace& at, const GroupValues& values) const;
  Ended end_of(const Running& trial, const TrialEnded& message) const;
  void leave(const Running& trial);
  Clock::time_point began(std::uint32_t process) const;
  void end_trial(Running& trial, Running::End how, std::string reason);
  void prune();
  void look_for_lost();
  void watch_times();
  void signal_all(int signal);
  void leave_place(Place& place) const;
  void lose_trials();
  void rejoin();
  void look_for_end();
  void give_up(Verdict verdict);

  // Of groups: coordinator_groups.cpp. `process` is the first trial of one.
  bool begin_group(study::Change& change, Round& round, std::size_t place);
  bool begin_again(study::Change& change, Round& round, const Retries::Retry& retry, std::size_t place);
  std::size_t group_size(const study::Change& change, const Round& round) const;
  void launch_group(const Begun& begun);
  void group_reported(std::uint32_t process, const Report& report);
  void group_ended(std::uint32_t process, const TrialEnded& message);
  std::size_t group_lost(std::uint32_t process, const std::string& host, const std::string& why);
  void note_lost(const study::Run& run, const std::string& host, const std::string& why);  // how many trials
  void end_member(const Running& trial);
  void end_group(std::uint32_t process);
  void watch_groups();
  const study::Trial& trial_of(std::uint32_t number) const { return study_.log().trials[number]; }
  study::Date date() const;
  double seconds_since(Clock::time_point time) const;

  study::Study& study_;
  study::Presence& presence_;
  study::Observer& others_;
  const Plan& plan_;
  std::optional<GroupProposer> group_;  // none: each trial is a process of its own
  Proposer proposer_;
  Pruning pruning_;
  Executor& executor_;
  Clock& clock_;
  Observation& observation_;

  std::vector<Place> places_;
  std::map<std::uint32_t, Running> running_;
  std::map<std::uint32_t, GroupRun> groups_;
  Retries retries_;
  std::map<std::string, std::vector<study::Run>, std::less<>> lost_;  // on hosts
  std::vector<Ended> ends_;                                           // not in the journal yet
  std::vector<Reported> reports_;
  std::optional<Clock::time_point> ends_due_, reports_due_, disk_retry_;
  Clock::time_point started_, beat_due_, look_due_, rejoin_due_{}, paused_at_{};
  bool rejoining_ = false;  // it may be taken for dead, and its trials are ended
  Tally tally_;
  std::size_t begun_ = 0;
  bool draining_ = false, stopping_ = false, over_ = false, nothing_left_ = false;
  std::string reason_;
  std::optional<Error> error_;

  std::unique_ptr<Fidelity> fidelity_;  // null: trials have one stage
  bool stages_open_ = false;            // decided about, and not written yet
  std::uint64_t stages_generation_ = 0;
  std::set<std::string, std::less<>> sharing_;    // hosts that have the study's folder
  std::optional<Clock::time_point> waits_since_;  // for a host with a checkpoint
  std::size_t checkpoints_seen_ = 0;
  std::vector<std::uint32_t> checkpoints_;  // of trials up to there, that may still be there
};

}  // namespace nn::sweep
