// Which of the threads on a core comes first, and for how long.
#pragma once

namespace nn {

// The calling thread is asked for by many and computes little: it is let onto its core soon after it wakes
// up, for a short turn each time, and has no larger part of the core for that. Threads that it starts aren't
// concerned. Does nothing where the kernel can't (before Linux 6.12) or may not.
void take_short_turns() noexcept;

// The calling thread comes after the others on its core: its part of it is smaller, by about a tenth for each
// of `by` > 0 steps (nice values; sched(7)). Threads that it starts later inherit that.
void come_after_others(int by) noexcept;

}  // namespace nn
