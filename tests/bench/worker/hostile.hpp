// Clients that mean no good, and their control.
#pragma once

#include <string>

namespace nn::bench {

// As many threads, each a client after the other, for so long: large bodies (0), schemas of many keys (1),
// rows with many dictionary deltas (2), silence (3), and hanging up in the middle (4), a fifth each, or
// `only` one kind. Prints the processor time that they took and how many connections they made.
void attack(const std::string& worker, double seconds, int clients, int only = -1);

// As many threads that take the same processor time in as many short pieces, and connect to nobody.
void burn(double seconds, int clients, double cpu_seconds);

}  // namespace nn::bench
