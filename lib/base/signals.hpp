// Signals as tools take them: handlers set flags, loops look at them.
//
// Order of calls: install_signal_handlers() once, early in main, before threads
// start; threads that should not receive signals need nothing, the flags are global.
#pragma once

#include <chrono>

namespace nn {

// SIGINT and SIGTERM request a stop, SIGUSR1 a progress report, SIGPIPE is ignored
// (writes fail with EPIPE instead), SIGCHLD is not, whatever the parent did. A second SIGINT or SIGTERM kills
// at once.
void install_signal_handlers();

// SIGHUP requests a stop as well, for a tool whose work of hours a closed terminal must not take; not under
// nohup.
void stop_on_hangup();

// The signal that asked to stop, or 0.
int stop_requested();

// Readable from the first request to stop on: whoever waits in poll(2) waits for it too, since a signal
// comes to any thread, at any time. -1 before install_signal_handlers().
int stop_descriptor();

// When writes that a full pipe holds up are given up: some time after the first request to stop.
std::chrono::steady_clock::time_point stop_deadline();

// True once after each SIGUSR1.
bool progress_requested();

// Thrown by waits that a stop request cuts short.
struct Interrupted {};

// Throws Interrupted when a stop was requested.
void throw_if_stopped();

// Dies by `signal` with its default action, so that the caller's shell sees 128+n.
[[noreturn]] void die_by_signal(int signal);

}  // namespace nn
