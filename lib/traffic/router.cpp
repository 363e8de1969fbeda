#include "traffic/router.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cmath>
#include <cstring>
#include <utility>

namespace nn::traffic {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view value_in(std::string_view text, std::string_view name, char separator) {
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    const std::string_view part = trimmed(text.substr(0, end));
    if (part.size() > name.size() && part.starts_with(name) && part[name.size()] == '=') {
      std::string_view value = part.substr(name.size() + 1);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
        value = value.substr(1, value.size() - 2);
      return value;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

}  // namespace

double unit_of(std::uint64_t hash) { return static_cast<double>(hash >> 11) * 0x1p-53; }

std::uint64_t mixed(std::uint64_t hash, std::uint64_t purpose) {
  const std::array<std::uint64_t, 2> both{hash, purpose};
  return XXH3_64bits(both.data(), sizeof both);
}

Router::Router(std::vector<Arm> arms, std::string_view salt) : salt_(salt), arms_(std::move(arms)) {
  if (arms_.empty()) arms_.push_back({parse_target("stable"), 1});
  double sum = 0;
  for (const Arm& arm : arms_) sum += arm.weight;
  for (std::size_t i = 0; i < arms_.size(); ++i) {
    shares_.push_back(arms_[i].weight / sum);
    const std::string name = to_text(arms_[i].target);
    names_.push_back(XXH3_64bits(name.data(), name.size()));
    if (arms_[i].weight > arms_[fallback_].weight) fallback_ = i;
  }
  for (std::size_t i = 0; i < arms_.size(); ++i) {
    if (to_text(arms_[i].target) == "stable") fallback_ = i;
  }
  if (arms_.size() == 2) second_ = to_text(arms_[1].target) == "stable" ? 0 : 1;
}

std::uint64_t Router::hash(std::string_view key) const noexcept {
  constexpr std::size_t room = 512;
  if (salt_.size() + key.size() <= room) {
    std::array<char, room> both;
    std::memcpy(both.data(), salt_.data(), salt_.size());
    std::memcpy(both.data() + salt_.size(), key.data(), key.size());
    return XXH3_64bits(both.data(), salt_.size() + key.size());
  }
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, salt_.data(), salt_.size());
  XXH3_64bits_update(&state, key.data(), key.size());
  return XXH3_64bits_digest(&state);
}

std::size_t Router::of_many(std::uint64_t hash) const noexcept {
  std::size_t best = 0;
  double most = -1;
  for (std::size_t i = 0; i < arms_.size(); ++i) {
    if (shares_[i] <= 0) continue;
    // (0, 1): the half keeps the logarithm finite.
    const double u = (static_cast<double>(mixed(hash, names_[i]) >> 12) + 0.5) * 0x1p-52;
    const double score = -shares_[i] / std::log(u);
    if (score > most) {
      most = score;
      best = i;
    }
  }
  return best;
}

Router::Choice Router::choose(std::uint64_t hash, std::uint32_t available) const noexcept {
  Choice choice;
  if (arms_.size() == 2) {
    const double u = unit_of(hash), w = shares_[second_];
    choice.arm = static_cast<std::uint8_t>(u < w ? second_ : 1 - second_);
    choice.control = u >= w && u < 2 * w;
  } else if (arms_.size() > 2) {
    choice.arm = static_cast<std::uint8_t>(of_many(hash));
  }
  if ((available >> choice.arm & 1u) == 0) {
    choice.fell_back = choice.arm != fallback_;
    choice.arm = static_cast<std::uint8_t>(fallback_);
    choice.control = false;
  }
  return choice;
}

std::string_view cookie_value(std::string_view field, std::string_view name) {
  return value_in(field, name, ';');
}
std::string_view query_value(std::string_view query, std::string_view name) {
  return value_in(query, name, '&');
}

}  // namespace nn::traffic
