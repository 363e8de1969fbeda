// The name of a model of a repository or a worker, as people write it: NAME[/VERSION|:LABEL].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nn::repository {

// Of folders that publishers fill beside the versions, before they are one.
inline constexpr std::string_view draft_prefix = ".publish-";

struct ModelName {
  std::string name;
  std::optional<std::uint64_t> version;
  std::string label;  // empty: none; never with a version
};

// "digits", "digits/3", "digits:stable". Usage error that quotes the text. Names and labels are not
// looked up.
ModelName parse_model_name(std::string_view text);

// The number of a version: a whole number from 1, without leading zeros, as its folder is named.
// Usage error.
std::uint64_t parse_version(std::string_view text);
// The same, and nothing for anything else.
std::optional<std::uint64_t> parse_version_number(std::string_view name);

// The same for whoever takes no label: a usage error that says so.
ModelName parse_unlabelled_name(std::string_view text);

// Why a folder of this name is no model of the folder that it is in, or
// empty: "its name begins with '.'".
std::string why_no_model_folder(std::string_view name);

// Usage error for a model's name or label that isn't UTF-8, or has control characters: it goes into JSON and
// messages.
void check_printable_name(std::string_view name);

}  // namespace nn::repository
