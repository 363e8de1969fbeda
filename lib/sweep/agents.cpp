#include "sweep/agents.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <climits>
#include <csignal>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "process/child.hpp"

namespace nn::sweep {
namespace {

// An agent gives its trials five seconds before it kills them.
constexpr std::chrono::seconds patience{10};
// Whose connection has ended has mostly ended itself, and says how.
constexpr std::chrono::milliseconds time_to_end{500};
constexpr std::chrono::seconds first_pause{1}, longest_pause{60};
constexpr int most_untold = 3;             // ends of an agent of this machine before it was ready
constexpr std::chrono::minutes steady{1};  // one that was there so long counts as well again

process::Command command_of(const Host& host, bool again, const std::string& before) {
  process::Command command;
  command.words = host.command;
  if (again && !host.quiet.empty()) command.words.insert(command.words.begin() + 1, host.quiet);
  if (!before.empty()) command.words.push_back(before);  // ssh puts a space in front
  // ssh closes what it inherits; a shell that waits for it doesn't.
  if (!host.name.empty()) {
    const std::vector<std::string> shell{"sh", "-c", "\"$@\"; exit $?", "sh"};
    command.words.insert(command.words.begin(), shell.begin(), shell.end());
  }
  if (host.lock >= 0) command.descriptors.push_back({host.lock, lock_descriptor});
  command.socket = true;
  command.patience = patience;
  return command;
}

// It becomes a word of a shell's.
bool is_id(std::string_view text) {
  constexpr std::size_t longest = 200;
  return !text.empty() && text.size() <= longest &&
         text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
             "0123456789.:_-") == std::string_view::npos;
}

}  // namespace

void Host::add(Slot slot) {
  if (std::find(slots.begin(), slots.end(), slot) != slots.end()) {
    fail_usage("{} is there twice; {}*2 are two slots that share it", slot.name(), slot.device);
  }
  slots.push_back(std::move(slot));
}

std::string own_path() {
  char path[PATH_MAX];
  const ssize_t n = ::readlink("/proc/self/exe", path, sizeof path);
  return n > 0 ? std::string(path, static_cast<std::size_t>(n)) : "nn-sweep";
}

struct Agents::Link : std::enable_shared_from_this<Link> {
  struct Events {
    std::function<void(const AgentReady&)> ready;
    std::function<void(const FromAgent&)> message;
    std::function<void(const std::string& why, bool for_good)> lost;
  };
  Link(asio::io_context& io, const process::Command& command, Events its_events)
      : events(std::move(its_events)), child(command), socket(io) {
    socket.assign(asio::local::stream_protocol(), child.take_socket().release());
  }

  void read() {
    asio::async_read_until(
        socket, asio::dynamic_buffer(text, longest_message), '\n',
        [this, self = shared_from_this()](const boost::system::error_code& error, std::size_t n) {
          if (closed) return;
          if (error) return ended();
          // More lines may have come with it.
          std::size_t taken = 0;
          for (std::size_t end = n; end != 0 && !closed; end = text.find('\n', taken) + 1) {
            try {
              take(parse_from_agent(std::string_view(text).substr(taken, end - taken)));
            } catch (const Error& wrong) {
              return lost(wrong.what(), true);
            }
            taken = end;
          }
          text.erase(0, taken);
          if (!closed) read();
        });
  }

  void take(const FromAgent& message) {
    const auto* greeting = std::get_if<AgentReady>(&message);
    if (greeting == nullptr && !ready) fail_data("it is no agent: it didn't greet");
    if (greeting == nullptr) return events.message(message);
    if (greeting->protocol != agent_protocol) {
      fail_data("the agent there is of version {}, here of {}, which don't understand each other",
                printable(greeting->version), tools_version());
    }
    ready = true;
    events.ready(*greeting);
  }

  void send(const std::string& line) {
    if (closed) return;
    unsent += line;
    if (sent.empty()) write();
  }

  void write() {
    sent = std::exchange(unsent, {});
    asio::async_write(socket, asio::buffer(sent),
                      [this, self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                        if (error || closed) return;  // reading says more
                        sent.clear();
                        if (!unsent.empty()) write();
                      });
  }

  void ended() {
    const int status = child.ended_within(time_to_end) ? child.status().value_or(0) : 0;
    const std::string how = status != 0 ? " (" + process::describe_end(status) + ")" : "";
    lost((ready ? "its connection ended" : "it could not be reached") + how,
         !ready && process::fails_for_good(status));
  }

  void lost(const std::string& why, bool for_good) {
    close();
    child.send_signal(SIGTERM);  // or it would be waited for when another one takes its place
    events.lost(why, for_good);
  }

  void close() {
    if (std::exchange(closed, true)) return;
    boost::system::error_code ignored;
    socket.close(ignored);
  }

  const Events events;
  process::Child child;
  asio::local::stream_protocol::socket socket;
  std::string text;
  std::string sent, unsent;  // what is being written, and what comes next
  bool ready = false, closed = false;
  std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
};

Agents::Agents(asio::io_context& io, Events events) : io_(io), events_(std::move(events)) {}

Agents::~Agents() {
  // All at once, then one after the other.
  for (const auto& [name, station] : stations_) {
    if (station.link) station.link->close();
  }
}

void Agents::add(const Host& host) { connect(stations_.try_emplace(host.name, io_, host).first->second); }

void Agents::add_slots(const std::string& host, const std::vector<Slot>& slots) {
  const auto found = stations_.find(host);
  if (found == stations_.end()) return;
  std::vector<Slot>& known = found->second.host.slots;
  for (const Slot& slot : slots) {
    if (std::find(known.begin(), known.end(), slot) == known.end()) known.push_back(slot);
  }
}

void Agents::connect(Station& station) {
  Link::Events events;
  events.ready = [this, &station](const AgentReady& greeting) {
    Host& host = station.host;
    if (!is_id(greeting.id)) fail_data("it is no agent: '{}' is no id", printable(greeting.id));
    station.agent = greeting.id;
    if (host.slots.empty()) {
      for (const std::string& device : greeting.devices) {
        for (Slot& slot : parse_slots(device, host.name)) host.add(std::move(slot));
      }
      if (host.slots.empty()) fail_data("there are no devices");
    }
    events_.ready(host, greeting.is_alone);
  };
  events.message = [this, &station](const FromAgent& message) {
    events_.message(station.host.name, message);
  };
  events.lost = [this, &station](const std::string& why, bool for_good) { lost(station, why, for_good); };
  station.link.reset();  // ends what is left of the last one
  station.link = std::make_shared<Link>(io_, command_of(station.host, station.tries > 0, station.agent),
                                        std::move(events));
  station.link->read();
}

void Agents::lost(Station& station, const std::string& why, bool for_good) {
  const bool was_ready = station.link && station.link->ready;
  if (was_ready && std::chrono::steady_clock::now() - station.link->since >= steady) station.tries = 0;
  // This machine can be reached: an agent of it that somebody killed before it was ready is begun again
  // first.
  const int untold = station.host.name.empty() ? most_untold : 0;
  if (was_ready || station.tries == untold || for_good) events_.lost(station.host.name, why, for_good);
  if (for_good) return;
  station.timer.expires_after(
      std::min<Clock::duration>(first_pause * (1 << std::min(station.tries, 6)), longest_pause));
  ++station.tries;
  station.timer.wait([this, &station](bool expired) {
    if (expired) reconnect(station);
  });
}

void Agents::reconnect(Station& station) {
  try {
    connect(station);
  } catch (const Error& error) {
    lost(station, error.what(), false);
  }
}

bool Agents::is_all_sent() const {
  return std::all_of(stations_.begin(), stations_.end(), [](const auto& entry) {
    const auto& link = entry.second.link;
    return !link || link->closed || (link->sent.empty() && link->unsent.empty());
  });
}

bool Agents::renew(int lock) {
  for (auto& [name, station] : stations_) {
    station.host.lock = lock;
    if (!station.link || !station.link->ready || station.link->closed) continue;  // it is on its way
    station.link->close();
    station.timer.expires_after({});
    station.timer.wait([this, &station = station](bool expired) {
      if (expired) reconnect(station);
    });
  }
  return true;
}

void Agents::start(const std::string& host, const StartTrial& trial) { send(host, trial); }
void Agents::send_signal(const std::string& host, const SignalTrial& signal) { send(host, signal); }
void Agents::tell(const std::string& host, const ControlTrial& control) { send(host, control); }
void Agents::find(const std::string& host, const FindFile& file) { send(host, file); }

void Agents::send(const std::string& host, const ToAgent& message) {
  const auto found = stations_.find(host);
  if (found != stations_.end() && found->second.link) found->second.link->send(to_line(message));
}

Host local_host(const std::vector<std::string>& devices) {
  Host host;
  host.command = {own_path(), "agent"};
  for (const std::string& device : devices) {
    for (Slot& slot : parse_slots(device)) {
      check_is_here(slot);
      host.add(std::move(slot));
    }
  }
  return host;
}

std::vector<Host> parse_hosts(std::string_view text, std::string_view name) {
  std::vector<Host> hosts;
  std::int64_t number = 0;
  for (const std::string& line : split_lines(text)) {
    ++number;
    const std::string_view content = trim(std::string_view(line).substr(0, line.find('#')));
    if (content.empty()) continue;
    try {
      Host host;
      std::string directory, command = "nn-sweep";
      for (const std::string& word : split(content, ' ')) {
        if (word.empty()) continue;
        if (host.name.empty()) {
          if (word.starts_with('-')) fail_usage("'{}' is no host", printable(word));
          host.name = word;
        } else if (word.starts_with("dir=")) {
          directory = word.substr(4);
        } else if (word.starts_with("command=")) {
          command = word.substr(8);
        } else {
          for (Slot& slot : parse_slots(word, host.name)) host.add(std::move(slot));
        }
      }
      const std::string there =
          (directory.empty() ? "" : "cd " + shell_quoted(directory) + " && ") + "exec " + command + " agent";
      // One that doesn't answer for 45 seconds is lost; nobody is there to type a password.
      host.command = {"ssh",
                      "-o",
                      "BatchMode=yes",
                      "-o",
                      "ServerAliveInterval=15",
                      "-o",
                      "ServerAliveCountMax=3",
                      "--",
                      host.name,
                      there};
      host.quiet = "-q";
      for (const Host& other : hosts) {
        if (other.name == host.name)
          fail_usage("'{}' is there twice; it may have several devices in one line", printable(host.name));
      }
      hosts.push_back(std::move(host));
    } catch (const Error& error) {
      throw error.within_file(std::string(name), number);
    }
  }
  return hosts;
}

}  // namespace nn::sweep
