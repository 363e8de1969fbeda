// A study in formats of other programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/enum_names.hpp"
#include "study/study.hpp"

namespace nn::sweep {

enum class ExportFormat : std::uint8_t { csv, json, jsonl, arrow, tensorboard };
const EnumNames<ExportFormat>& enum_names(ExportFormat);

// As it was said, or by the ending of the output: .arrows and .arrow, .json, .jsonl, and CSV for all else.
ExportFormat format_of(std::optional<ExportFormat> said, const std::string& output);

// Only reads. `output` is a file, which appears complete or not at all, or "-" for the standard output; of
// tensorboard a folder, to which only what is new is added. Usage error where that isn't named.
void export_study(study::Study& study, ExportFormat format, const std::string& output);

}  // namespace nn::sweep
