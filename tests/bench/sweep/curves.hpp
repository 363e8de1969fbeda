// What early stopping saves: searches that are replayed from a table of learning curves.
#pragma once

#include <cstddef>
#include <string>

namespace bench {

struct CurvesResult {
  std::size_t configurations = 0, seeds = 0, epochs = 0;  // of the table
  double random_best = 0, table_best = 0;
  // Epochs after which the best of a search is as good as that of random search, and stays so, as a part of
  // the epochs that random search takes. Infinity: never within as many epochs.
  double stopping = 0, promotion = 0;
  double stopping_trials = 0, promotion_trials = 0;  // that had begun by then
};

// Medians over so many searches, each on so many workers, with asha:1:EPOCHS:3. `trials` of random search run
// to their end. The table is make-curves'; the value of a trial is its accuracy, and a search's best trial,
// of those that ran to the end, is judged by the mean of its configuration over all seeds. Data error for
// what is no such table.
CurvesResult replay_curves(const std::string& path, std::size_t searches, std::size_t trials,
                           std::size_t workers);

}  // namespace bench
