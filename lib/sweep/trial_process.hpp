// A trial as a process of an agent: its folder, log, pipes and end. For this module only.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/timer.hpp"
#include "process/child.hpp"
#include "sweep/agent_protocol.hpp"

namespace nn::sweep {

namespace asio = boost::asio;

class TrialProcess {
 public:
  struct Events {
    std::function<void(TrialReport)> report;
    // Once; the owner destroys it then, and not within.
    std::function<void(TrialEnded)> ended;
  };
  // Starts it. Errors as spawn() and open(2) have them.
  TrialProcess(const asio::any_io_executor& executor, const StartTrial& start, Events events);
  pid_t pid() const { return child_.pid(); }
  void send_signal(int signal) const { child_.send_signal(signal); }
  // A line at its control descriptor, where it has one; dropped where it has closed that, or doesn't read.
  void tell(const std::string& line);
  // What tells processes of this trial from others': NN_SWEEP_TRIAL=….
  const std::string& mark() const { return mark_; }
  // Its output isn't read; it waits when its pipes are full.
  void pause(bool paused);

 private:
  // One of those that it writes to: standard output and error, and the descriptor for metrics.
  struct Output {
    Output(const asio::any_io_executor& executor, const MetricSource& source, const std::string& metric)
        : descriptor(executor), reader(source, metric) {}
    asio::posix::stream_descriptor descriptor;
    UniqueFd resting;  // the same, while nothing that it says wakes anybody
    MetricReader reader;
    bool to_log = false, reading = false, has_metrics = true;
    std::string tail;  // its end, of what goes to the log
    std::array<char, 16 << 10> buffer;
  };
  process::Child start(const StartTrial& message);
  void read(Output& output);
  void rest(Output& output);
  void take(Output& output, std::string_view bytes);
  void drain(Output& output);
  void wait();
  void end();
  void read_metric_file(TrialEnded& ended);
  void read_checkpoint(TrialEnded& ended);

  const std::uint32_t trial_;
  const std::string mark_, log_path_, metric_file_, checkpoint_;
  Events events_;
  UniqueFd log_, control_;
  Output standard_, errors_, metrics_;
  std::chrono::steady_clock::time_point started_;
  process::Child child_;
  asio::posix::stream_descriptor end_;
  net::Timer rest_;
  bool resting_ = false;
  bool log_failed_ = false, paused_ = false, over_ = false;
};

}  // namespace nn::sweep
