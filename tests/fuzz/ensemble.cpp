// An ensemble as a version of a model: ensemble.toml.
#include <algorithm>
#include <filesystem>
#include <string>

#include "base/text.hpp"
#include "ensemble/ensemble_file.hpp"
#include "fuzz.hpp"

using namespace nn;
using ensemble::EnsembleFile;

namespace {

// Names go into messages, and paths lead to files of the version's folder or to a version beside it.
void check_part(const EnsembleFile::Part& part) {
  if (part.name.empty() || printable(part.name, part.name.size() + 1) != part.name)
    fuzz::broken_promise("not a name", part.name);
  const std::filesystem::path path(part.path);
  const std::string within = path.parent_path();
  if (part.model.empty() ? within != "all/e/2" : within != "all/" + part.name || part.version == 0)
    fuzz::broken_promise("not beside the ensemble", part.path);
  if (path.lexically_normal() != path) fuzz::broken_promise("not the shortest path", part.path);
}

void check_member(const EnsembleFile::Member& member) {
  check_part(member);
  if (!(member.weight > 0 && member.weight <= 1e9)) fuzz::broken_promise("not a weight", member.name);
  if (!member.at.empty() && (member.model.empty() || member.device))
    fuzz::broken_promise("not a member of workers", member.name);
  for (const std::string& at : member.at) {
    if (!at.starts_with("tcp://") && !at.starts_with("tls://") && !at.starts_with("unix:"))
      fuzz::broken_promise("not an endpoint that runs no command", at);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::as_text(fuzz::as_input(data, size));
  const fuzz::Budget budget(size, 1 << 20);
  fuzz::accepts([&] {
    const EnsembleFile file = ensemble::parse_ensemble(text, "all/e/2/ensemble.toml");
    if (file.members.empty() || file.members.size() > EnsembleFile::most_members)
      fuzz::broken_promise("not so many members", text);
    if (file.quorum < 1 || file.quorum > file.members.size()) fuzz::broken_promise("not a quorum", text);
    std::for_each(file.members.begin(), file.members.end(), check_member);
    if (file.stack) check_part(*file.stack);
    for (const EnsembleFile::Part& part : file.local()) check_part(part);
  });
  return 0;
}
