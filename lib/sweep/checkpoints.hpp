// Checkpoints as files, on the host that they are on. For this module only.
#pragma once

#include <optional>
#include <string>

#include "study/trial.hpp"

namespace nn::sweep {

// What tells the file from any other: its size, its time, and, where it isn't too large to be read through in
// a moment, a checksum. Without budget and value. Nothing where it is no file, or empty: no checkpoint is
// that.
std::optional<study::Checkpoint> record_of(const std::string& path);

// Whether the file, as this host sees it, has the size and the time that were recorded.
bool is_at_hand(const study::Checkpoint& record);

// Has the file that was recorded as `from` be the one at `path`: the same, or a copy of it (which shares its
// blocks where the file system can) that is complete when it has the name. Data error where it isn't what was
// recorded.
void bring(const study::Checkpoint& from, const std::string& path);

}  // namespace nn::sweep
