// The options of ServeOptions, each said once.
#pragma once

#include "options/option.hpp"
#include "serve/ask.hpp"
#include "serve/serve.hpp"

namespace nn::serve {

// All but the models that are files, which nn-serve names itself.
options::List option_list(ServeOptions& options);
// Of it, those of running a server.
options::List operation_options(ServeOptions& options);
// Those of them whose change comes into force while the server runs.
bool is_live(std::string_view option);
// Those of asking another server.
options::List option_list(StatusQuestion& question);

}  // namespace nn::serve
