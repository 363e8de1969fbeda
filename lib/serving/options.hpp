// The options of servers that say which versions of which models they serve.
#pragma once

#include <vector>

#include "options/option.hpp"
#include "repository/repository.hpp"

namespace nn::serving {

// --repository, --policy, --poll: all that a server of repositories has of them.
void add_repository_options(options::Group& group, std::vector<repository::ModelSpec>& models,
                            repository::VersionPolicy& policy, double& poll_s);

}  // namespace nn::serving
