// A page of HTML with all in it: pictures, their style, a table of trials and a script, and nothing from
// elsewhere.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "chart/picture.hpp"

namespace nn::chart {

// Without some of its sections where `only` names others. What can't be drawn is named at its end.
std::string page(const Results& results, const std::set<Section>& only = {});

// For the script: columns, and a row for each trial, as JSON that may stand in a page. Numbers have six
// digits. Of many trials it has as many rows as fit into `most_bytes`; how many, `rows` says.
std::string page_data(const Results& results, std::size_t most_bytes, std::size_t& rows);
// The names of those columns.
std::vector<std::string> table_columns(const Results& results);

}  // namespace nn::chart
