#include "study/header.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/json_cursor.hpp"
#include "base/json_lines.hpp"
#include "base/text.hpp"
#include "study/distribution.hpp"
#include "study/line.hpp"

namespace nn::study {
namespace {

std::vector<std::string> read_texts(JsonCursor& json) {
  std::vector<std::string> texts;
  json.array([&] { texts.emplace_back(json.string()); });
  return texts;
}

std::string ends_of(const search::Parameter& p) {
  return fmt::format("{} … {}", p.text_of(p.low), p.text_of(p.high));
}

void compare_one(const search::Parameter& before, const search::Space& old_space,
                 const search::Parameter& now, const search::Space& space, SpaceChange& change) {
  if (to_string(before, old_space) == to_string(now, space)) return;
  if (before.has_choices() && now.has_choices() && !are_compatible(before, now)) {
    change.refused.push_back(now.name + ": its choices can't change within a study");
  } else if (!are_compatible(before, now)) {
    change.refused.push_back(fmt::format("{}: it was {} and can't become {} within a study", now.name,
                                         enum_names(before.kind).name_of(before.kind),
                                         enum_names(now.kind).name_of(now.kind)));
  } else if (!now.has_choices() && (before.low != now.low || before.high != now.high)) {
    const bool narrower = now.low > before.low || now.high < before.high;
    change.said.push_back(fmt::format("{}: {} becomes {}{}", now.name, ends_of(before), ends_of(now),
                                      narrower ? "; trials outside of it teach nothing any more" : ""));
  } else {
    change.said.push_back(fmt::format("{}: it was {}, and is {}", now.name, to_string(before, old_space),
                                      to_string(now, space)));
  }
}

}  // namespace

std::string to_json(const Header& header) {
  std::string json = "{";
  add_json(json, "format", header.format);
  add_json(json, "version", header.version);
  add_json(json, "command", header.command);
  add_json(json, "space", header.space);
  add_json(json, "forbidden", header.forbidden);
  add_json(json, "seed", header.seed);
  for (const auto& [key, value] : header.settings) add_json(json, key, value);
  return json + "}";
}

Header parse_header(std::string_view text) {
  Header header;
  header.format = 0;
  std::deque<std::string> unescaped;
  JsonCursor json(text, unescaped, max_nesting);
  json.object([&](std::string_view key) {
    if (key == "format") {
      header.format = static_cast<int>(std::min<std::uint64_t>(json.count(), 1'000'000));
    } else if (key == "version") {
      header.version = json.string();
    } else if (key == "command") {
      header.command = read_texts(json);
    } else if (key == "space") {
      header.space = read_texts(json);
    } else if (key == "forbidden") {
      header.forbidden = read_texts(json);
    } else if (key == "seed") {
      header.seed = json.count();
    } else if (json.peek() == '"') {
      header.settings[std::string(key)] = json.string();
    } else {
      json.skip();
    }
  });
  // A later format may have other values in these keys.
  if (header.format > format_version) {
    throw make_error(ErrorKind::unsupported,
                     "the study is of format {}, and {} is the last that is known here", header.format,
                     format_version)
        .advise("; a later version of nn-tools made it");
  }
  if (!json.ok() || header.format < 1) fail_data("what the study says of itself isn't understood");
  return header;
}

SpaceChange compare(const search::Space& before, const search::Space& now) {
  SpaceChange change;
  for (const search::Parameter& p : now.parameters()) {
    if (const auto found = before.find(p.name)) {
      compare_one(before.parameters()[*found], before, p, now, change);
    } else {
      change.said.push_back(fmt::format("{}: it is new{}", p.name,
                                        p.is_single() ? "" : "; trials without it teach nothing any more"));
    }
  }
  for (const search::Parameter& p : before.parameters()) {
    if (!now.find(p.name))
      change.said.push_back(p.name + ": it is gone; trials are taken as if they never had it");
  }
  const auto texts = [](const search::Space& space) {
    std::vector<std::string> all;
    for (const auto& together : space.forbidden()) all.push_back(to_string(together, space));
    return all;
  };
  if (texts(before) != texts(now)) change.said.push_back("what is forbidden has changed");
  return change;
}

}  // namespace nn::study
