// What an ensemble's file says, and what its members are.
#pragma once

#include <string>

namespace nn::repository {

// A table for people, of several lines. A member that can't be read has the reason in place of its digest.
// Errors as read_ensemble() has them.
std::string ensemble_text(const std::string& path);
// The same as a JSON object of one line.
std::string ensemble_json(const std::string& path);

}  // namespace nn::repository
