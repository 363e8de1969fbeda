#include "base/split_names.hpp"

#include <algorithm>
#include <utility>

namespace nn {

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  for (;;) {
    std::string name;
    std::size_t at = 1;
    bool closed = false;
    for (; text.starts_with('"') && !closed && at < text.size(); ++at) {
      closed = text[at] == '"' && text.substr(at + 1, 1) != "\"";
      if (closed) continue;
      name += text[at];
      if (text[at] == '"') ++at;
    }
    if (!closed || (at < text.size() && text[at] != ',')) {  // quotes that are part of the name
      at = std::min(text.find(','), text.size());
      name = text.substr(0, at);
    }
    names.push_back(std::move(name));
    if (at >= text.size()) return names;
    text.remove_prefix(at + 1);
  }
}

}  // namespace nn
