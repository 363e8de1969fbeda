// nn-devices: one device a line, ready for xargs and parallel. The work is in lib/backend.
#include <fmt/format.h>
#include <unistd.h>

#include "backend/device.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "cli/tool.hpp"

int main(int argc, char** argv) {
  bool description = false, count = false;
  return nn::cli::run_tool(
      argc, argv, {"nn-devices", "list the devices that networks can run on", "nn-devices | xargs -n 1 echo"},
      [&](CLI::App& app) {
        app.add_flag("-l,--long", description, "With a description behind each name");
        app.add_flag("--count", count, "Only how many there are");
      },
      [&] {
        std::string why_no_cuda;
        const auto devices = nn::backend::list_devices(&why_no_cuda);
        std::string text;
        if (count) {
          text = fmt::format("{}\n", devices.size());
        } else {
          for (const nn::backend::DeviceInfo& device : devices) {
            text +=
                description ? fmt::format("{}\t{}\n", device.name, device.description) : device.name + "\n";
          }
        }
        nn::OutputFile file("-");
        file.write(text);
        file.commit();
        if (why_no_cuda.empty()) return;
        // Who reads the list is told; who reads a script's messages didn't ask.
        const std::string why = "no CUDA devices: " + why_no_cuda;
        ::isatty(STDOUT_FILENO) != 0 ? nn::print_summary(why) : nn::print_note(why);
      });
}
