// Trials of other journals, to learn from.
#pragma once

#include <string>
#include <vector>

#include "study/study.hpp"

namespace nn::sweep {

// Journals to learn from, as they are now. Usage error where one's objectives are others, or it is `own`, the
// journal that learns; those of reading a journal.
std::vector<study::Study> read_old(const std::vector<std::string>& journals, const std::string& own,
                                   const std::vector<study::Objective>& objectives);
// Takes over what has ended in them with a value; what is here already is not taken again. Says how many
// there were, and what doesn't fit the space.
void take_over(study::Study& study, std::vector<study::Study> old);

}  // namespace nn::sweep
