// The small texts beside a repository's versions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace nn::repository {

// The whole text; nothing where there is no such file. Data error where it is longer than `limit` bytes, io
// error where it can't be read or is no regular file: a FIFO of that name is waited for by nobody.
std::optional<std::string> read_small_file(const std::string& path, std::size_t limit);

// Puts a text into the folder under this name, in place of what was there: readers see the one or the other,
// whole, also after a crash. Io errors name the file; one is that something else than a regular file is
// there.
void replace_small_file(const std::string& folder, const std::string& name, std::string_view text);

// False where there is no such file.
bool remove_small_file(const std::string& folder, const std::string& name);

// A rename or a removal is durable once its folder is.
void sync_folder(const std::string& path);

}  // namespace nn::repository
