// The options by which people say what is read.
#pragma once

#include <string>
#include <vector>

#include "base/enum_names.hpp"
#include "format/arrow/stream.hpp"
#include "format/source.hpp"
#include "options/option.hpp"

namespace nn::format {

const EnumNames<FileFormat>& enum_names(FileFormat);
const EnumNames<ZeroBased>& enum_names(ZeroBased);

// Every option of SourceOptions. Tools that train or predict leave out what only nn-read has
// (`reader_only` false).
options::List option_list(SourceOptions& source, bool reader_only);
// INPUT…
options::Option input_argument(SourceOptions& source);

// The files that are read, for refuse_overwriting() (base/overwrite.hpp); "-" where there are no inputs.
std::vector<std::string> input_files(const SourceOptions& source);

// --max-frame alone, for who reads streams and nothing else.
options::Field max_frame_field(std::uint64_t& max_frame);
std::uint64_t parse_max_frame(std::string_view text);  // from 1K to 2G-1

}  // namespace nn::format
