// Whether versions of a repository can take each other's place. For this module only.
#pragma once

#include <cstdint>
#include <string>

namespace nn::repository {

// Why clients of version `before` would fail with version `now`: it answers something else, or wants columns
// that the other does not. Empty where they wouldn't, and where one of the two can't be read: nobody is
// served by that. Reads what the models are, not their weights.
std::string misfit(const std::string& base, std::uint64_t before, std::uint64_t now);

}  // namespace nn::repository
