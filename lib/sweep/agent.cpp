#include "sweep/agent.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "net/stop_wait.hpp"
#include "net/timer.hpp"
#include "study/presence.hpp"
#include "sweep/agent_protocol.hpp"
#include "sweep/checkpoints.hpp"
#include "sweep/fence.hpp"
#include "sweep/guard.hpp"
#include "sweep/trial_process.hpp"

namespace nn::sweep {
namespace {

constexpr std::chrono::seconds patience{5};  // between SIGTERM and SIGKILL when all is over
constexpr std::chrono::milliseconds time_to_be_orphan{200};
constexpr std::chrono::milliseconds between_looks{20};
constexpr std::size_t most_unsent = 1 << 20;

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

// Whether nothing is left of that agent: it is known only of one of this host, since it was started. Its
// process, the guard, ends last.
bool end_agent(const std::string& id) {
  const std::optional<bool> is_alive = study::is_process_alive(id);
  if (!is_alive) return false;
  const auto pid = static_cast<pid_t>(std::strtol(split(id, ':').at(1).c_str(), nullptr, 10));
  if (*is_alive && pid > 1) ::kill(pid, SIGTERM);
  const auto end = std::chrono::steady_clock::now() + 3 * patience;
  while (study::is_process_alive(id) == std::optional(true)) {
    if (std::chrono::steady_clock::now() >= end) return false;
    ::poll(nullptr, 0, static_cast<int>(between_looks.count()));
  }
  return true;
}

class Agent {
 public:
  Agent(int in, int out, std::string id)
      : id_(std::move(id)),
        in_(io_, ::dup(in)),
        out_(io_, ::dup(out)),
        patience_(io_.get_executor()),
        orphans_(io_.get_executor()),
        look_(io_.get_executor()),
        stop_(std::in_place, io_.get_executor(), [this] { end(); }) {}

  void run(bool is_alone) {
    fence_.ask();
    send(AgentReady{agent_protocol, std::string(tools_version()), host_name(), ::getpid(), default_devices(),
                    id_, is_alone});
    look_later();
    read();
    io_.run();
  }

 private:
  void look_later() {
    look_.expires_after(fence_.pause());
    look_.wait([this](bool expired) {
      if (!expired || ending_) return;
      if (fence_.must_end()) {
        warn("nothing was heard of the run for too long; its trials are ended here");
        return end();
      }
      if (fence_.may_ask()) send(AgentAsks{fence_.ask()});
      look_later();
    });
  }

  void read() {
    asio::async_read_until(in_, asio::dynamic_buffer(text_, longest_message), '\n',
                           [this](const boost::system::error_code& error, std::size_t n) {
                             if (error || ending_) return end();
                             try {
                               take(parse_to_agent(std::string_view(text_).substr(0, n)));
                             } catch (const Error& wrong) {
                               print_message(wrong.what());
                               return end();
                             }
                             text_.erase(0, n);
                             read();
                           });
  }

  void take(const ToAgent& message) {
    if (const auto* start = std::get_if<StartTrial>(&message)) {
      const bool waits = start->after && (trials_.contains(*start->after) || waiting(*start->after));
      return waits ? void(waiting_[*start->after] = *start) : begin(*start);
    }
    if (const auto* control = std::get_if<ControlTrial>(&message)) return tell(*control);
    if (const auto* file = std::get_if<FindFile>(&message)) {
      std::error_code ignored;
      return send(FileFound{file->path, std::filesystem::exists(file->path, ignored)});
    }
    if (const auto* alive = std::get_if<StillAlive>(&message)) {
      return fence_.answer(alive->question, duration_of(alive->lease_s), duration_of(alive->age_s));
    }
    const auto& signal = std::get<SignalTrial>(message);
    if (forget_waiting(signal)) return;
    const auto found = trials_.find(signal.trial);
    if (found == trials_.end()) return;  // it ended meanwhile
    found->second->send_signal(signal.signal);
    if (signal.signal != SIGSTOP) found->second->send_signal(SIGCONT);
  }

  void tell(const ControlTrial& control) {
    if (StartTrial* start = waiting(control.trial); start != nullptr && start->control)
      *start->control += (start->control->empty() ? "" : "\n") + control.line;
    if (const auto found = trials_.find(control.trial); found != trials_.end())
      found->second->tell(control.line);
  }

  // One that hasn't begun; null where there is none.
  StartTrial* waiting(std::uint32_t trial) {
    for (auto& [after, start] : waiting_) {
      if (start.trial == trial) return &start;
    }
    return nullptr;
  }

  // A trial that is told to end before it began has ended by that; who waits for it waits for the one before.
  bool forget_waiting(const SignalTrial& signal) {
    const StartTrial* start = waiting(signal.trial);
    if (start == nullptr) return false;
    if (signal.signal != SIGTERM && signal.signal != SIGKILL) return true;
    const std::uint32_t before = *start->after;
    waiting_.erase(before);
    if (auto next = waiting_.extract(signal.trial)) {
      next.key() = before;
      next.mapped().after = before;
      waiting_.insert(std::move(next));
    }
    TrialEnded ended;
    ended.trial = signal.trial;
    ended.status = signal.signal;
    send(std::move(ended));
    return true;
  }

  void begin(const StartTrial& start) {
    const std::uint32_t trial = start.trial;
    TrialProcess::Events events;
    events.report = [this](TrialReport report) { send(std::move(report)); };
    events.ended = [this](TrialEnded ended) { over(std::move(ended)); };
    bool has_checkpoint = false;
    try {
      if (start.from) bring_checkpoint(start);
      has_checkpoint = true;
      auto process = std::make_unique<TrialProcess>(io_.get_executor(), start, std::move(events));
      process->pause(paused_);
      trials_[trial] = std::move(process);
    } catch (const Error& error) {
      TrialEnded ended;
      ended.trial = trial;
      ended.error = error.what();
      ended.lost_checkpoint = !has_checkpoint;
      ended.temporary = error.kind() == ErrorKind::unavailable;
      send(std::move(ended));
    }
  }

  static void bring_checkpoint(const StartTrial& start) {
    std::error_code ignored;  // whoever opens its log says so
    std::filesystem::create_directories(start.directory, ignored);
    if (start.keep_own && std::filesystem::exists(start.checkpoint, ignored)) return;
    bring(*start.from, start.checkpoint);
  }

  void over(TrialEnded ended) {
    const auto found = trials_.find(ended.trial);
    std::shared_ptr<TrialProcess> process = std::move(found->second);
    trials_.erase(found);
    if (const auto next = waiting_.extract(ended.trial); next && !ending_) begin(next.mapped());
    reaped_.insert(process->pid());
    // What it ended itself, since it must end, isn't the trial's end: it is lost, and begun again elsewhere.
    if (!ending_) send(std::move(ended));
    asio::post(io_, [this, process = std::move(process)]() mutable {
      reaped_.erase(process->pid());
      process.reset();  // reaps it
      end_orphans();
      // Some are orphans only when those who were killed with the group have really ended.
      orphans_.expires_after(time_to_be_orphan);
      orphans_.wait([this](bool expired) {
        if (expired && !ending_) end_orphans();
      });
      if (ending_ && has_no_trials()) close();
    });
  }

  bool has_no_trials() const { return trials_.empty() && reaped_.empty(); }

  // Those who left their group have become our children by their parents' end.
  void end_orphans() {
    std::set<pid_t> own = reaped_;
    for (const auto& [number, process] : trials_) own.insert(process->pid());
    for (const pid_t pid : children()) {
      if (own.contains(pid)) continue;
      if (::waitpid(pid, nullptr, WNOHANG) == pid) continue;
      if (belongs_to_running(pid)) continue;
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }

  // One that begins another program right now has no environment: the next look tells.
  bool belongs_to_running(pid_t pid) const {
    for (const auto& [number, process] : trials_) {
      if (has_variable(pid, process->mark()).value_or(true)) return true;
    }
    return false;
  }

  void send(const FromAgent& message) {
    if (closed_) return;
    unsent_ += to_line(message);
    if (unsent_.size() > most_unsent) pause(true);
    if (sent_.empty()) write();
  }

  // Trials that say more than the coordinator takes wait in their writes.
  void pause(bool paused) {
    if (std::exchange(paused_, paused) == paused) return;
    for (const auto& [number, process] : trials_) process->pause(paused);
  }

  void write() {
    sent_ = std::exchange(unsent_, {});
    asio::async_write(out_, asio::buffer(sent_), [this](const boost::system::error_code& error, std::size_t) {
      if (error) return end();
      sent_.clear();
      pause(false);
      if (!unsent_.empty()) return write();
      if (closed_) io_.stop();
    });
  }

  // Nobody is there to be told, or nothing goes on.
  void end() {
    if (std::exchange(ending_, true)) return;
    in_.cancel();
    if (has_no_trials()) return close();
    for (const auto& [number, process] : trials_) {
      process->send_signal(SIGTERM);
      process->send_signal(SIGCONT);
    }
    patience_.expires_after(time_to_end());
    patience_.wait([this](bool expired) {
      if (!expired) return;
      for (const auto& [number, process] : trials_) process->send_signal(SIGKILL);
    });
  }

  std::chrono::milliseconds time_to_end() const {
    return std::min<std::chrono::milliseconds>(
        patience, std::chrono::duration_cast<std::chrono::milliseconds>(fence_.time_to_end()));
  }

  void close() {
    look_.cancel();
    end_children(time_to_end());
    closed_ = true;
    if (sent_.empty()) return io_.stop();
    // Those who don't read any more are not waited for.
    patience_.expires_after(patience);
    patience_.wait([this](bool expired) {
      if (expired) io_.stop();
    });
  }

  asio::io_context io_{1};
  const std::string id_;
  Fence fence_{study::boot_clock(), study::default_lease};
  asio::posix::stream_descriptor in_, out_;
  net::Timer patience_, orphans_, look_;
  std::optional<net::StopWait> stop_;
  std::string text_;
  std::string sent_, unsent_;  // what is being written, and what comes next
  std::map<std::uint32_t, std::shared_ptr<TrialProcess>> trials_;
  std::map<std::uint32_t, StartTrial> waiting_;  // by the trial after which they begin
  std::set<pid_t> reaped_;                       // of those that have ended, until they are
  bool ending_ = false, closed_ = false, paused_ = false;
};

}  // namespace

void run_agent(int in, int out, const std::string& before) {
  ::fcntl(lock_descriptor, F_SETFD, FD_CLOEXEC);  // trials must not have it
  const bool is_alone = before.empty() || end_agent(before);
  const std::string id = study::make_run_id();
  continue_guarded(patience);
  Agent(in, out, id).run(is_alone);
}

}  // namespace nn::sweep
