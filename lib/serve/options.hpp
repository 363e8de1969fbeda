// The options of ServeOptions, each said once.
#pragma once

#include "options/option.hpp"
#include "serve/serve.hpp"

namespace nn::serve {

// All but the models that are files, which nn-serve names itself.
options::List option_list(ServeOptions& options);

}  // namespace nn::serve
