// Clients that mean no good, and their control.
#pragma once

#include <string>

namespace nn::bench {

// As many threads, each a client after the other, for so long: large bodies, schemas of many keys, rows with
// many dictionary deltas, silence, and hanging up in the middle, a fifth each. Prints the processor time that
// they took and how many connections they made.
void attack(const std::string& worker, double seconds, int clients);

// As many threads that take the same processor time in as many short pieces, and connect to nobody.
void burn(double seconds, int clients, double cpu_seconds);

}  // namespace nn::bench
