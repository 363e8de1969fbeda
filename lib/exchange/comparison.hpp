// Models beside each other, a row each: what they were trained with, where that differs, and what came of it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/model.hpp"

namespace nn::exchange {

struct ComparedModel {
  std::string path;
  std::optional<model::AnyModel> file;  // none: an ensemble, which has no figures of its own
};

// The order of `models` by a column of their table ("val_loss", "lr", "file"), best first: of accuracy, AUC,
// R2 and F1 the highest, of all else the lowest; texts by their bytes; equal ones stay in their order, and
// those without a value come last. Usage error where no model has such a column, which lists what there is.
void sort_models(std::vector<ComparedModel>& models, const std::string& column);

// A title and a line for each model: file, network, options and seed where they differ, and metrics; a dash
// where one has none. Lines of at most `columns` where that isn't 0: the rest is cut off.
std::string comparison_text(const std::vector<ComparedModel>& models, std::size_t columns);

// The words of a command line as a shell takes them apart, as far as quotes and backslashes go.
std::vector<std::string> shell_words(const std::string& command);

}  // namespace nn::exchange
