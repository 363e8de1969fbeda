#include "serve/serve.hpp"
