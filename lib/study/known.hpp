// Texts and parameters that trials point to, each kept once. For this module only.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "study/distribution.hpp"
#include "study/line.hpp"

namespace nn::study {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

class Texts {
 public:
  std::string_view keep(std::string_view text) {
    if (text.empty()) return {};
    const auto found = texts_.find(text);
    return found != texts_.end() ? *found : *texts_.emplace(text).first;
  }

 private:
  std::unordered_set<std::string, TextHash, std::equal_to<>> texts_;
};

class KnownParameters {
 public:
  // Null where it is no distribution that is known.
  const KnownParameter* keep(std::string_view name, std::string_view json) {
    std::string key;
    key.reserve(name.size() + json.size() + 1);
    key.append(name).append(1, '\0').append(json);
    const auto found = places_.find(key);
    if (found != places_.end()) return found->second;
    auto distribution = parse_distribution(name, json);
    const KnownParameter* known = nullptr;
    if (distribution) {
      known =
          &all_.emplace_back(KnownParameter{std::string(name), std::string(json), std::move(*distribution)});
    }
    places_.emplace(std::move(key), known);
    return known;
  }
  // The same for the distributions of a new trial, which are mostly those of the one before.
  const std::vector<std::pair<std::string_view, const KnownParameter*>>& keep(const Line& line) {
    if (version_ == line.distributions_version) return last_;
    version_ = line.distributions_version;
    last_.clear();
    for (const Line::Text& d : line.distributions) last_.emplace_back(d.name, keep(d.name, d.text));
    return last_;
  }

 private:
  std::deque<KnownParameter> all_;
  std::unordered_map<std::string, const KnownParameter*> places_;
  std::vector<std::pair<std::string_view, const KnownParameter*>> last_;
  std::uint64_t version_ = 0;
};

}  // namespace nn::study
