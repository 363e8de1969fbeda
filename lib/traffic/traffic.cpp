#include "traffic/traffic.hpp"
