#include "sweep/run.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "net/stop_wait.hpp"
#include "net/timer.hpp"
#include "sweep/control.hpp"

namespace nn::sweep {
namespace {

constexpr std::chrono::milliseconds time_to_send{10};
constexpr int most_tries_to_send = 100;

class Run {
 public:
  Run(study::Study& study, study::Presence& presence, study::Observer& others, const Plan& plan,
      study::Propose propose, const std::vector<Host>& hosts, Observation& observation)
      : presence_(presence),
        observation_(observation),
        agents_(io_, events()),
        coordinator_(study, presence, others, plan, std::move(propose), agents_, net::clock_of(io_),
                     observation, [this] { asio::post(io_, [this] { work_soon(); }); }),
        timer_(io_.get_executor()),
        look_(io_.get_executor()),
        pause_timer_(io_.get_executor()),
        stop_(io_.get_executor(), [this] { stopped(); }),
        hosts_(hosts.size()),
        hosts_left_(hosts.size()) {
    for (Host host : hosts) {
      names_.insert(host.name);
      host.lock = presence.lock_descriptor();
      agents_.add(std::move(host));
    }
  }

  RunResult operator()() {
    look_later();
    watch_pauses();
    listen();
    io_.run();
    if (failure_) std::rethrow_exception(failure_);
    return coordinator_.result();
  }

 private:
  Agents::Events events() {
    Agents::Events events;
    events.ready = [this](const Host& host, bool is_alone) {
      any_ready_ = true;
      if (gone_.erase(host.name) != 0) observation_.said(shown(host.name) + ": it is there now");
      if (is_alone) coordinator_.host_is_clear(host.name);
      coordinator_.add_slots(host.slots);
      answer(host.name, 1);
      work_soon();
    };
    events.message = [this](const std::string& host, const FromAgent& message) {
      if (const auto* asks = std::get_if<AgentAsks>(&message)) return answer(host, asks->question);
      coordinator_.take(host, message);
      work_soon();
    };
    events.lost = [this](const std::string& host, const std::string& why, bool for_good) {
      lost(host, why, for_good);
      work_soon();
    };
    return events;
  }

  void answer(const std::string& host, std::uint64_t question) {
    if (presence_.must_stop()) return;
    const auto seconds = [](Clock::duration time) { return std::chrono::duration<double>(time).count(); };
    agents_.answer(host, {question, seconds(presence_.lease()), seconds(presence_.since_beat())});
  }

  static std::string shown(const std::string& host) { return host.empty() ? "the agent" : host; }

  void lost(const std::string& host, const std::string& why, bool for_good) {
    const std::size_t trials = coordinator_.host_lost(host, why);
    observation_.said(
        fmt::format("{}: {}{}{}", shown(host), why,
                    for_good ? "; it is not tried again" : "; it is tried again from time to time",
                    trials > 0 ? "; its trials are begun again when they have ended there" : ""));
    gone_.insert(host);
    if (for_good && --hosts_left_ == 0) {
      coordinator_.give_up(make_error(ErrorKind::unavailable, "no agent is left"));
    } else if (!any_ready_ && gone_.size() == hosts_) {
      coordinator_.give_up(make_error(ErrorKind::unavailable, "none of the hosts could be reached"));
    }
  }

  // One for each id that the run has.
  void listen() {
    const std::string path = presence_.path() + ".sock";
    if (std::exchange(control_path_, path) == path) return;
    control_.reset();
    try {
      control_.emplace(io_, path, [this](const SlotRequest& request) { return change_slots(request); });
    } catch (const Error& error) {
      observation_.said(fmt::format("{}; slots can't be changed while it runs", error.what()));
    }
  }

  std::vector<SlotState> change_slots(const SlotRequest& request) {
    std::map<std::string, std::vector<std::string>> added;  // devices, by host
    for (const std::string& slot : request.add) {
      const auto slash = slot.find('/');
      const std::string host = slash == std::string::npos ? "" : slot.substr(0, slash);
      if (!host.empty() && !names_.contains(host))
        fail_usage("this run has no host '{}'; it has those that it was started with", printable(host));
      for (const Slot& parsed : parse_slots(slot.substr(host.empty() ? 0 : slash + 1))) {
        if (host.empty()) check_is_here(parsed);
      }
      added[host].push_back(slot.substr(host.empty() ? 0 : slash + 1));
    }
    for (const std::string& slot : request.drain) coordinator_.drain_slot(slot, request.now);
    for (const auto& [host, devices] : added) add_devices(host, devices);
    work_soon();
    return coordinator_.slot_states();
  }

  void add_devices(const std::string& host, const std::vector<std::string>& devices) {
    if (names_.insert(host).second) {  // this one, where only others had slots
      Host here = local_host(devices);
      here.lock = presence_.lock_descriptor();
      ++hosts_, ++hosts_left_;
      return agents_.add(std::move(here));
    }
    std::vector<Slot> slots;
    for (const std::string& device : devices) {
      for (Slot& slot : parse_slots(device, host)) slots.push_back(std::move(slot));
    }
    agents_.add_slots(host, slots);
    if (!gone_.contains(host)) coordinator_.add_slots(std::move(slots), true);
  }

  // ^Z stops trials too, which are in groups of their own. Where it was ignored at the start, it is now.
  void watch_pauses() {
    struct sigaction action {};
    ::sigaction(SIGTSTP, nullptr, &action);
    if (action.sa_handler == SIG_IGN) return;
    pause_signal_.add(SIGTSTP);
    wait_for_pause();
  }

  void wait_for_pause() {
    pause_signal_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      coordinator_.pause();
      pause_when_sent(most_tries_to_send);
    });
  }

  // A host that takes no messages is not waited for.
  void pause_when_sent(int tries) {
    if (tries > 0 && !agents_.is_all_sent()) {
      pause_timer_.expires_after(time_to_send);
      return pause_timer_.wait([this, tries](bool expired) {
        if (expired) pause_when_sent(tries - 1);
      });
    }
    struct sigaction ours {
    }, standard{};
    standard.sa_handler = SIG_DFL;
    ::sigaction(SIGTSTP, &standard, &ours);
    ::raise(SIGTSTP);  // until somebody sends SIGCONT
    ::sigaction(SIGTSTP, &ours, nullptr);
    coordinator_.go_on();
    work_soon();
    wait_for_pause();
  }

  void stopped() {
    if (stop_requested() == SIGINT) {
      observation_.said(
          "no trial begins any more; those that run may end by themselves (^C once more ends them)");
      coordinator_.drain("it was interrupted");
    } else {
      coordinator_.stop("it was told to end");
    }
    work_soon();
  }

  // Once for all messages that are there.
  void work_soon() {
    if (std::exchange(soon_, true)) return;
    asio::post(io_, [this] {
      soon_ = false;
      work();
    });
  }

  void work() {
    if (failure_) return;
    try {
      const Clock::time_point next = coordinator_.work();
      listen();
      if (coordinator_.is_over()) return io_.stop();
      timer_.expires_at(next);
      timer_.wait([this](bool expired) {
        if (expired) work();
      });
    } catch (...) {
      failure_ = std::current_exception();
      io_.stop();
    }
  }

  void look_later() {
    if (observation_.look_every() == Clock::duration{}) return;
    look_.expires_after(observation_.look_every());
    look_.wait([this](bool expired) {
      if (!expired) return;
      observation_.look(coordinator_.slots(), coordinator_.result());
      look_later();
    });
  }

  asio::io_context io_{1};
  study::Presence& presence_;
  Observation& observation_;
  Agents agents_;
  Coordinator coordinator_;
  net::Timer timer_, look_, pause_timer_;
  asio::signal_set pause_signal_{io_};
  net::StopWait stop_;
  std::size_t hosts_, hosts_left_;  // in all; that are not gone for good
  std::set<std::string> names_;     // of all hosts
  std::optional<Control> control_;
  std::string control_path_;
  std::set<std::string> gone_;  // hosts that are not there, as was said
  bool any_ready_ = false;
  std::exception_ptr failure_;
  bool soon_ = false;
};

}  // namespace

RunResult run(study::Study& study, study::Presence& presence, study::Observer& others, const Plan& plan,
              study::Propose propose, const std::vector<Host>& hosts, Observation& observation) {
  return Run(study, presence, others, plan, std::move(propose), hosts, observation)();
}

}  // namespace nn::sweep
