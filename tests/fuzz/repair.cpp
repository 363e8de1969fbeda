// Journals with lines that are none: what comes of a repair is read as it is, and is right already.
#include "study/repair.hpp"

#include "fuzz.hpp"
#include "study/replay.hpp"

using namespace nn;
using namespace nn::study;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::as_text(fuzz::as_input(data, size));
  Repair done;
  const bool is_mended = fuzz::accepts([&] { done = repair(bytes, "s.jsonl"); });
  if (!is_mended) return 0;
  Replay replay("s.jsonl");
  replay.apply(done.bytes);
  for (const Notice& notice : replay.notices()) {
    if (notice.text.ends_with(": it is left out") && notice.text.find("parameter") == std::string::npos)
      fuzz::broken_promise("a line is none after the repair", notice.text);
  }
  if (!repair(done.bytes, "s.jsonl").said.empty())
    fuzz::broken_promise("a repair has something to repair", done.bytes);
  if (done.said.empty() && done.bytes != bytes)
    fuzz::broken_promise("changed, and nothing is said", done.bytes);
  return 0;
}
