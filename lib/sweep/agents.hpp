// Connections to agents: one a host, each a process of ours (this program, ssh, srun) with a socket.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/timer.hpp"
#include "sweep/coordinator.hpp"

namespace nn::sweep {

namespace asio = boost::asio;

// How an agent is reached, and what it offers.
struct Host {
  std::string name;                  // "": this one
  std::vector<std::string> command;  // that speaks to the agent at its standard input and output
  std::string quiet;                 // its option that keeps it from saying why it can't connect; "": none
  std::vector<Slot> slots;           // none: those that the agent has by default
  // A descriptor that its agent, or the connection to it, keeps until none of its trials is left; -1: none.
  int lock = -1;

  void add(Slot slot);  // usage error for one that it has
};

// This program itself; its name may mean another one by now.
std::string own_path();

// This host's.
Host local_host(const std::vector<std::string>& devices);
// Lines "HOST [DEVICE…] [dir=PATH] [command=COMMAND]", '#' begins a comment: hosts that ssh(1) reaches, where
// nn-sweep, or the command, is found. Usage errors name the line. `name` is the file's, for them.
std::vector<Host> parse_hosts(std::string_view text, std::string_view name);

// An agent that is lost is begun again after pauses that grow, unless that would go wrong in the same way.
// One thread, that of the io_context.
class Agents : public Executor {
 public:
  struct Events {
    // Is it sure that nothing is left of the agent before it, if there was one?
    std::function<void(const Host&, bool is_alone)> ready;
    std::function<void(const std::string& host, const FromAgent&)> message;
    // It is gone, with all its trials. `for_good`: it isn't begun again. Told again only after it was ready.
    std::function<void(const std::string& host, const std::string& why, bool for_good)> lost;
  };
  Agents(asio::io_context& io, Events events);
  ~Agents() override;  // ends all agents, which end their trials first, and waits for that

  void add(const Host& host);
  // Of a host that was added: it has these too when it is ready again.
  void add_slots(const std::string& host, const std::vector<Slot>& slots);
  void start(const std::string& host, const StartTrial& trial) override;
  void send_signal(const std::string& host, const SignalTrial& signal) override;
  void tell(const std::string& host, const ControlTrial& control) override;
  void find(const std::string& host, const FindFile& file) override;
  bool renew(int lock) override;
  bool is_all_sent() const;
  void answer(const std::string& host, const StillAlive& answer) { send(host, answer); }

 private:
  struct Link;
  // A host, and the connection that it has, or had last.
  struct Station {
    Station(asio::io_context& io, Host its_host) : host(std::move(its_host)), timer(io.get_executor()) {}
    Host host;
    std::shared_ptr<Link> link;
    net::Timer timer;
    int tries = 0;      // in vain, one after the other
    std::string agent;  // the id of the last that greeted
  };
  void connect(Station& station);
  void reconnect(Station& station);
  void lost(Station& station, const std::string& why, bool for_good);
  void send(const std::string& host, const ToAgent& message);
  asio::io_context& io_;
  Events events_;
  std::map<std::string, Station> stations_;
};

}  // namespace nn::sweep
