#include "base/run_end.hpp"

#include <csignal>
#include <cstring>
#include <new>

#include "base/file.hpp"
#include "base/json_lines.hpp"
#include "base/signals.hpp"

namespace nn {
namespace {

std::string beginning(std::string_view how) {
  std::string line = "{";
  add_json(line, "end", how);
  return line;
}

std::string stopped_by(int signal) {
  const char* name = ::sigabbrev_np(signal);
  std::string line = beginning("stopped");
  add_json(line, "signal", name != nullptr ? std::string(name) : std::to_string(signal));
  return line;
}

}  // namespace

std::string run_finished() { return beginning("finished"); }

std::string run_stopped() { return beginning("stopped"); }

std::string run_failed(const Error& error) {
  std::string line = beginning("failed");
  add_json(line, "kind", name_of(error.kind()));
  add_json(line, "error", error.statement());
  if (!error.advice().empty()) add_json(line, "advice", error.advice());
  return line;
}

// The same cases as in run_tool() of lib/cli, which ends the process by them.
std::string run_ended_by(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Interrupted&) {
    return stopped_by(stop_requested() != 0 ? stop_requested() : SIGINT);
  } catch (const BrokenPipe&) {
    return stopped_by(SIGPIPE);
  } catch (...) {
    return run_failed(error_of(exception));
  }
}

}  // namespace nn
