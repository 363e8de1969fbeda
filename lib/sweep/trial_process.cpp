#include "sweep/trial_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <filesystem>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "sweep/checkpoints.hpp"

namespace nn::sweep {
namespace {

constexpr int metric_descriptor = 3, control_descriptor = 4;  // in the trial
constexpr std::size_t tail_bytes = 4096, tail_lines = 5;
constexpr std::size_t longest_metric_file = 1 << 20;
constexpr std::chrono::milliseconds time_between_reads{50};

// Both ends; unlike a pipe, writing to it never raises SIGPIPE where MSG_NOSIGNAL says so.
std::pair<UniqueFd, UniqueFd> make_control() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail_errno("socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

UniqueFd open_file(const std::string& path, int flags) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, 0666));
  if (!fd) fail_errno(path);
  return fd;
}

// A descriptor that Asio reads must not wait by itself.
int without_waiting(UniqueFd fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  return fd.release();
}

std::string mark_of(const StartTrial& message) {
  for (const std::string& entry : message.environment) {
    if (entry.starts_with("NN_SWEEP_TRIAL=")) return entry;
  }
  return fmt::format("NN_SWEEP_TRIAL={}", message.trial);
}

// In most cases only the last of its folders isn't there.
void make_folder(const std::string& path) {
  constexpr int all = 0777;
  if (::mkdir(path.c_str(), all) == 0 || errno == EEXIST) return;
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail_errno(path, error.value());
}

std::string last_lines(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  std::size_t begin = text.size();
  for (std::size_t lines = 0; lines < tail_lines && begin != std::string::npos && begin > 0; ++lines) {
    begin = text.rfind('\n', begin - 1);
  }
  return begin == std::string::npos || begin >= text.size() ? text : text.substr(begin + 1);
}

// Usage error where one of them is none that may be used.
void check_cores(const std::vector<int>& cores) {
  if (cores.empty()) return;
  cpu_set_t ours;
  ::sched_getaffinity(0, sizeof ours, &ours);
  for (const int core : cores) {
    if (core < 0 || core >= CPU_SETSIZE || !CPU_ISSET(core, &ours)) {
      fail_usage("there is no core {} that may be used here", core);
    }
  }
}

}  // namespace

TrialProcess::TrialProcess(const asio::any_io_executor& executor, const StartTrial& message, Events events)
    : trial_(message.trial),
      mark_(mark_of(message)),
      log_path_(message.log),
      metric_file_(message.metric_file.empty()
                       ? std::string()
                       : (std::filesystem::path(message.directory) / message.metric_file).string()),
      checkpoint_(message.checkpoint),
      events_(std::move(events)),
      standard_(executor, message.metrics, message.metric),
      errors_(executor, {}, ""),
      metrics_(executor, {}, ""),
      started_(std::chrono::steady_clock::now()),
      child_(start(message)),
      end_(executor, child_.end_descriptor().release()),
      rest_(executor) {
  standard_.to_log = errors_.to_log = true;
  errors_.has_metrics = false;
  for (Output* output : {&standard_, &errors_, &metrics_}) read(*output);
  wait();
}

process::Child TrialProcess::start(const StartTrial& message) {
  make_folder(message.directory);
  log_ = open_file(message.log, O_WRONLY | O_CREAT | O_APPEND);
  if (!metric_file_.empty()) ::unlink(metric_file_.c_str());  // of an attempt before this one
  const SlotSetup setup = set_up(message.slot, ::getenv("CUDA_VISIBLE_DEVICES"), message.mask);
  const UniqueFd input = open_file("/dev/null", O_RDONLY);
  auto [output, their_output] = make_pipe();
  auto [errors, their_errors] = make_pipe();
  auto [metrics, their_metrics] = make_pipe();
  process::Command command;
  command.words = message.words;
  command.environment = setup.environment;
  command.environment.insert(command.environment.end(), message.environment.begin(),
                             message.environment.end());
  command.environment.push_back(fmt::format("NN_SWEEP_FD={}", metric_descriptor));
  UniqueFd their_control;
  if (message.control) {
    std::tie(control_, their_control) = make_control();
    if (!message.control->empty()) tell(*message.control);
    command.environment.push_back(fmt::format("NN_SWEEP_CONTROL_FD={}", control_descriptor));
  } else {
    command.environment.emplace_back("NN_SWEEP_CONTROL_FD=");  // that of who started us is not the trial's
  }
  if (message.change_directory) command.directory = message.directory;
  command.descriptors = {{input.get(), STDIN_FILENO},
                         {their_output.get(), STDOUT_FILENO},
                         {their_errors.get(), STDERR_FILENO},
                         {their_metrics.get(), metric_descriptor}};
  if (their_control) command.descriptors.push_back({their_control.get(), control_descriptor});
  standard_.descriptor.assign(without_waiting(std::move(output)));
  errors_.descriptor.assign(without_waiting(std::move(errors)));
  metrics_.descriptor.assign(without_waiting(std::move(metrics)));
  check_cores(setup.cores);
  command.cores = setup.cores;
  return process::Child(std::move(command));
}

void TrialProcess::tell(const std::string& line) {
  if (!control_) return;
  const std::string text = line + '\n';
  ::send(control_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void TrialProcess::pause(bool paused) {
  paused_ = paused;
  for (Output* output : {&standard_, &errors_, &metrics_}) read(*output);
}

void TrialProcess::read(Output& output) {
  if (paused_ || over_ || output.resting || std::exchange(output.reading, true)) return;
  output.descriptor.async_read_some(asio::buffer(output.buffer),
                                    [this, &output](const boost::system::error_code& error, std::size_t n) {
                                      if (error) return;  // its end, or ours
                                      output.reading = false;
                                      take(output, {output.buffer.data(), n});
                                      n < output.buffer.size() ? rest(output) : read(output);
                                    });
}

// A trial that says little at a time is listened to from time to time: each time costs more than what it
// says.
void TrialProcess::rest(Output& output) {
  output.resting = UniqueFd(output.descriptor.release());
  if (over_ || std::exchange(resting_, true)) return;
  rest_.expires_after(time_between_reads);
  rest_.wait([this](bool expired) {
    if (!expired) return;
    resting_ = false;
    for (Output* other : {&standard_, &errors_, &metrics_}) {
      if (!other->resting) continue;
      other->descriptor.assign(other->resting.release());
      read(*other);
    }
  });
}

void TrialProcess::take(Output& output, std::string_view bytes) {
  if (output.to_log) {
    output.tail += bytes;
    if (output.tail.size() > 2 * tail_bytes) output.tail.erase(0, output.tail.size() - tail_bytes);
    for (std::string_view left = bytes; !left.empty();) {
      const ssize_t n = ::write(log_.get(), left.data(), left.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        if (!std::exchange(log_failed_, true)) {
          warn("{}: {}; what follows of trial {} is lost", log_path_, std::generic_category().message(errno),
               trial_);
        }
        break;
      }
      left.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  if (!output.has_metrics) return;
  output.reader.take(bytes, [this](Report report) { events_.report({trial_, std::move(report)}); });
}

// What was written before its end is there by now.
void TrialProcess::drain(Output& output) {
  if (!output.resting) output.descriptor.cancel();
  const int descriptor = output.resting ? output.resting.get() : output.descriptor.native_handle();
  for (;;) {
    const ssize_t n = ::read(descriptor, output.buffer.data(), output.buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    take(output, {output.buffer.data(), static_cast<std::size_t>(n)});
  }
  if (!output.has_metrics) return;
  if (auto report = output.reader.end()) events_.report({trial_, std::move(*report)});
}

void TrialProcess::wait() {
  end_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    // A wait may end for nothing, where the descriptor of one that is gone was the same to the reactor.
    if (!child_.status()) return wait();
    // What has been read already is taken first.
    over_ = true;
    asio::post(end_.get_executor(), [this] { end(); });
  });
}

void TrialProcess::end() {
  const auto now = std::chrono::steady_clock::now();
  TrialEnded ended;
  ended.trial = trial_;
  ended.status = child_.status();
  if (const auto usage = child_.usage()) {
    ended.user_s = usage->user_s;
    ended.system_s = usage->system_s;
    ended.most_memory_kb = usage->most_memory_kb;
  }
  ended.wall_s = std::chrono::duration<double>(now - started_).count();
  child_.kill_now();  // whom it left behind
  for (Output* output : {&standard_, &errors_, &metrics_}) drain(*output);
  if (!metric_file_.empty()) read_metric_file(ended);
  if (ended.status == 0 && !checkpoint_.empty()) read_checkpoint(ended);
  ended.last_number = standard_.reader.last_number();
  if (ended.status != 0) ended.tail = last_lines(errors_.tail.empty() ? standard_.tail : errors_.tail);
  events_.ended(std::move(ended));
}

void TrialProcess::read_checkpoint(TrialEnded& ended) {
  try {
    ended.checkpoint = record_of(checkpoint_);
  } catch (const Error& error) {
    ended.error = error.what();
  }
}

void TrialProcess::read_metric_file(TrialEnded& ended) {
  try {
    std::string text = read_text(metric_file_, longest_metric_file);
    std::replace(text.begin(), text.end(), '\n', ' ');
    if (auto report = parse_report(text)) return events_.report({trial_, std::move(*report)});
    ended.error = fmt::format("{}: no JSON object with numbers", metric_file_);
  } catch (const Error& error) {
    ended.error = error.what();
  }
}

}  // namespace nn::sweep
