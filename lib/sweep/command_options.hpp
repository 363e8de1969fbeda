// The options of nn-sweep's commands besides run's, which are in options.hpp.
#pragma once

#include <optional>
#include <string>

#include "options/option.hpp"
#include "sweep/ask.hpp"
#include "sweep/control.hpp"
#include "sweep/export.hpp"
#include "sweep/tables.hpp"

namespace nn::sweep {

options::List journal_options(std::string& journal);
options::List run_options(SweepOptions& sweep);
options::List ask_options(SweepOptions& sweep, AskOptions& ask);
options::List tell_options(std::string& journal, bool& failed, bool& pruned);
options::List slots_options(SlotRequest& slots);
options::List table_options(TableFormat& format);
options::List best_options(BestOptions& best);
options::List show_options(bool& command);
options::List status_options(bool& json);
options::List export_options(std::optional<ExportFormat>& format, std::string& output);
options::List fsck_options(bool& repair);

}  // namespace nn::sweep
