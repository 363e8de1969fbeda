// What the system says of this process.
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "serve/metrics.hpp"

namespace nn::serve {
namespace {

std::string text_of(const char* path) {
  try {
    return read_text(path, 64 << 10);
  } catch (const Error&) {
    return {};  // /proc isn't there
  }
}

double number_of(const std::string& text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// When the machine was started, since 1970.
double boot_time() {
  for (const std::string& line : split_lines(text_of("/proc/stat"))) {
    if (line.starts_with("btime ")) return number_of(line.substr(6));
  }
  return 0;
}

std::uint64_t count_files() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  std::uint64_t count = 0;
  while (folder && ::readdir(folder.get()) != nullptr) ++count;
  return count > 3 ? count - 3 : 0;  // without ".", ".." and the folder itself
}

}  // namespace

// The fields of /proc/self/stat are counted behind the name, which may have any character: proc(5).
ProcessFigures process_figures() {
  ProcessFigures out;
  const std::string stat = text_of("/proc/self/stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end != std::string::npos && name_end + 2 < stat.size()) {
    const auto fields = split(std::string_view(stat).substr(name_end + 2), ' ');
    const auto field = [&](std::size_t number) {  // as proc(5) counts them
      return number - 3 < fields.size() ? number_of(fields[number - 3]) : 0.0;
    };
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    out.cpu_s = (field(14) + field(15)) / ticks;
    out.threads = static_cast<std::uint64_t>(field(20));
    static const double boot = boot_time();
    out.start_s = boot + field(22) / ticks;
    out.virtual_bytes = static_cast<std::uint64_t>(field(23));
    out.resident_bytes =
        static_cast<std::uint64_t>(field(24)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  out.open_files = count_files();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) out.max_files = limit.rlim_cur;
  return out;
}

}  // namespace nn::serve
