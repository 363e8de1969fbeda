// nn-devices: one device a line, ready for xargs and parallel. The work is in lib/backend.
#include <fmt/format.h>
#include <unistd.h>

#include "backend/device.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "cli/tool.hpp"
#include "options/fields.hpp"

namespace {

namespace options = nn::options;

struct Options {
  bool description = false, count = false;
};

options::List option_list(Options& o) {
  options::List list;
  options::Group group(list, "Output", options::Effect::output);
  group.add(
      {.name = "long",
       .letter = 'l',
       .help = "With a description behind each name",
       .text = "Add a description behind each name: the processor; of GPUs the name, the memory and the "
               "compute capability."},
      options::flag(o.description));
  group.add({.name = "count", .help = "Only how many there are", .text = "Print only how many there are."},
            options::flag(o.count));
  return list;
}

void run(const Options& o) {
  std::string why_no_cuda;
  const auto devices = nn::backend::list_devices(&why_no_cuda);
  std::string text;
  if (o.count) {
    text = fmt::format("{}\n", devices.size());
  } else {
    for (const nn::backend::DeviceInfo& device : devices) {
      text += o.description ? fmt::format("{}\t{}\n", device.name, device.description) : device.name + "\n";
    }
  }
  nn::OutputFile file("-");
  file.write(text);
  file.commit();
  if (why_no_cuda.empty()) return;
  // On a terminal say why there is no GPU; in a script only with --verbose.
  const std::string why = "no CUDA devices: " + why_no_cuda;
  ::isatty(STDOUT_FILENO) != 0 ? nn::print_summary(why) : nn::print_note(why);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const nn::cli::Command tool{.name = "nn-devices",
                              .summary = "list the devices that networks can run on",
                              .options = option_list(o),
                              .example = "nn-devices | xargs -n 1 echo"};
  return nn::cli::run_tool(argc, argv, tool, [&](const nn::cli::Parsed&) { run(o); });
}
