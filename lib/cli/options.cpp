#include "cli/options.hpp"

namespace nn {

void add_source_options(CLI::App&, SourceOptions&, bool) {}

}  // namespace nn
