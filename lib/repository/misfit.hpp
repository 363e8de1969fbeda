// Whether versions of a repository can take each other's place.
#pragma once

#include <cstdint>
#include <string>

namespace nn::repository {

// Why clients of version `before` would fail with version `now`: it answers something else, or wants columns
// that the other does not. Either may be an ensemble. Empty where they wouldn't, and where one of the two
// can't be read: nobody is served by that. Reads what the models are, not their weights.
std::string misfit(const std::string& base, std::uint64_t before, std::uint64_t now);
// The same of the file `now`, which is none of its versions yet.
std::string misfit_of_file(const std::string& base, std::uint64_t before, const std::string& now);

}  // namespace nn::repository
