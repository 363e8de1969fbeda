// Tables that follow each other must be of one kind.
#pragma once

#include <string>

#include "tensor/batch.hpp"

namespace nn::format {

// Data error where the columns of `now` aren't those of `first` in name, type and shape, in their order, or
// where they are predictions of other models. `first_name` says what `first` is, for the message.
void check_agreement(const Schema& first, const std::string& first_name, const Schema& now);

}  // namespace nn::format
