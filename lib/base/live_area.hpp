// The live area: lines at the end of standard error, a terminal, that change while work goes on. Messages of
// base/log.hpp go above them. Thread-safe.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/terminal.hpp"

namespace nn {

// Whether there can be one: standard error is a terminal that moves its cursor, and nobody wants it quiet.
bool has_live_area();
// What lines may take: the last column is left free, since terminals wrap there, and the last row.
TerminalSize live_area_size();

// Shows these lines in place of what was there; none take it away. They have no ends, and fit
// live_area_size(). `owner` is whoever shows them: only the last one can take them away. It never waits for
// the terminal: while that is stopped (^S), or belongs to another job, nothing is drawn.
void show_live(const void* owner, const std::vector<std::string>& lines);
void clear_live(const void* owner);

// While there is one, nothing is drawn, and what is printed belongs between before() and after().
class LivePause {
 public:
  LivePause();
  std::string_view before() const { return before_; }
  std::string_view after() const { return after_; }

 private:
  std::unique_lock<std::mutex> lock_;  // only where something is shown
  std::string_view before_, after_;
};

}  // namespace nn
