#include "repository/wants.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "repository/model_name.hpp"
#include "repository/small_file.hpp"

namespace nn::repository {
namespace {

constexpr std::size_t longest_text = 1 << 20;
constexpr char file_name[] = "wanted";

// Keeps other processes from changing the file for some milliseconds; gone with its holder. Where the file
// system has no such locks, the last of several changes counts. Nobody is waited for for ever.
class Lock {
 public:
  explicit Lock(const std::string& base) : fd_(::open(base.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (!fd_) fail_errno(base);
    constexpr int tries = 400;
    for (int i = 0; ::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0; ++i) {
      if (errno != EWOULDBLOCK && errno != EINTR) return;
      if (i == tries) {
        throw make_error(ErrorKind::unavailable, "others change what is wanted of it").within_file(base);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

 private:
  UniqueFd fd_;
};

std::string path_of(const std::string& base) { return base + "/" + file_name; }

}  // namespace

void Wants::serve(std::uint64_t version) {
  refused.erase(version);
  served.insert(version);
}

void Wants::refuse(std::uint64_t version) {
  served.erase(version);
  refused.insert(version);
}

Wants parse_wants(std::string_view text) {
  Wants wants;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = text.find('\n');
    const std::string_view word = text.substr(0, end);
    if (end == std::string_view::npos) {
      fail_data("line {}: '{}' has no line end; something is missing", line, printable(word));
    }
    const auto version = word.empty() ? std::nullopt : parse_version_number(word.substr(1));
    if (!version || (word[0] != '+' && word[0] != '-')) {
      fail_data("line {}: '{}' is neither +VERSION nor -VERSION", line, printable(word));
    }
    if (wants.served.contains(*version) || wants.refused.contains(*version)) {
      fail_data("line {}: version {} for the second time", line, *version);
    }
    (word[0] == '+' ? wants.served : wants.refused).insert(*version);
    text.remove_prefix(end + 1);
  }
  return wants;
}

std::string to_text(const Wants& wants) {
  std::string text;
  for (const std::uint64_t version : wants.served) text += fmt::format("+{}\n", version);
  for (const std::uint64_t version : wants.refused) text += fmt::format("-{}\n", version);
  return text;
}

Wants read_wants(const std::string& base) {
  const std::string path = path_of(base);
  const auto text = read_small_file(path, longest_text);
  if (!text && ::access(base.c_str(), F_OK) != 0) fail_errno(base);
  if (!text) return {};
  try {
    return parse_wants(*text);
  } catch (const Error& error) {
    throw error.within_file(path);
  }
}

Wants change_wants(const std::string& base, const std::function<void(Wants&)>& change) {
  const Lock lock(base);
  const Wants before = read_wants(base);
  Wants wants = before;
  change(wants);
  const std::string text = to_text(wants);
  if (text.size() > longest_text) {
    throw data_error("over the limit of {} bytes", longest_text).within_file(path_of(base));
  }
  if (wants.empty()) {
    remove_small_file(base, file_name);
  } else if (wants != before) {  // a file system that can't be written is fine where nothing is to be
    replace_small_file(base, file_name, text);
  }
  return wants;
}

void clear_wants(const std::string& base) {
  const Lock lock(base);
  remove_small_file(base, file_name);
}

}  // namespace nn::repository
